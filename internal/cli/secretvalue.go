package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/pyleeai/pylee/internal/config"
	"github.com/pyleeai/pylee/internal/generate"
	"github.com/pyleeai/pylee/internal/store"
	"github.com/pyleeai/pylee/providers"
	"github.com/urfave/cli/v2"
)

// maxInput is more than a store takes, so that the store's own limit tells.
const maxInput = 1 << 20

// versionFlags are what can be kept with a version.
func versionFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "note", Usage: "a `TEXT` kept with the version; not secret"},
		&cli.StringSliceFlag{Name: "label", Usage: "a `NAME=TEXT` kept with the secret; not secret (may be repeated)"},
		&cli.StringFlag{Name: "expires", Usage: "refuse the value from `WHEN` on: 90d, 2027-01-31, a time"},
		&cli.StringFlag{Name: "rotate-after", Usage: "warn after `PERIOD`: a number and m, h, d or w"},
		boolFlag("stage", "only store it: secret activate makes it the active one"),
	}
}

// versionOptions reads versionFlags.
func versionOptions(c *cli.Context) (store.AddOptions, error) {
	o := store.AddOptions{Note: c.String("note"), RotateAfter: c.String("rotate-after"), Stage: c.Bool("stage")}
	if err := refuseEmpty(c, "expires", "rotate-after"); err != nil {
		return o, err
	}
	for _, text := range c.StringSlice("label") {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return o, usagef("--label takes NAME=TEXT")
		}
		if o.Labels == nil {
			o.Labels = map[string]string{}
		}
		o.Labels[name] = value
	}
	if text := c.String("expires"); text != "" {
		at, ok := parseWhen(text, time.Now())
		if !ok {
			return o, usagef("--expires takes a duration such as 90d, a date or a time (RFC 3339)")
		}
		if !at.After(time.Now()) {
			return o, usagef("--expires lies in the past")
		}
		o.Expires = at
	}
	return o, nil
}

// parseWhen reads a time: RFC 3339, a date, which is its begin in UTC, or a duration
// from now on.
func parseWhen(text string, now time.Time) (time.Time, bool) {
	if d, ok := config.ParseDuration(text); ok {
		return now.Add(d), d > 0
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// recipe says what to generate; the zero value is nothing.
type recipe struct {
	length   int
	alphabet string
	bytes    int
	encoding string
	key      string
	uuid     bool
}

// wanted counts the kinds that are asked for.
func (r recipe) wanted() int {
	n := 0
	for _, asked := range []bool{r.length != 0, r.bytes != 0, r.key != "", r.uuid} {
		if asked {
			n++
		}
	}
	return n
}

// make returns a value, and the public half of a key pair.
func (r recipe) make() (value, public []byte, err error) {
	switch {
	case r.wanted() > 1:
		return nil, nil, usagef("only one kind of value can be generated at a time")
	case r.alphabet != "" && r.length == 0:
		return nil, nil, usagef("--alphabet is of passwords, which have a length")
	case r.encoding != "" && r.bytes == 0:
		return nil, nil, usagef("--encoding is of bytes, which have a number")
	case r.key != "":
		value, public, err = generate.Key(r.key)
	case r.uuid:
		value = generate.UUID()
	case r.bytes != 0:
		value, err = generate.Bytes(r.bytes, r.encoding)
	default:
		value, err = generate.Password(r.length, r.alphabet)
	}
	if err != nil {
		return nil, nil, usagef("%v", err)
	}
	return value, public, nil
}

// secretValue reads the value from where the flags say.
func (inv *invocation) secretValue(c *cli.Context, r recipe) (value, public []byte, err error) {
	sources := r.wanted() + c.NArg() - 1
	if c.IsSet("file") {
		sources++
	}
	switch {
	case c.NArg() == 2:
		value = []byte(c.Args().Get(1))
		forgetArgument(string(value))
		inv.hint("a value on the command line stays in the shell's history; next time: printf ... | pylee secret set %s", shellWord(c.Args().First()))
		if sources > 1 {
			return nil, nil, usagef("secret set: VALUE, --file and --generate exclude each other")
		}
		return value, nil, nil
	case sources > 1:
		return nil, nil, usagef("secret set: --file and --generate exclude each other")
	case r.wanted() > 0 || r.alphabet != "" || r.encoding != "":
		return r.make()
	case c.IsSet("file"):
		value, err = readLimited(c.String("file"))
	case isTerminal(inv.stdio.In):
		value, err = inv.promptValue(c.Args().First())
	default:
		value, err = inv.valueFromStdin(c.Args().First())
	}
	return value, nil, err
}

func (inv *invocation) valueFromStdin(name string) ([]byte, error) {
	value, err := io.ReadAll(io.LimitReader(inv.stdio.In, maxInput))
	if err != nil {
		return nil, &failure{message: "stdin cannot be read; nothing was stored", hint: "printf ... | pylee secret set " + name, code: exitFailed}
	}
	if len(value) == 0 {
		return nil, &failure{
			message: "stdin is empty; nothing was stored",
			hint:    "did the command before the pipe fail? an empty value is stored by --file /dev/null", code: exitFailed,
		}
	}
	return dropEcho(value), nil
}

func readLimited(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, cannotRead(path, err)
	}
	defer f.Close() //nolint:errcheck // read only
	value, err := io.ReadAll(io.LimitReader(f, maxInput))
	if err != nil {
		return nil, cannotRead(path, err)
	}
	return value, nil
}

func cannotRead(path string, err error) error {
	var from *fs.PathError
	if errors.As(err, &from) {
		err = from.Err
	}
	return &failure{message: fmt.Sprintf("--file %s: %v; nothing was stored", path, err), hint: "name a file that you can read", code: exitFailed}
}

// dropEcho drops the newline that echo adds to a single line; what has several
// lines, a key in PEM, keeps its own.
func dropEcho(value []byte) []byte {
	line, found := bytes.CutSuffix(value, []byte("\n"))
	if found && !bytes.ContainsRune(line, '\n') {
		return bytes.TrimSuffix(line, []byte("\r"))
	}
	return value
}

// promptValue asks on the terminal, twice and without an echo.
func (inv *invocation) promptValue(name string) ([]byte, error) {
	first, err := inv.ask("value of " + name + ": ")
	if err != nil {
		return nil, err
	}
	second, err := inv.ask("once more: ")
	if err != nil {
		return nil, err
	}
	if !providers.NewValue(first).Equal(providers.NewValue(second)) {
		return nil, &failure{message: "the two values differ; nothing was stored", code: exitFailed}
	}
	return first, nil
}
