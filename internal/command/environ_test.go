package command

import (
	"slices"
	"testing"
)

func TestEnviron(t *testing.T) {
	from := map[string]string{
		"PATH": "/bin", "HOME": "/h", "LC_ALL": "C", "XDG_RUNTIME_DIR": "/run/user/1", "LD_PRELOAD": "x.so", "GODEBUG": "http2debug=2",
		"VAULT_ADDR": "a", "VAULT_TOKEN": "t", "PYLEE_IDENTITY": "i", "PYLEE_ENV": "dev", "EMPTY": "", "LANGUAGE": "de",
	}
	always := []string{"HOME=/h", "LC_ALL=C", "PATH=/bin", "XDG_RUNTIME_DIR=/run/user/1"}
	for _, c := range []struct {
		name string
		more []string
		set  map[string]string
		want []string
	}{
		{"nothing more", nil, nil, nil},
		{"named", []string{"VAULT_TOKEN", "EMPTY", "ABSENT"}, nil, []string{"VAULT_TOKEN=t", "EMPTY="}},
		{"pattern", []string{"VAULT_*"}, nil, []string{"VAULT_ADDR=a", "VAULT_TOKEN=t"}},
		{"all but pylee's", []string{"*"}, nil, []string{"EMPTY=", "GODEBUG=http2debug=2", "LANGUAGE=de", "LD_PRELOAD=x.so", "VAULT_ADDR=a", "VAULT_TOKEN=t"}},
		{"pylee's by name", []string{"PYLEE_ENV"}, nil, []string{"PYLEE_ENV=dev"}},
		{"pylee's by pattern", []string{"PYLEE_*"}, nil, nil},
		{"set", nil, map[string]string{"A": "1"}, []string{"A=1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := slices.Sorted(slices.Values(slices.Concat(always, c.want)))
			if got := Environ(from, c.more, c.set); !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
	if got := Environ(from, nil, map[string]string{"HOME": "/other"}); !slices.Contains(got, "HOME=/other") || slices.Contains(got, "HOME=/h") {
		t.Errorf("what is set does not come first: %q", got)
	}
	if got := Environ(nil, nil, nil); len(got) != 0 {
		t.Errorf("from nothing: %q", got)
	}
}
