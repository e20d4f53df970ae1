package providers

import (
	"bytes"
	"encoding"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"expvar"
	"fmt"
	htmltemplate "html/template"
	"io"
	"log"
	"log/slog"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"testing"
	"text/tabwriter"
	"text/template"
)

// channel is a way from a Go value to text.
type channel struct {
	name  string
	print func(v any) []string // everything that comes out, messages of errors too
}

func channels() []channel {
	return []channel{
		{"fmt verbs", verbs},
		{"fmt print", func(v any) []string {
			return []string{fmt.Sprint(v), fmt.Sprintln(v), string(fmt.Append(nil, v)), fmt.Sprint("x", v, 1), fmt.Sprintf("%d", []any{v})}
		}},
		{"fmt errors", func(v any) []string {
			format := "a %v %+v %#v %s: %w" // not a constant: vet wants an error for %w
			err := fmt.Errorf(format, v, v, v, v, v)
			return []string{err.Error(), errors.Join(err, errors.New("b")).Error(), fmt.Sprintf("%+v %#v", err, err)}
		}},
		{"fmt mismatch", func(v any) []string {
			var all []string // what fmt says of too many, badly indexed and misused arguments
			for _, format := range []string{"", "%*d", "%.*d", "%[2]*[1]d", "%[9]d", "%!", "%d %", "%z"} {
				all = append(all, fmt.Sprintf(format, v, v, v))
			}
			return all
		}},
		{"encoding/json", func(v any) []string {
			var b bytes.Buffer
			encoder := json.NewEncoder(&b)
			encoder.SetEscapeHTML(false)
			return append(text(json.MarshalIndent(v, "", " ")), append(text(b.Bytes(), encoder.Encode(v)), b.String())...)
		}},
		{"encoding/gob", func(v any) []string {
			var b bytes.Buffer
			err := gob.NewEncoder(&b).Encode(v)
			return text(b.Bytes(), err)
		}},
		{"encoding/xml", func(v any) []string { return text(xml.MarshalIndent(v, "", " ")) }},
		{"encoding.TextMarshaler", func(v any) []string {
			if m, ok := v.(encoding.TextMarshaler); ok {
				return text(m.MarshalText())
			}
			return []string{""}
		}},
		{"text/template", func(v any) []string { return templated(textTemplate, v) }},
		{"html/template", func(v any) []string { return templated(htmlTemplate, v) }},
		{"log/slog text", func(v any) []string {
			return logged(v, func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) })
		}},
		{"log/slog JSON", func(v any) []string {
			return logged(v, func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) })
		}},
		{"log", func(v any) []string {
			var b bytes.Buffer
			l := log.New(&b, "", log.LstdFlags)
			l.Print(v)
			l.Println("x", v)
			l.Printf("%v %+v %#v %q", v, v, v, v)
			return []string{b.String()}
		}},
		{"expvar", func(v any) []string { return []string{expvar.Func(func() any { return v }).String()} }},
		{"deep reflection", func(v any) []string {
			var b strings.Builder
			walk(&b, reflect.ValueOf(v), map[uintptr]bool{})
			return []string{b.String()}
		}},
	}
}

// TestRedaction tries every way to print on every shape that holds a secret. The same
// is done with an unprotected string: a channel on which that does not leak would
// prove nothing.
func TestRedaction(t *testing.T) {
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "channel\tcontainers\tcells\tleaks\tleaks of a string\t")
	total := 0
	for _, channel := range channels() {
		cells, leaks := 0, 0
		for _, shape := range shapes() {
			for _, out := range channel.print(shape.value) {
				cells++
				if form := leaked(out); form != "" {
					leaks++
					t.Errorf("%s of %s leaks %q: %q", channel.name, shape.name, form, out)
				}
			}
		}
		control := 0
		for _, shape := range containers(canary) {
			for _, out := range channel.print(shape.value) {
				if leaked(out) != "" {
					control++
				}
			}
		}
		if control == 0 && channel.name != "encoding.TextMarshaler" { // a string is none
			t.Errorf("%s leaks nothing of a plain string: the test does not see", channel.name)
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t\n", channel.name, len(shapes()), cells, leaks, control)
		total += cells
	}
	w.Flush() //nolint:errcheck // a strings.Builder does not fail
	t.Logf("%d cells\n%s", total, table.String())
	if total < 10_000 {
		t.Errorf("only %d cells", total)
	}
}

