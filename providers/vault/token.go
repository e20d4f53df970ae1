package vault

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/pyleeai/pylee/internal/command"
	"github.com/pyleeai/pylee/providers"
)

func tokenSession(token providers.Value, how string) (*session, error) {
	if err := checkToken(token, how); err != nil {
		return nil, err
	}
	return &session{token: token, how: how}, nil
}

// checkToken refuses what cannot be a header.
func checkToken(token providers.Value, from string) error {
	for _, c := range token.Reveal() {
		if c <= ' ' || c >= 0x7f {
			return unauthenticated(from+" holds a character that no token has", "")
		}
	}
	return nil
}

// chain finds the token that the command line tool would use: in its variable, from its
// token helper, in its file.
func (p *provider) chain(ctx context.Context) (*session, error) {
	name, value := p.variable("TOKEN")
	if value = strings.TrimSpace(value); value != "" {
		return tokenSession(providers.NewValue([]byte(value)), "the token in "+name)
	}
	tried := name + " is not set"
	helper, config, err := p.helper()
	if err != nil {
		return nil, err
	}
	if helper != "" {
		token, err := p.askHelper(ctx, helper)
		if err != nil {
			return nil, err
		}
		if len(token.Reveal()) > 0 {
			return tokenSession(token, "the token of the helper "+providers.QuoteName(helper))
		}
		return nil, p.noToken(tried + ", and the token helper named in " + providers.QuoteName(config) + " has none")
	}
	for _, file := range p.tokenFiles() {
		token, err := credential{name: file, file: file}.read()
		if err == nil {
			return tokenSession(token, "the token in "+providers.QuoteName(file))
		}
		if _, statErr := os.Stat(file); !errors.Is(statErr, fs.ErrNotExist) {
			return nil, unauthenticated(providers.QuoteName(file)+" is empty or cannot be read", command.Line([]string{"ls", "-l", file}))
		}
		tried += ", " + providers.QuoteName(file) + " does not exist"
	}
	return nil, p.noToken(tried)
}

func (p *provider) noToken(tried string) error {
	return unauthenticated("no token: "+tried, p.loginCommand()+"; or set auth in providers."+p.instance)
}

// tokenFiles are where the tools leave the token of a login.
func (p *provider) tokenFiles() []string {
	if !filepath.IsAbs(p.home) {
		return nil
	}
	vault := filepath.Join(p.home, ".vault-token")
	if p.kind == "bao" {
		return []string{filepath.Join(p.home, ".bao-token"), vault}
	}
	return []string{vault}
}

// maxConfig is how long the config of the tool may be, in bytes.
const maxConfig = 64 << 10

// helper returns the program that the config of the tool names as its token helper, and
// the path of that config. No config, or one without a helper, is no error: Ansible has
// files of the same name.
func (p *provider) helper() (program, config string, err error) {
	if _, config = p.variable("CONFIG_PATH"); config == "" {
		if !filepath.IsAbs(p.home) {
			return "", "", nil
		}
		config = filepath.Join(p.home, ".vault")
	}
	info, err := os.Stat(config)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxConfig {
		return "", config, nil
	}
	data, err := os.ReadFile(config)
	if err != nil {
		return "", config, nil
	}
	if program = tokenHelper(data); program == "" {
		return "", config, nil
	}
	if !filepath.IsAbs(program) {
		return "", config, invalid(providers.QuoteName(config)+": token_helper is not an absolute path", "")
	}
	return program, config, nil
}

// tokenHelper reads the one attribute that the file may have, in HCL or JSON.
func tokenHelper(data []byte) string {
	var object struct {
		Helper string `json:"token_helper"`
	}
	if json.Unmarshal(data, &object) == nil {
		return object.Helper
	}
	for line := range strings.Lines(string(data)) {
		name, value, ok := strings.Cut(line, "=")
		if !ok || strings.Trim(strings.TrimSpace(name), `"`) != "token_helper" {
			continue
		}
		if quoted, err := strconv.QuotedPrefix(strings.TrimSpace(value)); err == nil {
			text, _ := strconv.Unquote(quoted) //nolint:errcheck // QuotedPrefix checked it
			return text
		}
	}
	return ""
}

// askHelper runs the program with the argument get, as the tools do.
// https://developer.hashicorp.com/vault/docs/commands/token-helper
func (p *provider) askHelper(ctx context.Context, program string) (providers.Value, error) {
	at := "token helper " + providers.QuoteName(program) + ": "
	if err := command.Check(program, os.Geteuid()); err != nil {
		e := &providers.Error{Kind: providers.ErrInvalid, Detail: at + err.Error()}
		var known *command.Error
		if errors.As(err, &known) {
			e.Hint = known.Hint
		}
		return providers.Value{}, e
	}
	more := []string{"VAULT_ADDR", "VAULT_NAMESPACE", "BAO_ADDR", "BAO_NAMESPACE"}
	out, err := command.Run(ctx, command.Tool{Argv: []string{program, "get"}, Env: command.Environ(p.environ, more, nil), Limit: maxCredential, Name: "token"})
	if err != nil {
		clear(out)
		if ctx.Err() != nil {
			return providers.Value{}, ctx.Err()
		}
		return providers.Value{}, unauthenticated(at+err.Error(), command.Line([]string{program, "get"}))
	}
	return providers.NewValue([]byte(strings.TrimSpace(string(out)))), nil
}
