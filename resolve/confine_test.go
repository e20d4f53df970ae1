package resolve

import (
	"strings"
	"testing"

	"github.com/pyleeai/pylee/providers"
)

// TestConfine checks that names of schemes with a path carry the directory they must
// not leave, and that what plainly leaves it is reported before anything is fetched.
func TestConfine(t *testing.T) {
	s := newSource(map[string]string{"/p/sub/a": "a", "/p/b": "b", "/p/sub/x": "x", "/etc/shadow": "root", "~/k": "k", "/p/sub/../../etc/shadow": "no"})
	for text, ok := range map[string]bool{
		"${file:a}": true, "${file:./a}": true, "${file:../b}": true, "${file:/p/b}": true, "${file:~/k}": true,
		"pylee://file//p/b": true, "${file:../../etc/shadow}": false, "${file:/etc/shadow}": false, "${file:/p/../etc/shadow}": false,
		"${file:../../px/b}": false, "${A:-${file:/etc/shadow}}": false, "${f:shadow}": false, "pylee://file//etc/shadow": false,
	} {
		in := Input{Name: "env.A", Text: text, Dir: "/p/sub", Confine: "/p"}
		o := Options{Instances: map[string]Instance{"f": {Name: "f", Kind: "file", Prefix: "/etc/"}}}
		plan, err := Compile([]Input{in}, o)
		if (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if !ok {
			if p := Problems(err); len(p) != 1 || kindOf(t, err) != providers.ErrInvalid || !strings.Contains(p[0].Hint, "--config") || p[0].Caret == "" {
				t.Errorf("%s: %+v", text, p)
			}
			in.Confine = ""
			if _, err := Compile([]Input{in}, o); err != nil {
				t.Errorf("%s: not confined: %v", text, err)
			}
			continue
		}
		if _, err := resolver(t, s.driver("file")).Resolve(t.Context(), plan); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, key := range s.below {
		if key != "/p" {
			t.Errorf("asked below %q", key)
		}
	}
}

// TestConfineIsOfTheText checks that a path behind a name keeps what holds for its own
// text, and that the same file with and without a bound is asked for twice.
func TestConfineIsOfTheText(t *testing.T) {
	s := newSource(map[string]string{"/etc/shadow": "root", "/p/a": "a"})
	plan, err := Compile([]Input{
		{Name: "A", Text: "${V}", Dir: "/p", Confine: "/p"},
		{Name: "B", Text: "${file:/p/a}", Dir: "/p", Confine: "/p"},
		{Name: "C", Text: "${file:/p/a}", Dir: "/p"},
	}, Options{Scope: Scope{{Name: "variables", Texts: map[string]Input{"V": {Name: "V", Text: "${file:/etc/shadow}"}}}}})
	if err != nil {
		t.Fatal(err)
	}
	snapshot, err := resolver(t, s.driver("file")).Resolve(t.Context(), plan)
	if err != nil {
		t.Fatal(err)
	}
	if e, _ := snapshot.Entry("A"); string(e.Value.Reveal()) != "root" {
		t.Error("the bound of another text counts")
	}
	if len(s.below) != 3 {
		t.Errorf("asked %q", s.below)
	}
}