// verbs prints v with every letter as a verb, and every flag, width and precision.
func verbs(v any) []string {
	var all []string
	flags := []string{"", "+", "-", "#", " ", "0", "+#", "# ", "#0", "-+# 0", "40", "-40", "040", ".3", ".20", "30.9", "#30.9", "[1]"}
	for _, letters := range []string{"az", "AZ"} {
		for verb := letters[0]; verb <= letters[1]; verb++ {
			for _, flag := range flags {
				all = append(all, fmt.Sprintf("%"+flag+string(verb), v))
			}
		}
	}
	return all
}

func text(b []byte, err error) []string {
	return []string{string(b), fmt.Sprint(err)}
}

var (
	textTemplate = template.Must(template.New("t").Parse(
		`{{.}} {{print .}} {{printf "%v %+v %#v %s %q %x %d" . . . . . . .}} {{html .}} {{js .}} {{urlquery .}}`))
	htmlTemplate = htmltemplate.Must(htmltemplate.New("t").Parse(
		`<p title="{{.}}" style="color: {{.}}">{{.}}</p><a href="/?q={{.}}" onclick="f({{.}})">x</a><script>let x = {{.}}, y = "{{.}}";</script>`))
)

type executor interface {
	Execute(w io.Writer, data any) error
}

func templated(t executor, v any) []string {
	var b bytes.Buffer
	err := t.Execute(&b, v)
	return text(b.Bytes(), err)
}

func logged(v any, handler func(*bytes.Buffer) slog.Handler) []string {
	var b bytes.Buffer
	l := slog.New(handler(&b))
	l.Info("direct", "k", v)
	l.Info("group", slog.Group("g", slog.Any("k", v)))
	l.With("k", v).WithGroup("g").Info("with", slog.Any("k", []any{v}))
	l.Info("no key", v)
	l.Info(fmt.Sprint(v))
	return strings.SplitAfter(b.String(), "\n")
}

// walk writes what a debugger-like printer reaches: every field, exported or not,
// behind every pointer.
func walk(b *strings.Builder, v reflect.Value, seen map[uintptr]bool) {
	switch v.Kind() {
	case reflect.String:
		fmt.Fprintln(b, v.String())
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() || v.Kind() == reflect.Pointer && seen[v.Pointer()] {
			return
		}
		if v.Kind() == reflect.Pointer {
			seen[v.Pointer()] = true
		}
		walk(b, v.Elem(), seen)
	case reflect.Struct:
		for i := range v.NumField() {
			walk(b, v.Field(i), seen)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			walk(b, v.Index(i), seen)
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			walk(b, it.Key(), seen)
			walk(b, it.Value(), seen)
		}
	case reflect.Uint8:
		fmt.Fprintf(b, "%c", rune(v.Uint()))
	default:
		fmt.Fprintf(b, "(%s)", v.Kind())
	}
}

// TestRedactionPanic lets a process of this test die by a panic with each shape, and
// searches what the runtime prints, stacks of all goroutines included.
func TestRedactionPanic(t *testing.T) {
	const variable = "PYLEE_TEST_PANIC"
	all := append(shapes(), container{"plain string", canary})
	if name := os.Getenv(variable); name != "" {
		for _, shape := range all {
			if shape.name == name {
				panic(shape.value)
			}
		}
	}
	for _, shape := range all {
		cmd := exec.Command(os.Args[0], "-test.run=^TestRedactionPanic$")
		cmd.Env = append(os.Environ(), variable+"="+shape.name, "GOTRACEBACK=all")
		out, err := cmd.CombinedOutput()
		if err == nil || !bytes.Contains(out, []byte("panic: ")) {
			t.Fatalf("%s: no panic: %v: %s", shape.name, err, out)
		}
		if form := leaked(string(out)); (form != "") != (shape.name == "plain string") {
			t.Errorf("a panic with %s: leaks %q: %s", shape.name, form, out)
		}
	}
}
