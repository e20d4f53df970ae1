package cli

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"
	"unicode/utf8"

	"github.com/pyleeai/pylee/internal/format"
	"github.com/pyleeai/pylee/internal/policy"
	"github.com/pyleeai/pylee/internal/store"
	"github.com/urfave/cli/v2"
)

func secretEditCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:        "edit",
		Usage:       "change a value, or all, in $EDITOR",
		ArgsUsage:   "[NAME]",
		Description: secretEditDescription,
		Flags:       append(storeFlags(inv), &cli.StringFlag{Name: "note", Usage: "a `TEXT` kept with the new version; not secret"}),
		Action: func(c *cli.Context) error {
			if c.NArg() > 1 {
				return usagef("secret edit takes one name, or none for all secrets")
			}
			return inv.secretEdit(c, c.Args().First())
		},
	}
}

func (inv *invocation) secretEdit(c *cli.Context, name string) error {
	editor, err := inv.editor()
	if err != nil {
		return err
	}
	file, opened, err := inv.openFile(c)
	if err != nil {
		return err
	}
	defer opened.Close()
	shown := listed(opened)
	if name != "" {
		shown = []string{name}
	}
	if _, err := inv.permitStore(c.String("env"), policy.Read, policy.File, shown...); err != nil {
		return err
	}
	text, read := newYAML, editedYAML
	base := "secrets.yaml"
	if name != "" {
		text, base = oneValue(name), filepath.Base(name)
	}
	before, err := text(inv, opened)
	if err != nil {
		return err
	}
	if name != "" {
		read = editedValue(name, before)
	}
	defer clear(before)
	list, err := inv.editText(editor, base, before, read)
	if err != nil {
		return err
	}
	for i := range list {
		list[i].Note = c.String("note")
	}
	if err := compareIncoming(file, list, false); err != nil {
		return err
	}
	if !slices.ContainsFunc(list, incoming.stored) {
		inv.say("nothing was changed")
		return nil
	}
	if err := inv.storeIncoming(c, file, list); err != nil {
		return err
	}
	for _, s := range list {
		if s.stored() {
			inv.say("stored %s in %s", s.name, file.Path)
		}
	}
	if name == "" {
		inv.hintRemoved(opened, list)
	}
	return nil
}

// hintRemoved tells of names that are missing in the text: those stay.
func (inv *invocation) hintRemoved(opened *store.Store, list []incoming) {
	for _, name := range listed(opened) {
		found, err := opened.Lookup(name, 0)
		shown := err == nil && utf8.Valid(found.Value.Reveal())
		if shown && !slices.ContainsFunc(list, func(s incoming) bool { return s.name == name }) {
			inv.hint("%s stays; to remove it: pylee secret remove %s", name, name)
		}
	}
}

// oneValue returns the text of a value.
func oneValue(name string) func(*invocation, *store.Store) ([]byte, error) {
	return func(_ *invocation, opened *store.Store) ([]byte, error) {
		found, err := opened.Lookup(name, 0)
		return bytes.Clone(found.Value.Reveal()), err
	}
}

// editedValue takes the text as the value. Editors end a last line that had no end;
// that newline is dropped again.
func editedValue(name string, before []byte) func(text []byte) ([]incoming, error) {
	ended := bytes.HasSuffix(before, []byte("\n"))
	return func(text []byte) ([]incoming, error) {
		if !ended {
			text = bytes.TrimSuffix(text, []byte("\n"))
		}
		list := []incoming{{name: name, value: text}}
		return list, checkIncoming("the text", list)
	}
}

// newYAML returns all values that are text.
func newYAML(inv *invocation, opened *store.Store) ([]byte, error) {
	all, err := opened.Export()
	if err != nil {
		return nil, err
	}
	root := &format.Node{Kind: format.Map}
	for _, s := range all {
		switch {
		case s.Err != nil:
			inv.say("%s is left out: %v", s.Name, s.Err)
		case !utf8.Valid(s.Value.Reveal()):
			inv.say("%s is left out: it is not UTF-8", s.Name)
		default:
			root.Entries = append(root.Entries, format.Entry{Key: s.Name, Value: &format.Node{Kind: format.String, Text: string(s.Value.Reveal())}})
		}
	}
	if len(root.Entries) == 0 {
		return []byte("# NAME: value\n"), nil
	}
	return format.WriteYAML(root)
}

func editedYAML(text []byte) ([]incoming, error) {
	payload, err := format.ParsePayload("yaml", text)
	if err == nil && payload.Names() == nil && !onlyComments(text) {
		err = errors.New("no names in it")
	}
	if err != nil {
		return nil, &failure{message: "the text: " + err.Error() + "; nothing was stored", hint: "NAME: value, one for each secret", code: exitConfig}
	}
	var list []incoming
	for _, leaf := range payload.Leaves() {
		list = append(list, incoming{name: leaf.Name, value: leaf.Value})
	}
	if len(list) == 0 {
		return nil, nil
	}
	return list, checkIncoming("the text", list)
}

func onlyComments(text []byte) bool {
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			return false
		}
	}
	return true
}
