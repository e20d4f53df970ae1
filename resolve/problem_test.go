package resolve

import (
	"errors"
	"reflect"
	"testing"
)

func TestProblemsAreSortedByPlace(t *testing.T) {
	var problems []*Problem
	for _, place := range []string{"b.json:2:1", "a.json:10:2", "a.json:9:30", "--set DB", "a.json:10:11", "", "a.json:10:2", `C:\x.json:1:1`, "x:y:z"} {
		problems = append(problems, &Problem{Place: place, Name: "N", Err: errors.New("bad")})
	}
	want := []string{"N: bad", "--set DB: N: bad", `C:\x.json:1:1: N: bad`, "a.json:9:30: N: bad", "a.json:10:2: N: bad", "a.json:10:11: N: bad", "b.json:2:1: N: bad", "x:y:z: N: bad"}
	err := join(problems)
	if got := reasons(err); !reflect.DeepEqual(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := Problems(errors.Join(errors.New("other"), err)); len(got) != len(want) {
		t.Errorf("%d of %d", len(got), len(want))
	}
	if Problems(nil) != nil || Problems(errors.New("other")) != nil || join(nil) != nil {
		t.Error("problems out of nothing")
	}
	if got := Problems(problems[0]); len(got) != 1 || got[0] != problems[0] {
		t.Errorf("%v", got)
	}
}
