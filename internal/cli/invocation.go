package cli

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/pyleeai/pylee/internal/metrics"
	"github.com/pyleeai/pylee/internal/runner"
	"github.com/pyleeai/pylee/internal/store"
	"github.com/pyleeai/pylee/providers"
	"golang.org/x/term"
)

// invocation is what one start of pylee was given: streams, environment, place.
type invocation struct {
	stdio   Stdio
	err     messages // to stdio.Err
	environ []string
	env     map[string]string
	version string
	command string // first word of the command line that is no flag
	dir     string // working directory
	home    string // empty: unknown
	debug   bool
	quiet   bool
	json    bool
	began   time.Time
	guard   *runner.Guard
	metrics *metrics.Registry // nil: nothing is counted
	restore func()            // gives the child back what Main took from this process

	held        map[string]store.Keys      // by --identity fd:N, what was read there
	passphrases map[string]providers.Value // by the file of an identity
}

func newInvocation(environ []string, version string, stdio Stdio) *invocation {
	inv := &invocation{stdio: stdio, environ: environ, began: time.Now(), version: version, env: make(map[string]string, len(environ))}
	for _, entry := range environ {
		if name, value, ok := strings.Cut(entry, "="); ok {
			if _, twice := inv.env[name]; !twice {
				inv.env[name] = value
			}
		}
	}
	inv.debug = truthy(inv.env["PYLEE_DEBUG"])
	inv.dir, _ = os.Getwd() //nolint:errcheck // a removed working directory leaves relative names unusable, which they are
	inv.home = inv.env["HOME"]
	if !filepath.IsAbs(inv.home) {
		inv.home = ""
		if u, err := user.Current(); err == nil { // system services have no HOME
			inv.home = u.HomeDir
		}
	}
	return inv
}

func truthy(s string) bool {
	switch strings.ToLower(s) {
	case "", "0", "no", "off", "false":
		return false
	}
	return true
}

// say prints a message to stderr. Messages never go to stdout: that belongs to the
// child and to data that was asked for.
func (inv *invocation) say(format string, args ...any) {
	if !inv.quiet {
		inv.message("", fmt.Sprintf(format, args...))
	}
}

// message prints one line to stderr. Paths, keys and names in it may hold anything:
// what is no plain text is escaped, so that none of it can act on a terminal or look
// like a line of its own.
func (inv *invocation) message(prefix, text string) {
	inv.err.write(inv.stdio.Err, "pylee: "+prefix+plain(text)+"\n")
}

// plain escapes what is not printable.
func plain(text string) string {
	clean := func(r rune) bool { return unicode.IsPrint(r) && r != utf8.RuneError }
	if strings.IndexFunc(text, func(r rune) bool { return !clean(r) }) < 0 {
		return text
	}
	var b strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		if clean(r) {
			b.WriteString(text[:size])
		} else {
			quoted := strconv.Quote(text[:size])
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		text = text[size:]
	}
	return b.String()
}

// hint prints what to do next, best a command to paste.
func (inv *invocation) hint(format string, args ...any) { inv.say("hint: "+format, args...) }

// debugf prints with --debug only: names, versions and times, never a value.
func (inv *invocation) debugf(format string, args ...any) {
	if inv.debug {
		inv.message("debug: ", fmt.Sprintf(format, args...))
	}
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// confirmReveal asks before secrets are shown on a terminal; a pipe is not asked.
func (inv *invocation) confirmReveal(yes bool) error {
	if yes || !isTerminal(inv.stdio.Out) {
		return nil
	}
	if !isTerminal(inv.stdio.In) {
		return &failure{message: "values are not shown on a terminal without being asked", hint: "add --yes, or write to a pipe", code: exitFailed}
	}
	inv.err.write(inv.stdio.Err, "pylee: show secret values on this terminal? [y/N] ")
	answer, err := bufio.NewReader(inv.stdio.In).ReadString('\n')
	if err != nil || !strings.EqualFold(strings.TrimSpace(answer), "y") {
		return &failure{message: "not shown", code: exitFailed}
	}
	return nil
}

// writeJSON prints v to stdout, indented.
func (inv *invocation) writeJSON(v any) error {
	enc := json.NewEncoder(inv.stdio.Out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
