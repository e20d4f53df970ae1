package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/pyleeai/pylee/internal/atomicfile"
	"github.com/pyleeai/pylee/internal/config"
	"github.com/pyleeai/pylee/internal/store"
	"github.com/pyleeai/pylee/providers"
	"github.com/urfave/cli/v2"
)

// storeChoice says which store a command works on.
type storeChoice struct {
	env      string
	path     string
	identity string
}

func secretCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:  "secret",
		Usage: "the local encrypted store: init, set, get, list, remove",
		Description: "Examples:\n\n    printf s3cret | pylee secret set db_password\n    pylee secret set tls_key --file key.pem\n" +
			"    pylee secret list\n    pylee secret get db_password | wc -c\n    pylee secret remove db_password",
		Subcommands: []*cli.Command{
			secretInitCommand(inv), secretSetCommand(inv), secretGetCommand(inv),
			secretListCommand(inv), secretRemoveCommand(inv),
		},
	}
}

func storeFlags(inv *invocation) []cli.Flag {
	return append(commonFlags(inv),
		environmentFlag(),
		&cli.StringFlag{Name: "store", Usage: "the store `FILE` instead of the environment's"},
		&cli.StringFlag{Name: "identity", Usage: "open the store with `FILE`, or fd:N (PYLEE_IDENTITY_FILE)"},
	)
}

func choiceOf(c *cli.Context, inv *invocation) storeChoice {
	return storeChoice{env: inv.environment(c.String("env")), path: c.String("store"), identity: c.String("identity")}
}

// storeFile returns the file of a choice. Which environments a config defines does
// not matter here, only where its project lies.
func (inv *invocation) storeFile(choice storeChoice, project string) store.File {
	path := choice.path
	if path == "" {
		path = store.Path(project, inv.home, choice.env)
	} else if !filepath.IsAbs(path) {
		path = filepath.Join(inv.dir, path)
	}
	return store.File{
		Path: path, StateDir: store.StateDir(inv.home, inv.env["XDG_STATE_HOME"]), Env: choice.env,
		Keys: store.Keys{
			Identity: choice.identity, IdentityFile: inv.env["PYLEE_IDENTITY_FILE"],
			Literal:     providers.NewValue([]byte(inv.env["PYLEE_IDENTITY"])),
			Credentials: inv.env["CREDENTIALS_DIRECTORY"], Home: inv.home,
		},
	}
}

// chosenStore is storeFile for the secret commands.
func (inv *invocation) chosenStore(c *cli.Context) (store.File, error) {
	if err := refuseEmpty(c, "env", "store", "identity"); err != nil {
		return store.File{}, err
	}
	closeIdentity(c.String("identity"))
	file := inv.storeFile(choiceOf(c, inv), inv.projectDir(""))
	var err error
	file.Keys, err = file.Keys.Held() // a descriptor can be read once, and set opens a store twice
	return file, err
}

// openStore opens the store that the flags choose.
func (inv *invocation) openStore(c *cli.Context) (*store.Store, error) {
	file, err := inv.chosenStore(c)
	if err != nil {
		return nil, err
	}
	return file.Open()
}

// projectDir is the directory of the project's config, or empty. The config is not
// read for this: what is wrong with it does not keep anyone from setting a secret.
func (inv *invocation) projectDir(named string) string {
	if path := config.Project(inv.configOptions(named, "")); path != "" {
		return filepath.Dir(path)
	}
	return ""
}

// localSettings are what the provider of the local store needs to know.
func (inv *invocation) localSettings(cfg *config.Config, s source) map[string]any {
	file := inv.storeFile(storeChoice{env: cfg.Environment, identity: s.identity}, inv.projectDir(s.config))
	return map[string]any{
		"store": file.Path, "state": file.StateDir, "env": file.Env, "identity": s.identity,
	}
}

func secretInitCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:  "init",
		Usage: "create the identity and the store",
		Description: "`pylee secret set` does this by itself the first time.\n\nExamples:\n\n    pylee secret init\n" +
			"    pylee secret init --project          # .pylee/secrets beside the project's config\n" +
			"    pylee secret init --env production --recipient age1...",
		Flags: append(storeFlags(inv),
			&cli.StringSliceFlag{Name: "recipient", Aliases: []string{"r"}, Usage: "a further age `RECIPIENT` that can open the store (may be repeated)"},
			boolFlag("project", "keep the store in .pylee/secrets beside the project's config"),
		),
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usagef("secret init takes no argument")
			}
			return inv.secretInit(c)
		},
	}
}

func (inv *invocation) secretInit(c *cli.Context) error {
	choice, project := choiceOf(c, inv), inv.projectDir("")
	if c.Bool("project") {
		if project == "" {
			return &failure{message: "--project: no config of a project was found here", hint: "pylee init", code: exitFailed}
		}
		if err := atomicfile.MkdirAll(filepath.Join(project, ".pylee", "secrets")); err != nil {
			return err
		}
	}
	file := inv.storeFile(choice, project)
	made, err := file.Init(c.Context, store.InitOptions{Recipients: c.StringSlice("recipient"), Anew: true})
	inv.sayMade(made)
	if err != nil {
		return err
	}
	if made.Store == "" {
		return &failure{message: file.Path + ": is there already, and was left as it is", code: exitFailed}
	}
	return nil
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

func secretGetCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:      "get",
		Usage:     "print a secret to a pipe, or with --reveal to a terminal",
		ArgsUsage: "NAME",
		Description: "The exact bytes, without a newline of pylee's.\n\nExamples:\n\n    pylee secret get db_password | wc -c\n" +
			"    pylee secret get db_password --reveal\n    pylee secret get db_password --version 3 | sha256sum",
		Flags: append(storeFlags(inv),
			&cli.IntFlag{Name: "version", Usage: "version `N` instead of the active one"},
			boolFlag("reveal", "print to a terminal"),
		),
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return usagef("secret get takes one name")
			}
			return inv.secretGet(c, c.Args().First())
		},
	}
}

func (inv *invocation) secretGet(c *cli.Context, name string) error {
	if isTerminal(inv.stdio.Out) && !c.Bool("reveal") {
		return &failure{message: "values are not shown on a terminal without being asked", hint: "pylee secret get " + name + " --reveal", code: exitFailed}
	}
	opened, err := inv.openStore(c)
	if err != nil {
		return err
	}
	secret, err := opened.Lookup(name, c.Int("version"))
	if err != nil {
		return err
	}
	_, err = inv.stdio.Out.Write(secret.Value.Reveal())
	if err == nil && isTerminal(inv.stdio.Out) {
		_, err = fmt.Fprintln(inv.stdio.Out)
	}
	return err
}

func secretRemoveCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:        "remove",
		Aliases:     []string{"rm"},
		Usage:       "remove secrets with all their versions",
		ArgsUsage:   "NAME...",
		Description: "Example:\n\n    pylee secret remove db_password",
		Flags:       storeFlags(inv),
		Action: func(c *cli.Context) error {
			if c.NArg() == 0 {
				return usagef("secret remove takes the names of secrets")
			}
			file, err := inv.chosenStore(c)
			if err != nil {
				return err
			}
			names := c.Args().Slice()
			err = file.Update(c.Context, func(e *store.Edit) error {
				var errs []error
				for _, name := range names {
					errs = append(errs, e.Remove(name))
				}
				return errors.Join(errs...)
			})
			if err != nil {
				return err
			}
			for _, name := range names {
				inv.say("removed %s from %s", name, file.Path)
			}
			return nil
		},
	}
}

// setSecret adds a version to a secret and returns its number.
func setSecret(ctx context.Context, file store.File, name string, value []byte, note string) (version int, err error) {
	err = file.Update(ctx, func(e *store.Edit) error {
		version, err = e.Set(name, value, note)
		return err
	})
	return version, err
}
