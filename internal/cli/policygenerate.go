package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pyleeai/pylee/internal/config"
	"github.com/pyleeai/pylee/internal/policy"
	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/resolve"
	"github.com/urfave/cli/v2"
)

func policyGenerateCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:  "generate",
		Usage: "print the least that a provider has to allow for a config",
		Description: "Contacts nobody: it reads the config and prints a policy of IAM, a policy of Vault or commands of\n" +
			"az for exactly the references in it. What it had to assume it says on stderr.\n\nExamples:\n\n" +
			"    pylee policy generate --for aws --account 123456789012 > policy.json\n" +
			"    pylee policy generate --for vault --env production --kv team/kv=1 | vault policy write web -\n" +
			"    pylee policy generate --for azure --target web --principal 11111111-2222-3333-4444-555555555555",
		Flags: append(append(commonFlags(inv), configFlags()...),
			&cli.StringFlag{Name: "for", Usage: "aws (with ssm), vault (with bao) or azure"},
			&cli.StringFlag{Name: "target", Aliases: []string{"t"}, Usage: "for a `NAME` under commands alone"},
			&cli.StringFlag{Name: "server", Usage: "for a `NAME` under mcpServers alone"},
			&cli.StringSliceFlag{Name: "env-file", Usage: "read a .env `FILE` (may be repeated)"},
			&cli.StringSliceFlag{Name: "set", Usage: "set `NAME=TEMPLATE` as run would (may be repeated)"},
			&cli.StringFlag{Name: "account", Usage: "aws: `NUMBER` of the account"},
			&cli.StringFlag{Name: "region", Usage: "aws: `REGION` where nothing else says one (AWS_REGION, AWS_DEFAULT_REGION)"},
			&cli.StringSliceFlag{Name: "kms-key", Usage: "aws: `ARN` of a key that secrets are encrypted with (may be repeated)"},
			&cli.StringSliceFlag{Name: "kv", Usage: "vault: `MOUNT=VERSION` of a key/value store, 1 or 2; 0: it is none (may be repeated)"},
			&cli.StringFlag{Name: "principal", Usage: "azure: object `ID` of who reads"},
		),
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usagef("policy generate takes no argument")
			}
			if err := refuseEmpty(c, "for", "account", "region", "principal", "kms-key", "kv"); err != nil {
				return err
			}
			s, err := sourceOf(c, inv)
			if err != nil {
				return err
			}
			s.everything = true
			return inv.policyGenerate(c, s)
		},
	}
}

func (inv *invocation) policyGenerate(c *cli.Context, s source) error {
	kinds := map[string][]string{"aws": {"aws", "ssm"}, "vault": {"vault", "bao"}, "azure": {"azure"}}[c.String("for")]
	if kinds == nil {
		return usagef("--for takes one of aws, vault, azure")
	}
	kv, err := parseKV(c.StringSlice("kv"))
	if err != nil {
		return err
	}
	lookups, err := inv.lookups(c.Context, s, kinds)
	if err != nil {
		return err
	}
	var grants []policy.Grant
	switch c.String("for") {
	case "aws":
		region := cmp.Or(c.String("region"), inv.env["AWS_REGION"], inv.env["AWS_DEFAULT_REGION"])
		grants, err = policy.AWS(lookups, policy.AWSOptions{Region: region, Account: c.String("account"), Keys: c.StringSlice("kms-key")})
	case "vault":
		grants, err = policy.Vault(lookups, policy.VaultOptions{KV: kv})
	case "azure":
		grants, err = policy.Azure(lookups, policy.AzureOptions{Principal: c.String("principal")})
	}
	if err != nil {
		return asFailures(err, exitConfig)
	}
	if len(grants) == 0 {
		return &failure{message: "no reference of the config is read from " + strings.Join(kinds, " or "), hint: "pylee explain", code: exitNotFound}
	}
	return inv.printGrants(grants)
}

// asFailures gives errors that are only texts an exit status.
func asFailures(err error, code int) error {
	var errs []error
	for _, e := range leaves(err) {
		errs = append(errs, &failure{message: e.Error(), code: code})
	}
	return errors.Join(errs...)
}

func (inv *invocation) printGrants(grants []policy.Grant) error {
	for i, g := range grants {
		if i > 0 {
			if _, err := fmt.Fprintln(inv.stdio.Out); err != nil {
				return err
			}
		}
		if g.For != "" && len(grants) > 1 {
			inv.say("document %d is for %s", i+1, g.For)
		}
		for _, note := range g.Notes {
			inv.hint("%s", note)
		}
		if _, err := fmt.Fprint(inv.stdio.Out, g.Text); err != nil {
			return err
		}
	}
	return nil
}

