package resolve

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// layers is a scope as a run has it.
func layers() Scope {
	return Scope{
		{Name: "command line", Texts: map[string]Input{"SET": {Text: "set"}, "PATH": {Text: "/opt:${PATH}"}}},
		{Name: LayerEnvironment, Plain: map[string]string{"PATH": "/bin", "HOME": "/root", "SHARED": "environment", "odd.name": "odd"}},
		{Name: ".env", Texts: map[string]Input{"SHARED": {Text: ".env"}, "PORT": {Text: "${PORT:-80}"}}},
		{Name: LayerVariables, Texts: map[string]Input{
			"SHARED": {Text: "variables ${SET}"}, "PORT": {Text: "8080"}, "APP": {Text: "${HOME}/${NAME}"}, "NAME": {Text: "shop"},
			"PW": {Text: "${secret:pw}"}, "DIR": {Text: "${file:./x}", Dir: "/etc/vars"},
		}},
		{Name: "built-in", Plain: map[string]string{"PYLEE_ENV": "dev"}},
	}
}

func TestNames(t *testing.T) {
	for text, want := range map[string]string{
		"${SET}": "set", "${PATH}": "/opt:/bin", "${env:PATH}": "/bin", "${SHARED}": "environment", "${var:SHARED}": "variables set",
		"${PORT}": "8080", "${var:PORT}": "8080", "${env:PORT:-unset}": "unset", "${APP}": "/root/shop", "${PYLEE_ENV}": "dev",
		"${var:PYLEE_ENV:-unset}": "unset", "${env:odd.name}": "odd", "${var:${UNSET:-NAME}}": "shop", "${secret:${NAME}}": "by name",
	} {
		p := compile(t, Options{Scope: layers()}, map[string]string{"X": text})
		s, err := resolver(t, newSource(map[string]string{"shop": "by name"}).driver("local")).Resolve(t.Context(), p)
		if e, _ := s.Entry("X"); err != nil || string(e.Value.Reveal()) != want {
			t.Errorf("%s is %q, %v, want %q", text, e.Value.Reveal(), err, want)
		}
	}
}

func TestInputsBeginAtTheirLayer(t *testing.T) {
	for layer, want := range []string{"/opt:/bin", "/bin", "unset"} {
		p, err := Compile([]Input{{Name: "PATH", Text: "${PATH:-unset}", Layer: layer}}, Options{Scope: layers()})
		if err != nil {
			t.Fatal(err)
		}
		s, err := resolver(t).Resolve(t.Context(), p)
		if e, _ := s.Entry("PATH"); err != nil || string(e.Value.Reveal()) != want {
			t.Errorf("from layer %d: %q, %v, want %q", layer, e.Value.Reveal(), err, want)
		}
	}
}

func TestTextsBehindNamesAreEvaluatedOnce(t *testing.T) {
	local := newSource(map[string]string{"pw": "1"})
	files := newSource(map[string]string{"/etc/vars/x": "2", "/etc/app/x": "3"})
	p := compile(t, Options{Scope: layers()}, map[string]string{
		"A": "${PW}${PW}", "B": "${var:PW}${DIR}${DIR}", "C": "${file:./x}${file:x}${file:/etc/app/x}",
	})
	s, err := resolver(t, local.driver("local"), files.driver("file")).Resolve(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"A": "11", "B": "122", "C": "333"} {
		if e, _ := s.Entry(name); string(e.Value.Reveal()) != want {
			t.Errorf("%s is %q, want %q", name, e.Value.Reveal(), want)
		}
	}
	if want := [][]string{{"/etc/app/x", "/etc/vars/x"}}; !reflect.DeepEqual(files.fetches, want) {
		t.Errorf("files: %q, want %q", files.fetches, want)
	}
	if want := [][]string{{"pw"}}; !reflect.DeepEqual(local.fetches, want) {
		t.Errorf("local: %q, want %q", local.fetches, want)
	}
}

func TestPathsOfFiles(t *testing.T) {
	o := Options{Instances: map[string]Instance{"certs": {Kind: "file", Prefix: "certs/"}}}
	for text, want := range map[string]string{
		"${file:/abs/x}": "/abs/x", "${file:x}": "/etc/app/x", "${file:../x}": "/etc/x", "${file:~/x}": "~/x", "${file:a~/x}": "/etc/app/a~/x",
		"${certs:x}": "/etc/app/certs/x", "${dir:x}": "x",
	} {
		s := newSource(map[string]string{want: "found"})
		_, err := resolver(t, s.driver("file"), s.driver("dir")).Resolve(t.Context(), compile(t, o, map[string]string{"X": text}))
		if err != nil {
			t.Errorf("%s: %v, asked %q", text, err, s.fetches)
		}
	}
}

