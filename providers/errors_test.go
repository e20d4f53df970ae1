package providers

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"testing"
)

func TestKindOf(t *testing.T) {
	for _, kind := range kinds {
		for name, err := range map[string]error{
			"itself":  kind,
			"wrapped": fmt.Errorf("a: %w", fmt.Errorf("b: %w", kind)),
			"Error":   &Error{Kind: kind, Detail: "why"},
			"deep":    fmt.Errorf("a: %w", &Error{Kind: kind}),
			"joined":  errors.Join(errors.New("other"), &Error{Kind: kind}),
		} {
			if got := KindOf(err); got != kind {
				t.Errorf("%v, %s: got %v", kind, name, got)
			}
		}
	}
	for _, c := range []struct {
		err, want error
	}{
		{nil, nil},
		{context.Canceled, ErrUnavailable},
		{fmt.Errorf("x: %w", context.DeadlineExceeded), ErrUnavailable},
		{errors.New("of no kind"), ErrInvalid},
		{fs.ErrNotExist, ErrInvalid},
		{&Error{}, ErrInvalid},
	} {
		if got := KindOf(c.err); got != c.want {
			t.Errorf("KindOf(%v) = %v, want %v", c.err, got, c.want)
		}
	}
}

func TestReasonOf(t *testing.T) {
	for _, c := range []struct {
		err  error
		want Reason
	}{
		{nil, ReasonNone},
		{ErrNotFound, ReasonNone},
		{&Error{Kind: ErrNotFound}, ReasonNone},
		{&Error{Kind: ErrNotFound, Reason: ReasonDeleted}, ReasonDeleted},
		{fmt.Errorf("x: %w", &Error{Kind: ErrInvalid, Reason: ReasonIntegrity}), ReasonIntegrity},
	} {
		if got := ReasonOf(c.err); got != c.want {
			t.Errorf("ReasonOf(%v) = %q, want %q", c.err, got, c.want)
		}
	}
}

func TestErrorText(t *testing.T) {
	for _, c := range []struct {
		err  *Error
		want string
	}{
		{&Error{Kind: ErrDenied, Detail: "no read permission"}, "no read permission"},
		{&Error{Kind: ErrDenied, Hint: "ask", Debug: "id 1"}, "access denied"},
		{&Error{}, "invalid configuration"},
	} {
		if got := c.err.Error(); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestRefuse(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		want string // "": no error
	}{
		{"no options", Options(nil).Refuse(), ""},
		{"known options", Options{"version": "1"}.Refuse("version"), ""},
		{"unknown option", Options{"b": "1", "a": "2", "version": "3"}.Refuse("version"), `unknown option "a"`},
		{"no settings", Settings{}.Refuse("file"), ""},
		{"common setting", Settings{Options: map[string]any{"type": "file"}}.Refuse("file"), ""},
		{"own setting", Settings{Options: map[string]any{"path": "/x"}}.Refuse("dir"), ""},
		{"setting of another kind", Settings{Options: map[string]any{"path": "/x"}}.Refuse("file"), `unknown setting "path"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.want == "" {
				if c.err != nil {
					t.Fatalf("refused: %v", c.err)
				}
				return
			}
			if !errors.Is(c.err, ErrInvalid) || c.err.Error() != c.want {
				t.Fatalf("got %v, want %s", c.err, c.want)
			}
		})
	}
}

func TestSettingsText(t *testing.T) {
	s := Settings{Options: map[string]any{"path": "/x", "number": 17}}
	if got, err := s.Text("path"); got != "/x" || err != nil {
		t.Errorf("path: %q, %v", got, err)
	}
	if got, err := s.Text("absent"); got != "" || err != nil {
		t.Errorf("absent: %q, %v", got, err)
	}
	if _, err := s.Text("number"); !errors.Is(err, ErrInvalid) || err.Error() != `setting "number" is not a string` {
		t.Errorf("number: %v", err)
	}
}

func TestTable(t *testing.T) {
	if !slices.IsSortedFunc(Table, func(a, b Scheme) int {
		if a.Kind < b.Kind {
			return -1
		}
		return 1
	}) {
		t.Error("the table is not sorted by kind, or a kind stands twice")
	}
	for _, s := range Table {
		found, ok := Find(s.Kind)
		if !ok || found.Kind != s.Kind {
			t.Errorf("%s is not found", s.Kind)
		}
		for _, option := range s.Options {
			if slices.Contains(CommonOptions, option) {
				t.Errorf("%s: option %s is common", s.Kind, option)
			}
		}
		for _, setting := range s.Settings {
			if slices.Contains(CommonSettings, setting) {
				t.Errorf("%s: setting %s is common", s.Kind, setting)
			}
		}
	}
	if _, ok := Find("vualt"); ok {
		t.Error("an unknown kind is found")
	}
}
