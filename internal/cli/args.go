package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/resolve"
)

// refuseSecretArgs refuses arguments that hold a secret: every user of the machine
// can read /proc/PID/cmdline.
func refuseSecretArgs(a *assembly, snapshot *resolve.Snapshot) error {
	var errs []error
	for _, name := range a.args {
		entry, ok := snapshot.Entry(name)
		if command := strings.HasSuffix(name, ".command"); ok && entry.Secret && (command || !a.cfg.AllowInArgs) {
			errs = append(errs, &failure{
				place: a.place(name), message: name + ": holds a secret, and arguments are readable by every user of the machine",
				hint: a.otherForms(name), code: exitConfig,
			})
		}
	}
	if entry, ok := snapshot.Entry(a.cwd); ok && entry.Secret {
		errs = append(errs, &failure{
			place: a.place(a.cwd), message: a.cwd + ": holds a secret, and the working directory of a process is no secret",
			hint: "use a ${NAME} that holds none", code: exitConfig,
		})
	}
	return errors.Join(errs...)
}

// otherForms shows how the secret in an argument can be passed instead.
func (a *assembly) otherForms(input string) string {
	for _, in := range a.inputs {
		t, err := resolve.Parse(in.Text)
		if in.Name != input || err != nil {
			continue
		}
		for x := range t.Exprs() {
			if scheme, ok := providers.Find(x.Provider); x.Provider != "" && ok && scheme.Public {
				continue
			}
			file := strings.ToLower(nameOf(x))
			return fmt.Sprintf("env: {%s: %q}, or files: {%s: %q} and ${%s}/%s as the argument; allow_in_args: true if everybody may read it",
				strings.ToUpper(file), x.Label(), file, x.Label(), secretsDirVariable, file)
		}
	}
	return "pass it under env: or files:, or set allow_in_args: true"
}

// nameOf makes a name for a variable of what an expression reads: its field, else the
// end of its path.
func nameOf(x *resolve.Expr) string {
	label := strings.Trim(x.Label(), "${}")
	label, _, _ = strings.Cut(label, "|")
	if _, field, ok := strings.Cut(label, "#"); ok {
		label = field
	}
	label, _, _ = strings.Cut(label, "?")
	label = label[strings.LastIndexAny(label, "/:")+1:]
	return safeName(label)
}

// safeName replaces what the name of a variable cannot hold.
func safeName(text string) string {
	name := []byte(text)
	for i, c := range name {
		if letter := c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_'; !letter && (i == 0 || c < '0' || c > '9') {
			name[i] = '_'
		}
	}
	return string(name)
}

// childArgv puts the target's command and arguments before those of the command
// line.
func childArgv(a *assembly, snapshot *resolve.Snapshot, extra []string) ([]string, error) {
	var argv []string
	errs := leaves(refuseSecretArgs(a, snapshot))
	for _, name := range a.args {
		entry, ok := snapshot.Entry(name)
		if !ok {
			continue
		}
		argv = append(argv, string(entry.Value.Reveal()))
	}
	argv = append(argv, extra...)
	if len(argv) == 0 && len(errs) == 0 {
		errs = append(errs, &failure{message: a.targetKey() + ": no command", hint: "a remote server (url:) cannot be run", code: exitConfig})
	}
	return argv, errors.Join(errs...)
}
