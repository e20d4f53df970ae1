package cli

import (
	"fmt"
	"strings"

	"github.com/pyleeai/pylee/internal/config"
	"github.com/pyleeai/pylee/providers"
	"github.com/urfave/cli/v2"
)

// The exit codes of pylee itself, after sysexits(3) where it has them. A child's
// own status is passed through as it is.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitFindings    = 3
	exitIntegrity   = 65  // corrupt, forged, rolled back
	exitNotFound    = 66  // no such secret, field, variable or store
	exitUnavailable = 75  // provider unreachable or throttled: try again
	exitDenied      = 77  // denied, not authenticated, locked
	exitConfig      = 78  // config invalid or not allowed, or a value that fails its validation
	exitExpired     = 79  // past its hard expiry
	exitRun         = 125 // usage errors and all other failures of run
)

// exitTable is shown by --help and in docs/reference.md.
var exitTable = []struct {
	code    int
	meaning string
}{
	{exitDone, "done"},
	{exitFailed, "failed"},
	{exitUsage, "usage error"},
	{exitFindings, "findings"},
	{exitIntegrity, "integrity: a store is corrupt, forged or rolled back"},
	{exitNotFound, "not found: a secret, a field, a variable, a store"},
	{exitUnavailable, "provider unavailable or throttled: try again"},
	{exitDenied, "denied, not authenticated, or the store is locked"},
	{exitConfig, "config invalid or not allowed, or a value fails its validation"},
	{exitExpired, "expired"},
	{exitRun, "run: usage error, or any other failure before the command starts"},
	{126, "run: the command was found but cannot be executed"},
	{127, "run: the command was not found"},
}

// precedence decides which code a run with several errors leaves with.
var precedence = []int{exitConfig, exitIntegrity, exitDenied, exitNotFound, exitExpired, exitUnavailable}

// failure is an error of the command line itself.
type failure struct {
	place   string // file:line:col, or empty
	message string
	hint    string
	code    int
}

func (f *failure) Error() string {
	if f.place != "" {
		return f.place + ": " + f.message
	}
	return f.message
}

// status is an exit code with nothing left to say.
type status int

func (s status) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// usageError words what the flag package says without repeating what was written
// behind a flag: it may be a secret.
func usageError(c *cli.Context, err error, _ bool) error {
	f := &failure{message: "wrong flags", hint: "pylee --help", code: exitUsage}
	text := err.Error()
	name, unknown := strings.CutPrefix(text, "flag provided but not defined: -")
	missing, needs := strings.CutPrefix(text, "flag needs an argument: -")
	_, invalid, wrong := strings.Cut(text, " for flag -")
	if !wrong {
		_, invalid, wrong = strings.Cut(text, " for -")
	}
	switch {
	case unknown && c.Command.Name == "set":
		f.message, f.hint = "unknown flag", "a value that begins with a dash stands behind --"
	case unknown:
		return unknownWord("flag", "--"+name, flagNames(c.Command))
	case needs:
		f.message = "no value for flag --" + missing
	case wrong:
		invalid, _, _ = strings.Cut(invalid, ":")
		f.message = "flag --" + invalid + ": not a value that it takes"
	}
	return f
}

func flagNames(c *cli.Command) []string {
	var names []string
	for _, f := range c.Flags {
		names = append(names, "--"+f.Names()[0])
	}
	return names
}

func usagef(format string, args ...any) error {
	return &failure{message: fmt.Sprintf(format, args...), hint: "pylee --help", code: exitUsage}
}

func unknownWord(what, word string, known []string) error {
	f := &failure{message: fmt.Sprintf("unknown %s %q", what, word), hint: "pylee --help", code: exitUsage}
	if near := config.Suggest(word, known); near != "" {
		f.message += fmt.Sprintf(" (did you mean %q?)", near)
	}
	return f
}

// leaves returns the single errors that err joins.
func leaves(err error) []error {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, e := range joined.Unwrap() {
			all = append(all, leaves(e)...)
		}
		return all
	}
	return []error{err}
}

// kindCode returns the exit code of an error of a provider or the resolver.
func kindCode(err error) int {
	switch providers.ReasonOf(err) {
	case providers.ReasonExpired:
		return exitExpired
	case providers.ReasonIntegrity:
		return exitIntegrity
	case providers.ReasonLocked:
		return exitDenied
	}
	switch providers.KindOf(err) {
	case providers.ErrNotFound:
		return exitNotFound
	case providers.ErrDenied, providers.ErrUnauthenticated:
		return exitDenied
	case providers.ErrThrottled, providers.ErrUnavailable:
		return exitUnavailable
	}
	return exitConfig
}
