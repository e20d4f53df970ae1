package cli

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pyleeai/pylee/internal/command"
	"github.com/pyleeai/pylee/internal/format"
	"github.com/pyleeai/pylee/internal/store"
	"github.com/pyleeai/pylee/providers"
	"github.com/urfave/cli/v2"
)

// importKinds are what secrets can be taken over from.
var importKinds = []string{"dotenv", "json", "yaml", "dir", "passage", "store", "sops"}

// importKind is what --from says, else what the name of the source does.
func (inv *invocation) importKind(from, source string) (string, error) {
	if from != "" {
		if !slices.Contains(importKinds, from) {
			return "", usagef("--from takes one of %s", strings.Join(importKinds, ", "))
		}
		if source == "-" && !slices.Contains([]string{"dotenv", "json", "yaml"}, from) {
			return "", usagef("stdin can be dotenv, json or yaml")
		}
		return from, nil
	}
	if info, err := os.Stat(inv.absolute(source)); err == nil && info.IsDir() {
		if found, _ := filepath.Glob(filepath.Join(inv.absolute(source), ".age-recipients")); len(found) > 0 {
			return "passage", nil
		}
		return "dir", nil
	}
	base := filepath.Base(source)
	switch filepath.Ext(base) {
	case ".json":
		return "json", nil
	case ".yaml", ".yml":
		return "yaml", nil
	case ".age":
		return "store", nil
	case ".env":
		return "dotenv", nil
	}
	if strings.HasPrefix(base, ".env") {
		return "dotenv", nil
	}
	return "", &failure{message: printable(source) + ": its name does not tell what it is", hint: "say --from, one of " + strings.Join(importKinds, ", "), code: exitUsage}
}

func (inv *invocation) absolute(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(inv.dir, path)
}

// readSource returns what a source holds, by name.
func (inv *invocation) readSource(c *cli.Context, kind, source string) ([]incoming, error) {
	switch kind {
	case "dir":
		return readTree(inv.absolute(source), "", func(path string) ([]byte, error) { return readSource(path) })
	case "passage":
		keys, err := inv.sourceKeys(c)
		if err != nil {
			return nil, err
		}
		return readTree(inv.absolute(source), ".age", func(path string) ([]byte, error) {
			value, err := keys.Decrypt(path)
			return dropEcho(value.Reveal()), err
		})
	case "store":
		return inv.readStore(c, inv.absolute(source))
	case "sops":
		data, err := inv.sops(inv.absolute(source))
		if err != nil {
			return nil, err
		}
		return leavesOf(source, "json", data)
	}
	data, err := []byte(nil), error(nil)
	if source == "-" {
		data, err = io.ReadAll(io.LimitReader(inv.stdio.In, format.MaxConfig+1))
	} else {
		data, err = readSource(inv.absolute(source))
	}
	if err != nil {
		return nil, err
	}
	return leavesOf(source, kind, data)
}

// readSource reads a file as a whole.
func readSource(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	defer f.Close() //nolint:errcheck // read only
	data, err := io.ReadAll(io.LimitReader(f, format.MaxConfig+1))
	if err != nil {
		return nil, unreadable(path, err)
	}
	return data, nil
}

func unreadable(path string, err error) error {
	f := &failure{message: printable(path) + ": " + err.Error(), hint: "name a file or directory that you can read", code: exitFailed}
	var from *fs.PathError
	if errors.As(err, &from) {
		f.message = printable(path) + ": " + from.Err.Error()
	}
	if errors.Is(err, fs.ErrNotExist) {
		f.code = exitNotFound
	}
	return f
}

