package azure

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/pyleeai/pylee/internal/command"
)

// cliTimeout is how long the command az may take. It is a large program in Python.
const cliTimeout = 20 * time.Second

// cli is the link of the account that the command az is logged in with. The SDK has one
// too, which runs a shell with the environment of the process.
func (m maker) cli(guess bool) link {
	l := link{name: byCLI, said: "the account of az", tenant: m.p.auth.text["tenant"], others: m.tenants()}
	subscription := m.p.auth.text["subscription"]
	l.hint = "az login"
	if l.tenant != "" {
		l.hint = command.Line([]string{"az", "login", "--tenant", l.tenant})
	}
	program := lookPath("az", m.p.environ["PATH"])
	if program == "" {
		l.said = "there is no az on PATH"
		if !guess {
			return l.finish(nil, unauthenticated(l.said, "install the Azure CLI, then az login"))
		}
		return l
	}
	env := make([]string, 0, len(m.p.environ))
	for name, value := range m.p.environ {
		env = append(env, name+"="+value)
	}
	l = l.finish(&azureCLI{program, env, l.tenant, subscription}, nil)
	l.guess = guess
	return l
}

type azureCLI struct {
	program              string
	env                  []string
	tenant, subscription string
}

// GetToken runs az account get-access-token.
func (c *azureCLI) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	if o.Claims != "" {
		return azcore.AccessToken{}, unauthenticated("the vault wants a new login", "az logout; az login")
	}
	// A resource and not a scope: old versions of az know no scopes.
	argv := []string{c.program, "account", "get-access-token", "--output", "json", "--resource", strings.TrimSuffix(strings.Join(o.Scopes, ""), "/.default")}
	if tenant := first(o.TenantID, c.tenant); tenant != "" {
		argv = append(argv, "--tenant", tenant)
	}
	if c.subscription != "" {
		argv = append(argv, "--subscription", c.subscription)
	}
	limited, cancel := context.WithTimeout(ctx, cliTimeout)
	defer cancel()
	out, err := command.Run(limited, command.Tool{Argv: argv, Env: c.env})
	if err != nil {
		return azcore.AccessToken{}, cliFailure(err)
	}
	var got struct {
		AccessToken string `json:"accessToken"`
		Seconds     int64  `json:"expires_on"` // since 2.54
		ExpiresOn   string `json:"expiresOn"`  // local time
	}
	if json.Unmarshal(out, &got) != nil || got.AccessToken == "" {
		return azcore.AccessToken{}, unauthenticated("az did not print a token", "az account get-access-token --query expiresOn")
	}
	until := time.Unix(got.Seconds, 0)
	if got.Seconds == 0 {
		if until, err = time.ParseInLocation("2006-01-02 15:04:05.999999", got.ExpiresOn, time.Local); err != nil {
			return azcore.AccessToken{}, unauthenticated("az did not print when its token ends", "az upgrade")
		}
	}
	return azcore.AccessToken{Token: got.AccessToken, ExpiresOn: until.UTC()}, nil
}

// cliFailure tells how az ended, and its first line if that is what az says itself.
func cliFailure(err error) error {
	var failed *command.Error
	if !errors.As(err, &failed) {
		return err
	}
	plain := *failed
	plain.Said = ""
	detail := "az: " + plain.Error()
	said := failed.Said
	switch {
	case strings.Contains(said, "az login"), strings.Contains(said, "AADSTS"):
		detail = "az wants a login" + aadsts(said)
	case failed.Reason == command.Stopped:
		detail = "az did not end within " + cliTimeout.String()
	}
	return unauthenticated(detail, "")
}

// lookPath returns the absolute path of a program, empty if there is none.
func lookPath(name, path string) string {
	for _, dir := range filepath.SplitList(path) {
		if !filepath.IsAbs(dir) {
			continue
		}
		file := filepath.Join(dir, name)
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0 {
			return file
		}
	}
	return ""
}
