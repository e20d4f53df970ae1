package transport

import (
	"errors"
	"slices"
	"testing"

	"github.com/pyleeai/pylee/providers"
)

func TestDistinct(t *testing.T) {
	refused := errors.New("refused")
	keys := []providers.Key{{Name: "b"}, {Name: "a"}, {Name: ""}, {Name: "b"}}
	results := make([]providers.Result, len(keys))
	behind, each := Distinct(keys, results, func(i int) (string, error) {
		if keys[i].Name == "" {
			return "", refused
		}
		return keys[i].Name, nil
	}, func(name string) *string { return &name })
	if len(each) != 2 || *each[0] != "b" || *each[1] != "a" {
		t.Fatalf("%d reads", len(each))
	}
	if !slices.Equal(behind, []*string{each[0], each[1], nil, each[0]}) {
		t.Error("a key has the read of another")
	}
	for i, r := range results {
		if want := map[bool]error{i == 2: refused}[true]; r.Err != want { //nolint:errorlint // as it was given
			t.Errorf("%d: %v", i, r.Err)
		}
	}
}
