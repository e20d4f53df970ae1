package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/pyleeai/pylee/internal/atomicfile"
	"github.com/pyleeai/pylee/internal/config"
	"github.com/pyleeai/pylee/internal/format"
	"github.com/pyleeai/pylee/internal/policy"
	"github.com/urfave/cli/v2"
)

// renderOptions are the flags of render that are not about what is resolved.
type renderOptions struct {
	source
	template string
	format   string // text, json, yaml, env
	output   string // empty: stdout
	reveal   bool
}

func renderCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:        "render",
		Usage:       "resolve a template to a file (0400) or to stdout",
		ArgsUsage:   "TEMPLATE",
		Description: renderDescription,
		Flags: append(append(commonFlags(inv), sourceFlags()...),
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "write to `FILE`, readable by its owner alone"},
			&cli.StringFlag{Name: "format", Aliases: []string{"f"}, Value: "text", Usage: "text, json, yaml or env: who quotes the values, the template or the writer"},
			boolFlag("reveal", "print to a terminal"),
		),
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return usagef("render takes one template")
			}
			if err := refuseEmpty(c, "output"); err != nil {
				return err
			}
			s, err := sourceOf(c, inv)
			if err != nil {
				return err
			}
			return inv.render(renderOptions{source: s, template: c.Args().First(), format: c.String("format"), output: c.String("output"), reveal: c.Bool("reveal")})
		},
	}
}

func (inv *invocation) render(o renderOptions) error {
	switch o.format {
	case "text", "json", "yaml", "env":
	default:
		return usagef("--format takes one of text, json, yaml, env")
	}
	if (o.output == "" || o.output == "-") && isTerminal(inv.stdio.Out) && !o.reveal {
		return &failure{message: "values are not shown on a terminal without being asked", hint: "pylee render " + shellWord(o.template) + " --reveal, or -o FILE", code: exitFailed}
	}
	text, err := inv.readTemplate(o.template)
	if err != nil {
		return err
	}
	file := &childFile{key: "template", entry: config.FileEntry{Field: config.Field{Text: text}, Format: o.format}}
	o.only, o.purpose = file, &purpose{action: policy.Read, all: policy.Stdout}
	if o.output != "" && o.output != "-" {
		o.purpose.all = policy.File
	}
	a, snapshot, err := inv.resolve(o.source)
	if a != nil {
		err = errors.Join(err, a.checkFiles(snapshot), a.refuseLent(snapshot), a.permitted(o.purpose, snapshot))
	}
	if err != nil {
		return err
	}
	data, _, err := file.content(snapshot)
	if err != nil {
		return err
	}
	if o.output == "" || o.output == "-" {
		_, err = inv.stdio.Out.Write(data)
		return err
	}
	return inv.writeRendered(o.output, data)
}

// writeRendered replaces a file. What is not one stays: nobody wants a file in the
// place of /dev/stdout.
func (inv *invocation) writeRendered(name string, data []byte) error {
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(inv.dir, path)
	}
	fault := func(reason string) error { return &failure{message: name + ": " + reason, code: exitFailed} }
	if strings.HasSuffix(name, "/") {
		return fault("is a directory, and a file is needed")
	}
	var unsafe *atomicfile.ParentError
	if err := atomicfile.JudgeParents(path, inv.uid()); errors.As(err, &unsafe) {
		return fault("others could replace it: " + unsafe.Error())
	}
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		return fault("exists and is not a regular file")
	}
	inv.guard.Hold(unwinding) // from here on a signal leaves the time to take back what is half done
	if err := atomicfile.Sweep(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	err := atomicfile.Write(path, data, atomicfile.Options{Mode: 0o400})
	var no syscall.Errno
	if errors.As(err, &no) {
		return fault(no.Error())
	}
	return err
}

// readTemplate reads a template that the command line names.
func (inv *invocation) readTemplate(name string) (*config.Text, error) {
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(inv.dir, path)
	}
	data, err := config.ReadFile(path, name, inv.uid())
	if err != nil {
		return nil, err
	}
	value := string(data)
	node := &format.Node{Kind: format.String, Text: value, Pos: format.Pos{File: name, Line: 1, Col: 1}}
	return &config.Text{Value: value, Dir: filepath.Dir(path), Node: node, Template: true}, nil
}