func TestCycles(t *testing.T) {
	variables := func(texts ...string) Scope {
		l := Layer{Name: LayerVariables, Texts: make(map[string]Input)}
		for i, text := range texts {
			name := string(rune('A' + i))
			l.Texts[name] = Input{Name: "variables." + name, Text: text, Origin: file{"pylee.yaml", i + 1}}
		}
		return Scope{{Name: "command line", Texts: map[string]Input{"Z": {Text: "${Z}"}}}, l}
	}
	for name, test := range map[string]struct {
		scope Scope
		want  []string
	}{
		"two":         {variables("${B}", "x${A}"), []string{"pylee.yaml:2:2: variables.B: cycle: A -> B -> A"}},
		"three":       {variables("${B}", "${C}", "${A:-x}"), []string{"pylee.yaml:3:1: variables.C: cycle: A -> B -> C -> A"}},
		"in a word":   {variables("${U:-${B}}", "${A}"), []string{"pylee.yaml:2:1: variables.B: cycle: A -> B -> A"}},
		"in a name":   {variables("${vault:x/${B}}", "${A}"), []string{"pylee.yaml:2:1: variables.B: cycle: A -> B -> A"}},
		"exact":       {variables("${var:A}"), []string{"pylee.yaml:1:1: variables.A: cycle: A -> A"}},
		"two of them": {variables("${B}", "${A}", "${D}", "${C}"), []string{"pylee.yaml:2:1: variables.B: cycle: A -> B -> A", "pylee.yaml:4:1: variables.D: cycle: C -> D -> C"}},
		"none":        {variables("${A:-x}", "${A}", "${B}"), nil},
	} {
		p, err := Compile(inputs(map[string]string{"X": "${A}", "Y": "fine"}), Options{Scope: test.scope})
		if got := reasons(err); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
		s, err := resolver(t).Resolve(t.Context(), p)
		if got := reasons(err); len(test.want) > 0 && !reflect.DeepEqual(got, test.want[:1]) {
			t.Errorf("%s resolved: %q, want %q", name, got, test.want)
		}
		if _, ok := s.Entry("Y"); !ok {
			t.Errorf("%s: what is fine was not resolved", name)
		}
	}
}

func TestCyclesThatOnlyResolvingTells(t *testing.T) {
	texts := map[string]Input{"A": {Name: "A", Text: "${var:${TO}}"}, "B": {Name: "B", Text: "${A}"}, "TO": {Name: "TO", Text: "B"}}
	p := compile(t, Options{Scope: Scope{{Name: LayerVariables, Texts: texts}}}, map[string]string{"X": "${A}"})
	_, err := resolver(t).Resolve(t.Context(), p)
	if err == nil || !strings.Contains(err.Error(), "cycle: A -> B -> A") {
		t.Error(err)
	}
}

func TestLongChains(t *testing.T) {
	for _, n := range []int{maxChain, maxChain + 1, 20_000} {
		texts := map[string]Input{"V1": {Name: "V1", Text: "end"}}
		for i := 2; i <= n; i++ {
			name := fmt.Sprintf("V%d", i)
			texts[name] = Input{Name: name, Text: fmt.Sprintf("${V%d}", i-1)}
		}
		p, err := Compile([]Input{{Name: "X", Text: fmt.Sprintf("${V%d}", n)}}, Options{Scope: Scope{{Name: LayerVariables, Texts: texts}}})
		if (n > maxChain) != (err != nil) || len(Problems(err)) > 1 {
			t.Errorf("%d: %v", n, err)
		}
		s, err := resolver(t).Resolve(t.Context(), p)
		if e, _ := s.Entry("X"); n <= maxChain && string(e.Value.Reveal()) != "end" || n > maxChain && err == nil {
			t.Errorf("%d: %q, %v", n, e.Value.Reveal(), err)
		}
	}
}

func TestWideTextsTakeNoExponentialTime(t *testing.T) {
	texts := map[string]Input{"A": {Text: "${secret:a}"}, "BAD": {Text: "${UNSET}"}}
	last := map[string]string{"A": "A", "BAD": "BAD"}
	for i := range 30 {
		for base, before := range last {
			name := fmt.Sprintf("%s%d", base, i)
			texts[name] = Input{Text: strings.Repeat("${"+before+"|trim}", 4) + "${" + before + ":+}"}
			if base == "A" {
				texts[name] = Input{Text: strings.Repeat("${"+before+":+}", 4)}
			}
			last[base] = name
		}
	}
	p := compile(t, Options{Scope: Scope{{Name: LayerVariables, Texts: texts}}}, map[string]string{"X": "${" + last["A"] + "}", "Y": "${" + last["BAD"] + "}"})
	s, err := resolver(t, newSource(map[string]string{"a": "1"}).driver("local")).Resolve(t.Context(), p)
	if got := reasons(err); len(got) != 1 || got[0] != "${UNSET} is not set" {
		t.Errorf("%q", got)
	}
	if e, ok := s.Entry("X"); !ok || len(e.Sources) != 32 {
		t.Errorf("%t, %d sources", ok, len(e.Sources))
	}
}
