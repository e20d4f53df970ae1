package mask

import (
	"reflect"
	"strings"
	"testing"
)

func TestDecode(t *testing.T) {
	for _, c := range []struct {
		plain any
		want  Options
		wrong []string // what the error names; empty: there is none
	}{
		{nil, Options{}, nil},
		{true, Options{On: true}, nil},
		{false, Options{}, nil},
		{map[string]any{}, Options{On: true}, nil},
		{map[string]any{"except": nil}, Options{On: true}, nil},
		{map[string]any{"except": []any{"DB_USER", "app.conf"}}, Options{On: true, Except: []string{"DB_USER", "app.conf"}}, nil},
		{"x", Options{}, []string{"mask: takes true, false"}},
		{map[string]any{"except": "DB_USER", "only": 1}, Options{}, []string{"mask.except: takes a list", "mask.only: no such key"}},
		{map[string]any{"except": []any{"A", 1, ""}}, Options{}, []string{"mask.except.1: ", "mask.except.2: "}},
	} {
		got, err := Decode(c.plain)
		if !reflect.DeepEqual(got, c.want) || (err == nil) != (len(c.wrong) == 0) {
			t.Errorf("%v: %+v, %v", c.plain, got, err)
		}
		for _, part := range c.wrong {
			if err != nil && !strings.Contains(err.Error(), part) {
				t.Errorf("%v: %v does not say %q", c.plain, err, part)
			}
		}
	}
}
