package cli

import (
	"path/filepath"
	"strings"

	"github.com/pyleeai/pylee/internal/command"
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
	c := &cli.Command{
		Name:        "secret",
		Usage:       "the local encrypted store: set, get, list, history, import, merge and more",
		Description: secretDescription,
	}
	if inv.command == "run" { // its start is not to pay for them
		return c
	}
	c.Subcommands = []*cli.Command{
		secretInitCommand(inv), secretSetCommand(inv), secretGenerateCommand(inv), secretGetCommand(inv),
		secretListCommand(inv), secretRemoveCommand(inv), secretHistoryCommand(inv), secretActivateCommand(inv),
		secretRollbackCommand(inv), secretRevokeCommand(inv), secretExpireCommand(inv), secretPurgeCommand(inv),
		secretEditCommand(inv), secretImportCommand(inv), secretExportCommand(inv), secretDiffCommand(inv),
		secretMergeCommand(inv), secretRecipientsCommand(inv), secretRekeyCommand(inv), secretVerifyCommand(inv),
	}
	return c
}

func storeFlags(inv *invocation) []cli.Flag {
	return append(commonFlags(inv),
		environmentFlag(),
		&cli.StringFlag{Name: "store", Usage: "the store `FILE` instead of the environment's"},
		identityFlag(),
	)
}

func identityFlag() cli.Flag {
	return &cli.StringFlag{Name: "identity", Usage: "open the store with `FILE`, or fd:N (PYLEE_IDENTITY_FILE)"}
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
			Credentials: inv.env["CREDENTIALS_DIRECTORY"], Keyring: true, Home: inv.home,
		},
	}
}

// heldKeys lets keys run the tools that the user has allowed and ask at the terminal,
// which no completion and no doctor does. A descriptor is read here: that can be done
// once, and some commands open two stores.
func (inv *invocation) heldKeys(keys store.Keys) (store.Keys, error) {
	if held, again := inv.held[keys.Identity]; again {
		return held, nil
	}
	keys, _, err := inv.configured(keys)
	if err != nil {
		return keys, err
	}
	keys.Passphrase, keys.CommandEnv = inv.passphrase(), command.Environ(inv.env, nil, nil)
	held, err := keys.Held()
	if err == nil && strings.HasPrefix(keys.Identity, "fd:") {
		inv.held = map[string]store.Keys{keys.Identity: held}
	}
	return held, err
}

// chosenStore is storeFile for the secret commands.
func (inv *invocation) chosenStore(c *cli.Context) (store.File, error) {
	if err := refuseEmpty(c, "env", "store", "identity"); err != nil {
		return store.File{}, err
	}
	closeIdentity(c.String("identity"))
	file := inv.storeFile(choiceOf(c, inv), inv.projectDir(""))
	_, keep, err := inv.configured(file.Keys)
	if err != nil {
		return file, err
	}
	file.Keep = keep
	file.Keys, err = inv.heldKeys(file.Keys)
	return file, err
}

// openStore opens the store that the flags choose.
func (inv *invocation) openStore(c *cli.Context) (*store.Store, error) {
	_, opened, err := inv.openFile(c)
	return opened, err
}

// openFile is openStore that also returns where the store is.
func (inv *invocation) openFile(c *cli.Context) (store.File, *store.Store, error) {
	file, err := inv.chosenStore(c)
	if err != nil {
		return file, nil, err
	}
	opened, err := file.Open()
	return file, opened, err
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