// parseKV reads MOUNT=VERSION.
func parseKV(list []string) (map[string]int, error) {
	m := map[string]int{}
	for _, text := range list {
		mount, version, _ := strings.Cut(text, "=")
		mount = strings.Trim(mount, "/")
		at := slices.Index([]string{"0", "1", "2"}, version)
		if at < 0 || mount == "" {
			return nil, usagef("--kv takes MOUNT=1, MOUNT=2, or MOUNT=0 for what is no key/value store")
		}
		m[mount] = at
	}
	return m, nil
}

// lookups returns what the references of kinds ask for, with the names in them
// evaluated, and contacts nobody.
func (inv *invocation) lookups(ctx context.Context, s source, kinds []string) ([]policy.Lookup, error) {
	a, err := inv.assemble(s)
	if err != nil {
		return nil, err
	}
	a.sources = inv.openSources(10 * time.Second)
	defer inv.closeSources(a)
	options := resolve.Options{Scope: a.scope, Instances: inv.instances(a.cfg, s), Environment: a.cfg.Environment}
	if a.cfg.SecretProvider != nil {
		options.SecretProvider = a.cfg.SecretProvider.Value
	}
	plan, err := resolve.Compile(a.inputs, options)
	if err != nil {
		return nil, err
	}
	var all []policy.Lookup
	var errs []error
	for _, r := range plan.References() {
		for _, name := range usedProviders(a.cfg, &resolve.Plan{}, r.Provider) {
			l := policy.Lookup{Reference: r.Reference, Instance: name, Kind: name}
			block := config.Provider{Name: name}
			for _, p := range a.cfg.Providers {
				if p.Name == name {
					block, l.Kind = p, p.Kind
				}
			}
			if !slices.Contains(kinds, l.Kind) {
				continue
			}
			errs = append(errs, a.complete(ctx, &l, block, options))
			all = append(all, l)
		}
	}
	return all, errors.Join(errs...)
}

// lookupSettings are settings that decide what is allowed where. None is a secret.
var lookupSettings = []string{"region", "regions", "profile", "role_arn", "vault", "namespace"}

// complete fills in name, options and settings of a lookup.
func (a *assembly) complete(ctx context.Context, l *policy.Lookup, block config.Provider, o resolve.Options) error {
	t, err := resolve.Parse(l.Reference)
	if err != nil || len(t.Parts) != 1 || t.Parts[0].Expr == nil {
		return &failure{message: l.Reference + ": is not one reference", code: exitConfig}
	}
	x := t.Parts[0].Expr
	inputs := []resolve.Input{nameInput("name", x.Path)}
	for _, option := range x.Options {
		inputs = append(inputs, nameInput("option "+option.Name, option.Value))
	}
	plan, err := resolve.Compile(inputs, o)
	if err != nil {
		return err
	}
	for _, r := range plan.References() {
		if scheme, ok := providers.Find(r.Kind); !ok || !scheme.Public {
			return &failure{message: l.Reference + ": its name is made of secrets, and no policy can tell it", code: exitConfig}
		}
	}
	snapshot, err := a.sources.resolver.Resolve(ctx, plan)
	if err != nil {
		return err
	}
	text := func(name string) string {
		entry, _ := snapshot.Entry(name)
		return string(entry.Value.Reveal())
	}
	l.Name, l.Options = block.Prefix+text("name"), map[string]string{}
	for _, option := range x.Options {
		l.Options[option.Name] = text("option " + option.Name)
	}
	return a.completeSettings(ctx, l, block, o)
}

func nameInput(name string, parts []resolve.Part) resolve.Input {
	return resolve.Input{Name: name, Text: (&resolve.Template{Parts: parts}).String(), Use: resolve.ForEnv}
}

func (a *assembly) completeSettings(ctx context.Context, l *policy.Lookup, block config.Provider, o resolve.Options) error {
	l.Settings = map[string]any{}
	if block.Settings == nil {
		return nil
	}
	l.Login = block.Settings.Lookup("auth") != nil
	inputs := slices.DeleteFunc(settingInputs(a.cfg, block), func(in resolve.Input) bool {
		key := strings.TrimPrefix(in.Name, "providers."+block.Name+".")
		key, _, _ = strings.Cut(key, "[")
		return !slices.Contains(lookupSettings, key)
	})
	resolved, err := a.resolveSettings(ctx, inputs, o)
	if err != nil {
		return err
	}
	all := settingsOf(block, resolved)
	for _, key := range lookupSettings {
		if value, ok := all[key]; ok {
			l.Settings[key] = value
		}
	}
	return nil
}
