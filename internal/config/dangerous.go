package config

import (
	"strings"

	"github.com/pyleeai/pylee/internal/format"
)

// dangerous are variables that make other programs run code, load it from elsewhere
// or trust what they should not, by what they do. A name that ends in * is a prefix.
var dangerous = []struct{ does, names string }{
	{"it loads code into every program", "LD_* DYLD_* GCONV_PATH GLIBC_TUNABLES"},
	{"it decides which programs run", "PATH PATHEXT"},
	{"it makes shells run or read something else", "BASH_ENV ENV IFS BASH_FUNC_* SHELLOPTS BASHOPTS PS4 PROMPT_COMMAND ZDOTDIR"},
	{"it makes an interpreter run something else",
		"NODE_OPTIONS PYTHONSTARTUP PYTHONHOME PERL5OPT PERL5LIB PERL5DB RUBYOPT RUBYLIB JAVA_TOOL_OPTIONS JDK_JAVA_OPTIONS _JAVA_OPTIONS LUA_INIT DOTNET_STARTUP_HOOKS RUSTC_WRAPPER npm_config_script_shell"},
	{"it makes git run a program", "GIT_SSH GIT_SSH_COMMAND GIT_EXEC_PATH GIT_EXTERNAL_DIFF GIT_PROXY_COMMAND GIT_ASKPASS GIT_CONFIG* GIT_PAGER GIT_TEMPLATE_DIR SSH_ASKPASS SUDO_ASKPASS LESSOPEN"},
	{"it changes what every Go program does", "GODEBUG"},
	{"it decides where programs look for what they trust", "HOME XDG_CONFIG_HOME XDG_STATE_HOME XDG_RUNTIME_DIR RUNTIME_DIRECTORY CREDENTIALS_DIRECTORY OPENSSL_CONF"},
	{"it configures pylee itself", "PYLEE_*"},
}

// Dangerous returns why a variable may not be set by a .env file or by a config that
// was found in a directory; empty: it may.
func Dangerous(name string) string {
	for _, d := range dangerous {
		for pattern := range strings.FieldsSeq(d.names) {
			prefix, open := strings.CutSuffix(pattern, "*")
			if name == pattern || open && strings.HasPrefix(name, prefix) {
				return d.does
			}
		}
	}
	return ""
}

// DangerousError is the fault of a name that a file at pos may not set, or nil.
func DangerousError(pos format.Pos, path, name, what string) error {
	reason := Dangerous(name)
	if reason == "" {
		return nil
	}
	return &format.Error{
		Pos: pos, Message: path + ": not accepted from " + what + ": " + reason,
		Hint: "set it with --set, in ~/.pylee/config.yaml, or in a config named with --config",
	}
}

// refuseNames reports dangerous names among the variables that n sets.
func (c *checker) refuseNames(path string, n *format.Node) {
	if n == nil {
		return
	}
	for _, item := range n.Items {
		name, _, _ := strings.Cut(item.Text, "=")
		c.refuseName(item.Pos, path, name)
	}
	for _, e := range n.Entries {
		if e.Value.Kind == format.Map && !isSet(e.Value.Lookup("value")) && !isSet(e.Value.Lookup("template")) {
			continue // only rules
		}
		if e.Value.Kind != format.Null {
			c.refuseName(e.KeyPos, path, e.Key)
		}
	}
}

func (c *checker) refuseName(pos format.Pos, path, name string) {
	if err := DangerousError(pos, join(path, name), name, "a config that was found in a directory"); err != nil {
		c.addErr(err)
	}
}