// leavesOf returns the values of a payload.
func leavesOf(source, kind string, data []byte) ([]incoming, error) {
	payload, err := format.ParsePayload(kind, data)
	if err != nil {
		return nil, &failure{message: printable(source) + ": " + err.Error(), hint: "another format? --from " + strings.Join(importKinds, "|"), code: exitConfig}
	}
	if _, encrypted := payload.Pointer([]string{"sops", "mac"}); encrypted && kind != "dotenv" {
		return nil, &failure{message: printable(source) + ": is encrypted by sops", hint: "pylee secret import --from sops " + shellWord(source), code: exitUsage}
	}
	if payload.Names() == nil && len(data) > 0 {
		return nil, &failure{message: printable(source) + ": no names in it: it has to be an object", hint: "store a single value with pylee secret set NAME --file " + shellWord(source), code: exitConfig}
	}
	if name, twice := payload.Twice(); twice { // the others would be lost without a word
		return nil, &failure{message: printable(source) + ": " + printable(name) + " is there twice", hint: "leave one of them in it", code: exitConfig}
	}
	var list []incoming
	for _, leaf := range payload.Leaves() {
		list = append(list, incoming{name: leaf.Name, value: leaf.Value})
	}
	return list, nil
}

// sourceFailure names the flag of what is imported, where the store names its own.
func sourceFailure(c *cli.Context, err error) error {
	var from *providers.Error
	if !errors.As(err, &from) || from.Reason != providers.ReasonLocked {
		return err
	}
	named := *from
	named.Hint = strings.ReplaceAll(named.Hint, "--identity ", "--source-identity ")
	if c.String("source-identity") != "" {
		named.Detail = strings.ReplaceAll(named.Detail, "--identity ", "--source-identity ")
	}
	return &named
}

// sourceKeys open what is imported: an identity of its own, or that of the store.
func (inv *invocation) sourceKeys(c *cli.Context) (store.Keys, error) {
	choice := choiceOf(c, inv)
	if own := c.String("source-identity"); own != "" {
		choice.identity = own
	}
	closeIdentity(choice.identity)
	return inv.heldKeys(inv.storeFile(choice, "").Keys)
}

// readStore returns the active values of another store, with what is kept beside them.
func (inv *invocation) readStore(c *cli.Context, path string) ([]incoming, error) {
	opened, err := inv.inspect(c, path, c.String("source-env"))
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	all, err := opened.Export()
	if err != nil {
		return nil, err
	}
	var list []incoming
	for _, s := range all {
		if s.Err != nil {
			inv.say("%s is left out: %v", s.Name, s.Err)
			continue
		}
		list = append(list, incoming{name: s.Name, value: s.Value.Reveal(), AddOptions: store.AddOptions{
			Note: s.Note, Labels: s.Labels, Expires: s.Expires, RotateAfter: s.RotateAfter,
		}})
	}
	return list, nil
}

// inspect opens the store of a file that was named, and leaves no trace of that. An
// empty env is the one that it is of.
func (inv *invocation) inspect(c *cli.Context, path, env string) (*store.Store, error) {
	file := inv.storeFile(storeChoice{env: env, path: path}, "")
	var err error
	if file.Keys, err = inv.sourceKeys(c); err != nil {
		return nil, err
	}
	if _, err := os.Lstat(path); err != nil {
		return nil, unreadable(path, err)
	}
	report, err := file.Inspect()
	return report.Store, err
}

// sopsVariables are what the backends of sops read.
var sopsVariables = []string{"SOPS_*", "AWS_*", "AZURE_*", "GOOGLE_*", "CLOUDSDK_*", "VAULT_*", "HC_VAULT_*", "GNUPGHOME", "GPG_TTY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"}

// sops has the sops command decrypt a file, to JSON.
func (inv *invocation) sops(path string) ([]byte, error) {
	const patience = 2 * time.Minute // keys may lie in a cloud
	if _, err := os.Stat(path); err != nil {
		return nil, unreadable(path, err)
	}
	argv, err := inv.tool([]string{"sops", "--decrypt", "--output-type", "json", path})
	if err != nil {
		return nil, err
	}
	if argv == nil {
		return nil, &failure{message: "sops: not found in PATH", hint: "install it, or decrypt on the way: sops -d --output-type json FILE | pylee secret import - --from json", code: exitNotFound}
	}
	ctx, cancel := context.WithTimeout(inv.guard.Context(), patience)
	defer cancel()
	data, err := command.Run(ctx, command.Tool{Argv: argv, Env: command.Environ(inv.env, sopsVariables, nil), Name: path})
	if err != nil {
		return nil, toolFailure(argv[0], err)
	}
	return data, nil
}
