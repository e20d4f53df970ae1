package runner

import (
	"slices"
	"strings"
)

// Variables that a command does not inherit, for exec.Env.Drop: they unlock sources
// of secrets and are meant for pylee. AWS_* is not among them, because applications
// use it themselves. A configuration may add to both tables.
var (
	DropEnv = []string{"VAULT_TOKEN", "BAO_TOKEN", "VAULT_SECRET_ID", "AZURE_CLIENT_SECRET", "OP_SERVICE_ACCOUNT_TOKEN", "PYLEE_*"}
	KeepEnv = []string{"PYLEE_SECRETS_DIR", "PYLEE_ENV"}
)

// Unlocks tells whether the variable is one of DropEnv and not of KeepEnv: what it
// holds is to be treated as a secret.
func Unlocks(name string) bool {
	if slices.Contains(KeepEnv, name) {
		return false
	}
	return slices.ContainsFunc(DropEnv, func(pattern string) bool {
		prefix, star := strings.CutSuffix(pattern, "*")
		return name == pattern || star && strings.HasPrefix(name, prefix)
	})
}
