package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pyleeai/pylee/internal/config"
	"github.com/urfave/cli/v2"
)

const starterConfig = `# pylee run -- COMMAND puts these values into the environment of COMMAND.
# pylee check tells whether all of them resolve; pylee schema prints a schema for editors.
version: 1

variables:
  APP: myapp

env:
  LOG_LEVEL: ${LOG_LEVEL:-info}
  # printf 's3cret' | pylee secret set db_password
  # DATABASE_URL: postgres://${APP}:${secret:db_password|urlquery}@localhost/${APP}
  # API_KEY: {value: "${secret:api_key}", required: true, not_placeholder: true}

environments:
  development: {env: {LOG_LEVEL: debug}}
  production: {}
`

func initCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:        "init",
		Usage:       "write a first pylee.yaml into the working directory",
		Description: "Example:\n\n    pylee init && pylee allow && pylee check",
		Flags:       commonFlags(inv),
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usagef("init takes no argument")
			}
			if path := config.Project(config.Options{Dir: inv.dir, Home: inv.home}); filepath.Dir(path) == inv.dir && path != "" {
				return &failure{message: path + ": is there already, and was left as it is", hint: "pylee check", code: exitFailed}
			}
			return inv.writeStarter(filepath.Join(inv.dir, "pylee.yaml"))
		},
	}
}

func (inv *invocation) writeStarter(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return &failure{message: path + ": is there already, and was left as it is", code: exitFailed}
	}
	if err != nil {
		return err
	}
	if _, err = f.WriteString(starterConfig); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	if err := os.Chmod(path, 0o644); err != nil { //nolint:gosec // a config holds references, and is committed
		return err
	}
	inv.say("wrote %s", path)
	inv.hint("printf 's3cret' | pylee secret set db_password; pylee allow")
	return nil
}
