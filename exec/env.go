package exec

import (
	"errors"
	"fmt"
	"strings"
)

// Env is the environment of a command while it is built. Entries keep their order
// and their bytes. Of several entries with one name only the first is kept, which
// is the one that getenv(3) finds.
type Env struct {
	list  []string
	index map[string]int // name to position in list
}

// NewEnv returns an environment that starts as inherited, a list as os.Environ
// returns it. Entries without a name or without "=" are handed on as they are.
func NewEnv(inherited []string) *Env {
	e := &Env{list: make([]string, 0, len(inherited)), index: make(map[string]int, len(inherited))}
	for _, entry := range inherited {
		e.add(entry)
	}
	return e
}

func (e *Env) add(entry string) {
	name, _, ok := strings.Cut(entry, "=")
	if ok && name != "" {
		if _, dup := e.index[name]; dup {
			return
		}
		e.index[name] = len(e.list)
	}
	e.list = append(e.list, entry)
}

// Drop removes the variables whose names match one of patterns and none of keep.
// A "*" in a pattern stands for any run of characters, all else for itself.
func (e *Env) Drop(patterns, keep []string) {
	old := e.list
	e.list, e.index = make([]string, 0, len(old)), make(map[string]int, len(old))
	for _, entry := range old {
		name, _, _ := strings.Cut(entry, "=")
		if name == "" || !matches(patterns, name) || matches(keep, name) {
			e.add(entry)
		}
	}
}

// Set gives the variable a value, in place if there is one of that name, else at
// the end. It refuses names and values that an environment cannot hold; the error
// never holds the value.
func (e *Env) Set(name string, value []byte) error {
	if name == "" {
		return errors.New("environment: a variable needs a name")
	}
	if strings.ContainsAny(name, "=\x00") {
		return fmt.Errorf("environment: %q: a name holds neither \"=\" nor a NUL byte", name)
	}
	for _, c := range value {
		if c == 0 {
			return fmt.Errorf("environment: %s: the value holds a NUL byte", printable(name))
		}
	}
	entry := name + "=" + string(value)
	if at, ok := e.index[name]; ok {
		e.list[at] = entry
		return nil
	}
	e.add(entry)
	return nil
}

// Lookup returns the value of the variable, and whether there is one.
func (e *Env) Lookup(name string) (string, bool) {
	at, ok := e.index[name]
	if !ok {
		return "", false
	}
	return e.list[at][len(name)+1:], true
}

// List returns the entries, for Spec.Env. The slice is the caller's.
func (e *Env) List() []string {
	return append(make([]string, 0, len(e.list)), e.list...)
}

func matches(patterns []string, name string) bool {
	for _, pattern := range patterns {
		if match(pattern, name) {
			return true
		}
	}
	return false
}

// match is a glob with "*" alone: path.Match would give "?", "[" and "\" a meaning
// and can fail.
func match(pattern, name string) bool {
	head, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == name
	}
	if !strings.HasPrefix(name, head) {
		return false
	}
	name = name[len(head):]
	for {
		part, after, more := strings.Cut(rest, "*")
		if !more {
			return strings.HasSuffix(name, part)
		}
		at := strings.Index(name, part)
		if at < 0 {
			return false
		}
		name, rest = name[at+len(part):], after
	}
}
