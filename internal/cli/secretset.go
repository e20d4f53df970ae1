package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"unsafe"

	"github.com/pyleeai/pylee/internal/generate"
	"github.com/pyleeai/pylee/internal/policy"
	"github.com/pyleeai/pylee/internal/store"
	"github.com/pyleeai/pylee/providers"
	"github.com/urfave/cli/v2"
	"golang.org/x/term"
)

// What the generators make, for the help.
var (
	lengths = fmt.Sprintf("%d to %d", generate.MinLength, generate.MaxLength)
	sizes   = fmt.Sprintf("%d to %d", generate.MinBytes, generate.MaxBytes)
)

func secretSetCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:        "set",
		Usage:       "store a new version of a secret, from stdin, a file, a prompt or a generator",
		ArgsUsage:   "NAME [VALUE]",
		Description: secretSetDescription,
		Flags: append(append(storeFlags(inv), jsonFlag(inv),
			&cli.StringFlag{Name: "file", Aliases: []string{"f"}, Usage: "store the bytes of `FILE`"},
			&cli.IntFlag{Name: "generate", Usage: "store a password of `N` characters, " + lengths},
			&cli.StringFlag{Name: "alphabet", Usage: "of --generate: " + strings.Join(generate.Alphabets(), ", ") + ", or chars: and the characters"},
			&cli.IntFlag{Name: "generate-bytes", Usage: "store `N` random bytes, " + sizes},
			&cli.StringFlag{Name: "encoding", Usage: "of --generate-bytes: " + strings.Join(generate.Encodings(), ", ")},
			&cli.StringFlag{Name: "generate-key", Usage: "store a private key and print the public one: " + strings.Join(generate.Keys(), ", ")},
			boolFlag("generate-uuid", "store a random UUID"),
		), versionFlags()...),
		Action: func(c *cli.Context) error {
			if c.NArg() < 1 || c.NArg() > 2 {
				return usagef("secret set takes NAME, and the value from stdin, --file, --generate or a prompt")
			}
			if err := refuseEmpty(c, "file"); err != nil {
				return err
			}
			r, err := recipeOf(c, "generate", "generate-bytes", "generate-key", "generate-uuid")
			if err != nil {
				return err
			}
			return inv.secretSet(c, c.Args().First(), r)
		},
	}
}

func secretGenerateCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:        "generate",
		Usage:       "store a new version that is made up: a password, bytes, a key, a UUID",
		ArgsUsage:   "NAME",
		Description: secretGenerateDescription,
		Flags: append(append(storeFlags(inv), jsonFlag(inv),
			&cli.IntFlag{Name: "length", Usage: "characters of a password, " + lengths, DefaultText: "32"},
			&cli.StringFlag{Name: "alphabet", Usage: strings.Join(generate.Alphabets(), ", ") + ", or chars: and the characters"},
			&cli.IntFlag{Name: "bytes", Usage: "`N` random bytes, " + sizes},
			&cli.StringFlag{Name: "encoding", Usage: "of --bytes: " + strings.Join(generate.Encodings(), ", ")},
			&cli.StringFlag{Name: "key", Usage: "a private key; the public one is printed: " + strings.Join(generate.Keys(), ", ")},
			boolFlag("uuid", "a random UUID"),
		), versionFlags()...),
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return usagef("secret generate takes one name")
			}
			r, err := recipeOf(c, "length", "bytes", "key", "uuid")
			if err != nil {
				return err
			}
			if r.wanted() == 0 {
				r.length = 32
			}
			return inv.secretSet(c, c.Args().First(), r)
		},
	}
}

// recipeOf reads the flags of a generator, whose names differ between commands.
func recipeOf(c *cli.Context, length, bytes, key, uuid string) (recipe, error) {
	if err := refuseEmpty(c, key, "alphabet", "encoding"); err != nil {
		return recipe{}, err
	}
	r := recipe{
		length: c.Int(length), alphabet: c.String("alphabet"), bytes: c.Int(bytes),
		encoding: c.String("encoding"), key: c.String(key), uuid: c.Bool(uuid),
	}
	if c.IsSet(length) && r.length == 0 || c.IsSet(bytes) && r.bytes == 0 {
		return r, usagef("secret %s: nothing of length 0 is generated", c.Command.Name)
	}
	return r, nil
}

