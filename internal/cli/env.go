package cli

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/pyleeai/pylee/internal/policy"
	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/resolve"
	"github.com/urfave/cli/v2"
)

// assignment is a variable of the child with its value.
type assignment struct {
	name  string
	value []byte
}

// envFormats write assignments for a reader; each refuses what it cannot carry.
var envFormats = map[string]func([]assignment) ([]byte, error){
	"dotenv": quotedLines("", "dotenv"),
	"shell":  quotedLines("export ", "shell"),
	"json":   envJSON,
	"github": envGitHub,
	"docker": envDocker,
}

func envCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:        "env",
		Usage:       "print the environment that run would add",
		Description: envDescription,
		Flags: append(append(commonFlags(inv), sourceFlags()...),
			&cli.StringFlag{Name: "format", Aliases: []string{"f"}, Value: "dotenv", Usage: "dotenv, json, shell, github (for GITHUB_ENV) or docker (for --env-file)"},
			boolFlag("reveal", "print the values"),
			boolFlag("yes", "do not ask before values are shown on a terminal", "y"),
		),
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usagef("env takes no argument; to run a command: pylee run -- %s", c.Args().First())
			}
			write, ok := envFormats[c.String("format")]
			if !ok {
				return usagef("--format takes one of dotenv, json, shell, github, docker")
			}
			if c.Bool("reveal") {
				if err := inv.confirmReveal(c.Bool("yes")); err != nil {
					return err
				}
			}
			s, err := sourceOf(c, inv)
			if err != nil {
				return err
			}
			if c.Bool("reveal") {
				s.purpose = &purpose{action: policy.Read, all: policy.Stdout}
			}
			return inv.printEnv(s, write, c.Bool("reveal"))
		},
	}
}

func (inv *invocation) printEnv(s source, write func([]assignment) ([]byte, error), reveal bool) error {
	a, snapshot, err := inv.resolve(s)
	if err == nil {
		err = errors.Join(a.refuseLent(snapshot), a.permitted(s.purpose, snapshot))
	}
	if err != nil {
		return err
	}
	var list []assignment
	for _, v := range a.vars {
		entry, ok := snapshot.Entry(v.input)
		if !ok || entry.Absent {
			continue
		}
		value := []byte(providers.Redacted)
		if reveal {
			value = entry.Value.Reveal()
		}
		list = append(list, assignment{v.name, value})
	}
	out, err := write(list)
	if err != nil {
		return err
	}
	_, err = inv.stdio.Out.Write(out)
	return err
}

// quotedLines writes prefixNAME=value lines, with the value quoted by a filter of
// the grammar.
func quotedLines(prefix, filter string) func([]assignment) ([]byte, error) {
	return func(list []assignment) ([]byte, error) {
		var b bytes.Buffer
		for _, a := range list {
			if !isName(a.name) {
				return nil, cannotWrite(a.name, "is not a name that a shell or .env reader accepts", "json")
			}
			quoted, err := resolve.ApplyFilter(filter, a.value)
			if err != nil {
				return nil, cannotWrite(a.name, err.Error(), "json")
			}
			fmt.Fprintf(&b, "%s%s=%s\n", prefix, a.name, quoted)
		}
		return b.Bytes(), nil
	}
}

func envJSON(list []assignment) ([]byte, error) {
	m := make(map[string]string, len(list))
	for _, a := range list {
		if !utf8.Valid(a.value) {
			return nil, cannotWrite(a.name, "is not UTF-8", "shell")
		}
		m[a.name] = string(a.value)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(m)
	return b.Bytes(), err
}

// envGitHub writes what GitHub Actions reads from the file GITHUB_ENV. The random
// delimiter keeps a value from ending itself and defining further variables.
func envGitHub(list []assignment) ([]byte, error) {
	var b bytes.Buffer
	for _, a := range list {
		if !isName(a.name) {
			return nil, cannotWrite(a.name, "is not a name that the runner accepts", "json")
		}
		delimiter := "pylee_" + rand.Text()
		fmt.Fprintf(&b, "%s<<%s\n%s\n%s\n", a.name, delimiter, a.value, delimiter)
	}
	return b.Bytes(), nil
}

// envDocker writes an --env-file of docker, which knows no quotes.
func envDocker(list []assignment) ([]byte, error) {
	var b bytes.Buffer
	var errs []error
	for _, a := range list {
		if !isName(a.name) {
			errs = append(errs, cannotWrite(a.name, "is not a name that docker's format can carry", "json"))
			continue
		}
		if bytes.ContainsAny(a.value, "\r\n") {
			errs = append(errs, cannotWrite(a.name, "has several lines, which docker's format cannot carry", "json"))
			continue
		}
		fmt.Fprintf(&b, "%s=%s\n", a.name, a.value)
	}
	return b.Bytes(), errors.Join(errs...)
}

func cannotWrite(name, reason, instead string) error {
	return &failure{message: strings.TrimSpace(name + ": " + reason), hint: "pylee env --format " + instead, code: exitFailed}
}
