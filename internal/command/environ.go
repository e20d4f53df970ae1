package command

import (
	"slices"
	"strings"
)

// passed are the variables that a tool gets unasked: what programs need to find each
// other, the home and the language of the user. A "*" stands for any end of a name.
var passed = []string{"PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_*", "TZ", "TMPDIR", "XDG_*"}

// Environ returns the environment of a tool, sorted: of those in from the few that all
// tools get and those that more names, over them what set says. A name in more may end
// in "*"; pylee's own variables have to be named in full.
func Environ(from map[string]string, more []string, set map[string]string) []string {
	all := make(map[string]string)
	for name, value := range from {
		if Passed(name) || matches(name, more) && (!strings.HasPrefix(name, "PYLEE_") || slices.Contains(more, name)) {
			all[name] = value
		}
	}
	for name, value := range set {
		all[name] = value
	}
	list := make([]string, 0, len(all))
	for name, value := range all {
		list = append(list, name+"="+value)
	}
	slices.Sort(list)
	return list
}

// Passed tells whether every tool gets the variable.
func Passed(name string) bool { return matches(name, passed) }

func matches(name string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		if start, any := strings.CutSuffix(pattern, "*"); any {
			return strings.HasPrefix(name, start)
		}
		return name == pattern
	})
}
