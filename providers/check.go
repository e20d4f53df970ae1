package providers

import (
	"slices"
	"sort"
	"strconv"
)

// Refuse returns an error of kind ErrInvalid that names the first option, sorted by
// name, that is not among known; nil if all are.
func (o Options) Refuse(known ...string) error {
	names := make([]string, 0, len(o))
	for name := range o {
		if !slices.Contains(known, name) {
			names = append(names, name)
		}
	}
	return unknown("option", names, known)
}

// Refuse returns an error of kind ErrInvalid that names the first setting, sorted by
// name, that neither every block may have nor the scheme of kind; nil if there is
// none.
func (s Settings) Refuse(kind string) error {
	scheme, _ := Find(kind)
	names := make([]string, 0, len(s.Options))
	for name := range s.Options {
		if !slices.Contains(CommonSettings, name) && !slices.Contains(scheme.Settings, name) {
			names = append(names, name)
		}
	}
	return unknown("setting", names, scheme.Settings)
}

// Text returns a setting that is a string, "" if it is absent. The error is of kind
// ErrInvalid and names the setting, not what it holds.
func (s Settings) Text(name string) (string, error) {
	value, ok := s.Options[name]
	if !ok {
		return "", nil
	}
	text, ok := value.(string)
	if !ok {
		return "", &Error{Kind: ErrInvalid, Detail: "setting " + strconv.Quote(name) + " is not a string"}
	}
	return text, nil
}

// Texts returns the strings of a setting that may be one or a list of them, nil if it is
// absent. ok is false if it is anything else.
func Texts(v any) (list []string, ok bool) {
	switch v := v.(type) {
	case nil:
		return nil, true
	case string:
		return []string{v}, true
	case []any:
		list = make([]string, len(v))
		for i, item := range v {
			if list[i], ok = item.(string); !ok {
				return nil, false
			}
		}
		return list, true
	}
	return nil, false
}

func unknown(what string, names, known []string) error {
	if len(names) == 0 {
		return nil
	}
	sort.Strings(names)
	e := &Error{Kind: ErrInvalid, Detail: "unknown " + what + " " + strconv.Quote(names[0])}
	for i, name := range known {
		if i == 0 {
			e.Hint = "known: " + name
			continue
		}
		e.Hint += ", " + name
	}
	return e
}