// secretSet stores a version, and makes the store if it is missing: zero set-up.
func (inv *invocation) secretSet(c *cli.Context, name string, r recipe) error {
	o, err := versionOptions(c)
	if err != nil {
		return err
	}
	value, public, err := inv.secretValue(c, r)
	if err != nil {
		return err
	}
	if err := store.CheckVersion(name, value, o); err != nil {
		return err // before a store is made for it
	}
	if _, err := inv.permitStore(c.String("env"), policy.Write, "", name); err != nil {
		return err
	}
	file, err := inv.chosenStore(c)
	if err != nil {
		return err
	}
	version := 0
	err = inv.updateNew(c.Context, file, func(e *store.Edit) (err error) {
		version, err = e.Add(name, value, o)
		return err
	})
	if err != nil {
		return err
	}
	return inv.sayStored(c, file, stored{Name: name, Version: version, Active: !o.Stage, Store: file.Path, Public: string(public)})
}

// updateNew is File.Update for those who may make the store by it.
func (inv *invocation) updateNew(ctx context.Context, file store.File, change func(*store.Edit) error) error {
	err := file.Update(ctx, change)
	if !missing(file.Path) || !errors.Is(err, providers.ErrNotFound) {
		return err
	}
	made, err := file.Init(ctx, store.InitOptions{})
	inv.sayMade(made)
	if err != nil && !errors.As(err, new(*store.WrittenError)) {
		return err
	}
	return file.Update(ctx, change) // what is still missing beside a written store it tells as well
}

func missing(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// stored is what set --json prints.
type stored struct {
	Name    string `json:"name"`
	Version int    `json:"version"`
	Active  bool   `json:"active"`
	Store   string `json:"store"`
	Public  string `json:"public_key,omitempty"`
}

// sayStored tells which version there is now, and prints the public half of a key.
func (inv *invocation) sayStored(c *cli.Context, file store.File, s stored) error {
	if s.Active {
		inv.say("stored %s, version %d, in %s", s.Name, s.Version, file.Path)
	} else {
		inv.say("stored %s, version %d, in %s; it is not active yet", s.Name, s.Version, file.Path)
		inv.hint("pylee secret activate %s@%d%s", s.Name, s.Version, sameStore(c))
	}
	if inv.json {
		return inv.writeJSON(s)
	}
	_, err := inv.stdio.Out.WriteString(s.Public)
	return err
}

// sameStore repeats the flags that choose the store, for a hint.
func sameStore(c *cli.Context) string {
	line := ""
	for _, flag := range []string{"env", "store", "identity"} {
		if c.IsSet(flag) {
			line += fmt.Sprintf(" --%s %s", flag, shellWord(c.String(flag)))
		}
	}
	return line
}

// ask reads a line from the terminal that stdin is, without an echo.
func (inv *invocation) ask(prompt string) ([]byte, error) { return inv.askAt(inv.stdio.In, prompt) }

// askTTY reads a line from the terminal of the process, whatever stdin is.
func (inv *invocation) askTTY(prompt string) ([]byte, error) {
	tty, err := openTTY()
	if err != nil {
		return nil, err
	}
	defer tty.Close() //nolint:errcheck // only read
	return inv.askAt(tty, prompt)
}

func openTTY() (*os.File, error) { return os.OpenFile("/dev/tty", os.O_RDWR, 0) }

func (inv *invocation) askAt(tty *os.File, prompt string) ([]byte, error) {
	fd := int(tty.Fd())
	was, err := term.GetState(fd)
	if err != nil {
		return nil, err
	}
	// A signal ends the program soon, and is not to leave a terminal without echo.
	defer context.AfterFunc(inv.guard.Context(), func() { term.Restore(fd, was) })() //nolint:errcheck // the program ends
	inv.err.write(inv.stdio.Err, "pylee: "+plain(prompt))
	value, err := term.ReadPassword(fd)
	inv.err.write(inv.stdio.Err, "\n")
	return value, err
}

// forgetArgument overwrites the argument in the memory that /proc/PID/cmdline shows.
// Strings of os.Args alias it (measured on Linux); on other systems this clears a
// copy and does no harm.
func forgetArgument(value string) {
	for i := len(os.Args) - 1; i > 0; i-- { // the value is the last of equal arguments
		if arg := os.Args[i]; arg == value && value != "" {
			clear(unsafe.Slice(unsafe.StringData(arg), len(arg)))
			return
		}
	}
}
