package exec_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/pyleeai/pylee/exec"
)

func TestEnvKeepsWhatItIsGiven(t *testing.T) {
	for _, tt := range []struct {
		name     string
		in, want []string
	}{
		{"first duplicate wins", []string{"D=1", "X=0", "D=2"}, []string{"D=1", "X=0"}},
		{"no equals sign", []string{"NOEQ", "A=1"}, []string{"NOEQ", "A=1"}},
		{"no name", []string{"=C:=x", "=D:=y"}, []string{"=C:=x", "=D:=y"}},
		{"empty entry", []string{"", "A=1"}, []string{"", "A=1"}},
		{"invalid UTF-8", []string{"BAD=\xff\xfe", "\xff=1"}, []string{"BAD=\xff\xfe", "\xff=1"}},
		{"empty value", []string{"A="}, []string{"A="}},
		{"equals in value", []string{"A=b=c"}, []string{"A=b=c"}},
		{"nothing", nil, []string{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := exec.NewEnv(tt.in).List(); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestEnvSet(t *testing.T) {
	env := exec.NewEnv([]string{"A=1", "D=old", "NOEQ", "D=older", "Z=9"})
	for _, set := range []struct{ name, value string }{{"D", "new"}, {"N", "n"}, {"N", "m"}, {"E", ""}, {"NOEQ", "x"}, {"B", "\xff\n=x"}} {
		if err := env.Set(set.name, []byte(set.value)); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"A=1", "D=new", "NOEQ", "Z=9", "N=m", "E=", "NOEQ=x", "B=\xff\n=x"}
	if got := env.List(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, ok := env.Lookup("D"); got != "new" || !ok {
		t.Errorf("D is %q, %v", got, ok)
	}
	if got, ok := env.Lookup("E"); got != "" || !ok {
		t.Errorf("E is %q, %v", got, ok)
	}
	if _, ok := env.Lookup("NONE"); ok {
		t.Error("NONE is there")
	}
}

func TestEnvSetRefuses(t *testing.T) {
	const canary = "c4nary"
	for _, tt := range []struct{ name, value, want string }{
		{"", canary, "a variable needs a name"},
		{"A=B", canary, `"A=B"`},
		{"A\x00B", canary, `"A\x00B"`},
		{"PASSWORD", canary + "\x00" + canary, "PASSWORD: the value holds a NUL byte"},
	} {
		env := exec.NewEnv([]string{"A=1"})
		err := env.Set(tt.name, []byte(tt.value))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: got %v, want %q", tt.name, err, tt.want)
		} else if strings.Contains(err.Error(), canary) {
			t.Errorf("%q: the error holds the value", tt.name)
		}
		if got := env.List(); !slices.Equal(got, []string{"A=1"}) {
			t.Errorf("%q: changed to %q", tt.name, got)
		}
	}
}

func TestEnvDrop(t *testing.T) {
	in := []string{"VAULT_TOKEN=t", "VAULT_ADDR=a", "PYLEE_ENV=dev", "PYLEE_CONFIG=c", "PYLEE=1", "XPYLEE_A=1", "A*=star", "NOEQ", "=C:=x", "aXbXc=1"}
	for _, tt := range []struct {
		name           string
		patterns, keep []string
		dropped        []string
	}{
		{"exact", []string{"VAULT_TOKEN"}, nil, []string{"VAULT_TOKEN=t"}},
		{"prefix with exceptions", []string{"PYLEE_*"}, []string{"PYLEE_ENV"}, []string{"PYLEE_CONFIG=c"}},
		{"suffix", []string{"*_TOKEN"}, nil, []string{"VAULT_TOKEN=t"}},
		{"inside", []string{"V*T*N"}, nil, []string{"VAULT_TOKEN=t"}},
		{"several stars", []string{"a*X*c"}, nil, []string{"aXbXc=1"}},
		{"kept by pattern", []string{"*"}, []string{"*"}, nil},
		{"no meaning for brackets", []string{"[A-Z]*", "?"}, nil, nil},
		{"entry without a value", []string{"NOEQ"}, nil, []string{"NOEQ"}},
		{"nameless entries stay", []string{"*"}, nil, slices.Delete(slices.Clone(in), 8, 9)},
		{"nothing", nil, nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			env := exec.NewEnv(in)
			env.Drop(tt.patterns, tt.keep)
			want := slices.DeleteFunc(slices.Clone(in), func(s string) bool { return slices.Contains(tt.dropped, s) })
			if got := env.List(); !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestEnvSetAfterDrop(t *testing.T) {
	env := exec.NewEnv([]string{"A=1", "B=2", "C=3"})
	env.Drop([]string{"A"}, nil)
	for _, name := range []string{"C", "A"} {
		if err := env.Set(name, []byte("new")); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := env.List(), []string{"B=2", "C=new", "A=new"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzEnv(f *testing.F) {
	f.Add("A=1\nB=2\nA=3\nNOEQ\n=x", "A", "v", "B*")
	f.Fuzz(func(t *testing.T, list, name, value, pattern string) {
		in := strings.Split(list, "\n")
		env := exec.NewEnv(in)
		env.Drop([]string{pattern}, nil)
		err := env.Set(name, []byte(value))
		bad := name == "" || strings.ContainsAny(name, "=\x00") || strings.Contains(value, "\x00")
		if (err != nil) != bad {
			t.Fatalf("Set(%q): %v", name, err)
		}
		out := env.List()
		seen := map[string]bool{}
		for _, entry := range out {
			n, v, ok := strings.Cut(entry, "=")
			if !ok || n == "" {
				continue
			}
			if seen[n] {
				t.Fatalf("%q twice in %q", n, out)
			}
			seen[n] = true
			if got, found := env.Lookup(n); !found || got != v {
				t.Fatalf("Lookup(%q) = %q, %v in %q", n, got, found, out)
			}
			if n == name && err == nil {
				if v != value {
					t.Fatalf("%q is %q, not %q", n, v, value)
				}
			} else if !slices.Contains(in, entry) {
				t.Fatalf("%q comes from nowhere", entry)
			}
		}
		if err == nil && !seen[name] {
			t.Fatalf("%q was set and is missing in %q", name, out)
		}
	})
}
