package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"unsafe"

	"github.com/pyleeai/pylee/internal/store"
	"github.com/pyleeai/pylee/providers"
	"github.com/urfave/cli/v2"
	"golang.org/x/term"
)

// maxInput is more than a store takes, so that the store's own limit tells.
const maxInput = 1 << 20

func secretSetCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:      "set",
		Usage:     "store a new version of a secret, from stdin, a file or a prompt",
		ArgsUsage: "NAME [VALUE]",
		Description: "One final newline of a single line from stdin is dropped, as echo adds one; a file is\n" +
			"stored as it is. A VALUE on the command line ends up in the shell's history: prefer\nstdin.\n\nExamples:\n\n" +
			"    printf s3cret | pylee secret set db_password\n    pylee secret set tls_key --file key.pem\n    pylee secret set api_key        # asks",
		Flags: append(storeFlags(inv),
			&cli.StringFlag{Name: "file", Aliases: []string{"f"}, Usage: "store the bytes of `FILE`"},
			&cli.StringFlag{Name: "note", Usage: "a `TEXT` kept with the version; not secret"},
		),
		Action: func(c *cli.Context) error {
			if c.NArg() < 1 || c.NArg() > 2 {
				return usagef("secret set takes NAME, and the value from stdin, --file or a prompt")
			}
			return inv.secretSet(c, c.Args().First())
		},
	}
}

func (inv *invocation) secretSet(c *cli.Context, name string) error {
	value, err := inv.secretValue(c)
	if err != nil {
		return err
	}
	if err := store.CheckVersion(name, value, store.Meta{Note: c.String("note")}); err != nil {
		return err // before a store is made for it
	}
	file, err := inv.chosenStore(c)
	if err != nil {
		return err
	}
	version, err := setSecret(c.Context, file, name, value, c.String("note"))
	if missing(file.Path) && errors.Is(err, providers.ErrNotFound) {
		// Zero set-up: the first secret makes the store.
		made, failed := file.Init(c.Context, store.InitOptions{})
		inv.sayMade(made)
		if failed != nil {
			return failed
		}
		version, err = setSecret(c.Context, file, name, value, c.String("note"))
	}
	if err != nil {
		return err
	}
	inv.say("stored %s, version %d, in %s", name, version, file.Path)
	return nil
}

func missing(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// secretValue reads the value from where the flags say.
func (inv *invocation) secretValue(c *cli.Context) ([]byte, error) {
	if c.NArg() == 2 {
		if c.IsSet("file") {
			return nil, usagef("secret set: VALUE and --file exclude each other")
		}
		value := []byte(c.Args().Get(1))
		forgetArgument(string(value))
		inv.hint("a value on the command line stays in the shell's history; next time: printf ... | pylee secret set %s", c.Args().First())
		return value, nil
	}
	if c.IsSet("file") {
		return readLimited(c.String("file"))
	}
	if isTerminal(inv.stdio.In) {
		return inv.promptValue(c.Args().First())
	}
	value, err := io.ReadAll(io.LimitReader(inv.stdio.In, maxInput))
	if err != nil {
		return nil, &failure{message: "stdin cannot be read; nothing was stored", hint: "printf ... | pylee secret set " + c.Args().First(), code: exitFailed}
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
	return &failure{message: "--file " + path + ": " + err.Error() + "; nothing was stored", hint: "name a file that you can read", code: exitFailed}
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

func (inv *invocation) ask(prompt string) ([]byte, error) {
	fd := int(inv.stdio.In.Fd())
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
