package cli

import (
	"bytes"
	"path/filepath"

	"github.com/pyleeai/pylee/internal/atomicfile"
	"github.com/pyleeai/pylee/internal/store"
	"github.com/pyleeai/pylee/providers"
	"github.com/urfave/cli/v2"
)

func secretInitCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:        "init",
		Usage:       "create the identity and the store",
		Description: secretInitDescription,
		Flags: append(storeFlags(inv),
			&cli.StringSliceFlag{Name: "recipient", Aliases: []string{"r"}, Usage: "a further age `RECIPIENT` that can open the store (may be repeated)"},
			boolFlag("project", "keep the store in .pylee/secrets beside the project's config"),
			boolFlag("passphrase", "encrypt the new identity with a passphrase, which is asked for"),
			&cli.StringFlag{Name: "ssh", Usage: "make no identity: the store is opened by the SSH private key `FILE`"},
			boolFlag("pq", "make a post-quantum identity; age reads it from version 1.3 on"),
		),
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usagef("secret init takes no argument")
			}
			if err := refuseEmpty(c, "env", "store", "identity", "recipient", "ssh"); err != nil {
				return err
			}
			return inv.secretInit(c)
		},
	}
}

func (inv *invocation) secretInit(c *cli.Context) error {
	project := inv.projectDir("")
	if c.Bool("project") {
		if project == "" {
			return &failure{message: "--project: no config of a project was found here", hint: "pylee init", code: exitFailed}
		}
		if err := atomicfile.MkdirAll(filepath.Join(project, ".pylee", "secrets")); err != nil {
			return err
		}
	}
	file, err := inv.chosenStore(c)
	if err != nil {
		return err
	}
	if ssh := c.String("ssh"); ssh != "" {
		if file.Keys, err = withSSH(file.Keys, inv.absolute(ssh)); err != nil {
			return err
		}
	}
	o := store.InitOptions{Recipients: c.StringSlice("recipient"), Anew: true, PQ: c.Bool("pq")}
	if c.Bool("passphrase") {
		if o.Passphrase, err = inv.newPassphrase(); err != nil {
			return err
		}
	}
	made, err := file.Init(c.Context, o)
	inv.sayMade(made)
	switch {
	case err != nil:
		return err
	case made.Store == "":
		return &failure{message: file.Path + ": is there already, and was left as it is", code: exitFailed}
	case c.String("ssh") != "":
		inv.hint("export PYLEE_SSH_IDENTITY=%s, or ssh_identity in the block providers.local of ~/.pylee/config.yaml", shellWord(file.Keys.SSH))
	case made.Identity == "" && (o.PQ || o.Passphrase != nil):
		inv.say("--pq and --passphrase are of a new identity; the one that is there was used")
	}
	return nil
}

// withSSH lets an SSH key open the store. An identity that comes before it would be
// the one that does.
func withSSH(keys store.Keys, path string) (store.Keys, error) {
	keys.SSH = path
	for _, s := range keys.Sources() {
		if s.Name != "ssh_identity" && (s.Found || s.Unasked) {
			return keys, &failure{
				message: "--ssh: " + s.Name + " is there, and comes before an SSH key", code: exitFailed,
				hint: "make the store for it, then: pylee secret recipients add 'ssh-ed25519 ...'",
			}
		}
	}
	return keys, nil
}

func (inv *invocation) sayMade(made store.Created) {
	if made.Identity != "" {
		inv.say("created the identity %s: it opens your stores, keep a copy where only you can read it", made.Identity)
	}
	if made.Store != "" {
		inv.say("created the store %s for %s", made.Store, made.Recipient)
	}
	if made.Lost > 0 {
		inv.say("a store with %d changes was known there before, and is gone", made.Lost)
	}
}

// passphrase asks at the terminal, whatever stdin is; nil if there is none. It asks once
// for each file: some commands open two stores, or one twice.
func (inv *invocation) passphrase() func(string) ([]byte, error) {
	tty, err := openTTY()
	if err != nil {
		return nil
	}
	tty.Close() //nolint:errcheck // nothing was written
	return func(path string) ([]byte, error) {
		if known, again := inv.passphrases[path]; again {
			return bytes.Clone(known.Reveal()), nil // the caller clears it
		}
		text, err := inv.askTTY("passphrase of " + path + ": ")
		if err == nil {
			inv.passphrases = map[string]providers.Value{path: providers.NewValue(bytes.Clone(text))}
		}
		return text, err
	}
}

// newPassphrase asks twice.
func (inv *invocation) newPassphrase() (func(string) ([]byte, error), error) {
	once := inv.passphrase()
	if once == nil {
		return nil, &failure{message: "--passphrase: there is no terminal to ask for it", hint: "pylee secret init --passphrase, at a terminal", code: exitFailed}
	}
	return func(path string) ([]byte, error) {
		first, err := once(path)
		if err != nil {
			return nil, err
		}
		second, err := inv.askTTY("once more: ")
		if err != nil {
			return nil, err
		}
		defer clear(second)
		if !providers.NewValue(first).Equal(providers.NewValue(second)) {
			return nil, &failure{message: "the two passphrases differ; nothing was made", code: exitFailed}
		}
		return first, nil
	}, nil
}
