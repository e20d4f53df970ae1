package policy

import "fmt"

// Test is what a policy is expected to say.
type Test struct {
	Name    string
	Place   string // file:line:col
	Request Request
	Allow   bool
	Rule    string // that has to decide; empty: any, or none
}

// Failure returns how a decision differs from what t expects; empty: it does not.
func (t Test) Failure(d Decision) string {
	switch {
	case t.Allow && !d.Allowed:
		return "should be allowed, and is " + d.String()
	case !t.Allow && d.Allowed:
		return "should be denied, and is " + d.String()
	case t.Rule != "" && t.Rule != d.Rule:
		return fmt.Sprintf("should be decided by rule %q, and is %s", t.Rule, d)
	}
	return ""
}
