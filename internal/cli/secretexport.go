package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/pyleeai/pylee/internal/atomicfile"
	"github.com/pyleeai/pylee/internal/format"
	"github.com/pyleeai/pylee/internal/policy"
	"github.com/pyleeai/pylee/internal/store"
	"github.com/urfave/cli/v2"
)

func secretExportCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:        "export",
		Usage:       "write all secrets: encrypted, or as plaintext if that is asked for",
		ArgsUsage:   "[NAME...]",
		Description: secretExportDescription,
		Flags: append(storeFlags(inv),
			&cli.StringFlag{Name: "format", Value: "age", Usage: "age, dotenv or json"},
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "write to the new `FILE`, mode 600"},
			boolFlag("yes", "do not ask before plaintext is written", "y"),
			boolFlag("reveal", "print plaintext to a terminal"),
		),
		Action: func(c *cli.Context) error {
			if err := refuseEmpty(c, "output"); err != nil {
				return err
			}
			if !slices.Contains([]string{"age", "dotenv", "json"}, c.String("format")) {
				return usagef("--format takes one of age, dotenv, json")
			}
			if c.String("format") == "age" && c.Args().Present() {
				return usagef("--format age is the store as a whole: names are for dotenv and json")
			}
			return inv.secretExport(c)
		},
	}
}

func (inv *invocation) secretExport(c *cli.Context) error {
	onTerminal := c.String("output") == "" && isTerminal(inv.stdio.Out)
	if c.String("format") == "age" {
		if onTerminal {
			return usagef("an age file is no text for a terminal: -o FILE")
		}
		return inv.exportStore(c)
	}
	if onTerminal && !c.Bool("reveal") {
		return &failure{message: "values are not shown on a terminal without being asked", hint: "pylee secret export --format " + c.String("format") + " -o FILE, or --reveal", code: exitFailed}
	}
	opened, err := inv.openStore(c)
	if err != nil {
		return err
	}
	defer opened.Close()
	list, err := inv.exported(opened, c.Args().Slice())
	if err != nil {
		return err
	}
	names, way := make([]string, len(list)), policy.Stdout
	for i, s := range list {
		names[i] = s.Name
	}
	if c.String("output") != "" {
		way = policy.File
	}
	if _, err := inv.permitStore(c.String("env"), policy.Read, way, names...); err != nil {
		return err
	}
	if err := inv.confirm(c.Bool("yes"), fmt.Sprintf("write %s as plaintext?", plural(len(list), "secret"))); err != nil {
		return err
	}
	write := exportJSON
	if c.String("format") == "dotenv" {
		write = exportDotenv
	}
	data, err := write(list)
	if err != nil {
		return err
	}
	defer clear(data)
	return inv.writeExport(c.String("output"), data)
}

// exportStore copies the file, if it opens: a copy of a broken one is no backup.
func (inv *invocation) exportStore(c *cli.Context) error {
	file, opened, err := inv.openFile(c)
	if err != nil {
		return err
	}
	opened.Close()
	data, err := os.ReadFile(file.Path)
	if err != nil {
		return unreadable(file.Path, err)
	}
	return inv.writeExport(c.String("output"), data)
}

// confirm asks on the terminal; without one yes has to be said before.
func (inv *invocation) confirm(yes bool, question string) error {
	if yes {
		return nil
	}
	if !isTerminal(inv.stdio.In) || !isTerminal(inv.stdio.Err) {
		return &failure{message: "nothing was done: without a terminal nobody can be asked: " + question, hint: "add --yes", code: exitFailed}
	}
	fmt.Fprintf(inv.stdio.Err, "pylee: %s [y/N] ", plain(question)) //nolint:errcheck // the answer tells
	answer, err := bufio.NewReader(inv.stdio.In).ReadString('\n')
	if err != nil || !strings.EqualFold(strings.TrimSpace(answer), "y") {
		return &failure{message: "nothing was done", code: exitFailed}
	}
	return nil
}

// exported returns the secrets with these names, or all. One that was named must have
// a value; others are left out with a note.
func (inv *invocation) exported(opened *store.Store, names []string) ([]store.Exported, error) {
	all, err := opened.Export()
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, name := range names {
		_, err := opened.Lookup(name, 0)
		errs = append(errs, err)
	}
	list := slices.DeleteFunc(all, func(s store.Exported) bool {
		if len(names) > 0 {
			return !slices.Contains(names, s.Name)
		}
		if s.Err != nil {
			inv.say("%s is left out: %v", s.Name, s.Err)
		}
		return s.Err != nil
	})
	return list, errors.Join(errs...)
}

func exportJSON(list []store.Exported) ([]byte, error) {
	root := &format.Node{Kind: format.Map}
	var errs []error
	for _, s := range list {
		if !utf8.Valid(s.Value.Reveal()) {
			errs = append(errs, notExportable(s.Name, "is not UTF-8, which JSON cannot hold"))
		}
		root.Entries = append(root.Entries, format.Entry{Key: s.Name, Value: &format.Node{Kind: format.String, Text: string(s.Value.Reveal())}})
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return format.WriteJSON(root)
}

// exportDotenv makes variables of names: what none can hold becomes an underscore.
func exportDotenv(list []store.Exported) ([]byte, error) {
	var vars []assignment
	var errs []error
	from := map[string]string{}
	for _, s := range list {
		name := safeName(s.Name)
		if other, twice := from[name]; twice {
			errs = append(errs, notExportable(s.Name, "would be the variable "+name+", as "+other+" is"))
		}
		from[name] = s.Name
		vars = append(vars, assignment{name, s.Value.Reveal()})
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	for _, v := range vars {
		if _, err := quotedLines("", "dotenv")([]assignment{v}); err != nil {
			errs = append(errs, notExportable(from[v.name], "cannot stand in a .env file"))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return quotedLines("", "dotenv")(vars)
}

func notExportable(name, reason string) error {
	return &failure{message: name + ": " + reason, hint: "pylee secret get " + name + " > FILE, or pylee secret export --format age", code: exitFailed}
}

// writeExport writes to stdout or to a file that must not exist.
func (inv *invocation) writeExport(output string, data []byte) error {
	if output == "" {
		_, err := inv.stdio.Out.Write(data)
		return err
	}
	err := atomicfile.Write(inv.absolute(output), data, atomicfile.Options{New: true})
	var no syscall.Errno
	switch {
	case errors.Is(err, fs.ErrExist):
		return &failure{message: printable(output) + ": is there already, and was left as it is", hint: "name another file, or remove it", code: exitFailed}
	case errors.As(err, &no):
		return &failure{message: printable(output) + ": " + no.Error(), code: exitFailed}
	case err != nil:
		return err
	}
	inv.say("wrote %s", output)
	return nil
}
