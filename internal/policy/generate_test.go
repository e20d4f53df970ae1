package policy

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

// golden compares text with a file of testdata.
func golden(t *testing.T, name, text string) {
	t.Helper()
	want, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("%s: got\n%s", name, text)
	}
}

// statements parses a policy of IAM: resources by action.
func statements(t *testing.T, text string) map[string][]string {
	t.Helper()
	var p iam
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if p.Version != "2012-10-17" {
		t.Errorf("version %q", p.Version)
	}
	all := map[string][]string{}
	for _, s := range p.Statement {
		if s.Effect != "Allow" || len(s.Action) != 1 || len(s.Resource) == 0 {
			t.Errorf("statement %+v", s)
		}
		all[s.Action[0]] = s.Resource
	}
	return all
}

func TestAWS(t *testing.T) {
	eu := map[string]any{"region": "eu-west-1"}
	grants, err := AWS([]Lookup{
		{Kind: "aws", Instance: "aws", Name: "prod/db", Settings: eu},
		{Kind: "aws", Instance: "aws", Name: "prod/db", Options: map[string]string{"stage": "AWSPREVIOUS"}, Settings: eu},
		{Kind: "aws", Instance: "aws", Name: "prod/api", Settings: eu},
		{Kind: "aws", Instance: "aws", Name: "cn", Options: map[string]string{"region": "cn-north-1"}, Settings: eu},
		{Kind: "aws", Instance: "aws", Name: "arn:aws:secretsmanager:eu-north-1:210987654321:secret:x-AbCdEf:key:AWSCURRENT:", Settings: eu},
		{Kind: "aws", Instance: "aws", Name: "arn:aws:secretsmanager:eu-north-1:210987654321:secret:partial", Settings: eu},
		{Kind: "ssm", Instance: "ssm", Name: "/prod/db/password:3"},
		{Kind: "ssm", Instance: "ssm", Name: "log-level:label"},
		{Kind: "ssm", Instance: "ssm", Name: "arn:aws:ssm:us-east-1:210987654321:parameter/a:4"},
		{Kind: "ssm", Instance: "ssm", Name: "/aws/reference/secretsmanager/via"},
		{Kind: "vault", Instance: "vault", Name: "secret/x"},
	}, AWSOptions{Region: "us-west-2", Account: "123456789012", Keys: []string{"arn:aws:kms:eu-west-1:123456789012:key/k"}})
	if err != nil || len(grants) != 1 || grants[0].For != "" || len(grants[0].Notes) != 0 {
		t.Fatalf("%+v, %v", grants, err)
	}
	golden(t, "aws.json", grants[0].Text)
	statements(t, grants[0].Text)
}

func TestAWSIdentities(t *testing.T) {
	role := map[string]any{"role_arn": "arn:aws:iam::123456789012:role/r", "regions": []any{"eu-west-1", "us-gov-west-1"}}
	grants, err := AWS([]Lookup{
		{Kind: "aws", Instance: "own", Name: "a"},
		{Kind: "aws", Instance: "role", Name: "b", Settings: role},
		{Kind: "aws", Instance: "login", Name: "c", Login: true},
		{Kind: "aws", Instance: "own", Name: "d", Options: map[string]string{"profile": "shop"}},
	}, AWSOptions{Region: "eu-west-1", Account: "123456789012"})
	if err != nil {
		t.Fatal(err)
	}
	secret := func(partition, region, name string) string {
		return "arn:" + partition + ":secretsmanager:" + region + ":123456789012:secret:" + name + "-??????"
	}
	want := map[string]map[string][]string{
		"":                   {"secretsmanager:GetSecretValue": {secret("aws", "eu-west-1", "a")}, "sts:AssumeRole": {"arn:aws:iam::123456789012:role/r"}},
		"the profile shop":   {"secretsmanager:GetSecretValue": {secret("aws", "eu-west-1", "d")}},
		"the provider login": {"secretsmanager:GetSecretValue": {secret("aws", "eu-west-1", "c")}},
		"the role arn:aws:iam::123456789012:role/r": {"secretsmanager:GetSecretValue": {secret("aws-us-gov", "us-gov-west-1", "b"), secret("aws", "eu-west-1", "b")}},
	}
	for _, g := range grants {
		got := statements(t, g.Text)
		if len(got) != len(want[g.For]) {
			t.Errorf("%s: %v", g.For, got)
		}
		for action, resources := range want[g.For] {
			if !slices.Equal(got[action], resources) {
				t.Errorf("%s: %s: %q, want %q", g.For, action, got[action], resources)
			}
		}
		if len(g.Notes) != 1 || !strings.Contains(g.Notes[0], "kms:Decrypt") {
			t.Errorf("%s: notes %q", g.For, g.Notes)
		}
		delete(want, g.For)
	}
	if len(want) > 0 {
		t.Errorf("nothing for %v", want)
	}
}

func TestAWSBatches(t *testing.T) {
	one, two := map[string]string{"region": "eu-west-1"}, map[string]string{"region": "eu-west-2"}
	pinned := map[string]string{"region": "eu-west-1", "version": "v"}
	for name, c := range map[string]struct {
		lookups []Lookup
		want    bool
	}{
		"one":            {[]Lookup{{Name: "a", Options: one}}, false},
		"one twice":      {[]Lookup{{Name: "a", Options: one}, {Name: "a", Options: one}}, false},
		"two":            {[]Lookup{{Name: "a", Options: one}, {Name: "b", Options: one}}, true},
		"two regions":    {[]Lookup{{Name: "a", Options: one}, {Name: "b", Options: two}}, false},
		"one has pinned": {[]Lookup{{Name: "a", Options: one}, {Name: "b", Options: pinned}}, false},
	} {
		for i := range c.lookups {
			c.lookups[i].Kind = "aws"
		}
		grants, err := AWS(c.lookups, AWSOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if got := statements(t, grants[0].Text)["secretsmanager:BatchGetSecretValue"] != nil; got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestWhatNobodyKnowsIsSaid(t *testing.T) {
	grants, err := AWS([]Lookup{{Kind: "ssm", Name: "a"}}, AWSOptions{})
	if err != nil || !slices.Equal(statements(t, grants[0].Text)["ssm:GetParameters"], []string{"arn:aws:ssm:*:*:parameter/a"}) {
		t.Errorf("%+v, %v", grants, err)
	}
	if notes := strings.Join(grants[0].Notes, "\n"); !strings.Contains(notes, "--region") || !strings.Contains(notes, "--account") {
		t.Errorf("notes: %s", notes)
	}
}

func TestNamesThatNoPolicyHas(t *testing.T) {
	for _, l := range []Lookup{
		{Kind: "aws", Name: "a*"}, {Kind: "aws", Name: "a?"}, {Kind: "aws", Name: ""}, {Kind: "ssm", Name: "a b"}, {Kind: "aws", Name: "a", Options: map[string]string{"region": "*"}},
		{Kind: "aws", Name: "arn:aws:s3:::x"}, {Kind: "aws", Name: "arn:aws:secretsmanager:*:1:secret:x"}, {Kind: "ssm", Name: "arn:aws:ssm:r:1:x"},
		{Kind: "vault", Name: "a"}, {Kind: "vault", Name: "a/+/b"}, {Kind: "vault", Name: "a/b*"}, {Kind: "vault", Name: "a//b"}, {Kind: "bao", Name: "a/{{b}}"},
		{Kind: "vault", Name: "a/${b}"}, {Kind: "vault", Name: "a/b\x01"}, {Kind: "vault", Name: "a/b", Options: map[string]string{"mount": "x"}},
		{Kind: "azure", Name: "a"}, {Kind: "azure", Name: "v/a*"}, {Kind: "azure", Name: "--v/a"}, {Kind: "azure", Name: "v$(x)/a"}, {Kind: "azure", Name: "https://v.vault.azure.net/x"}, {Kind: "azure", Name: "https://%zz/secrets/x"},
	} {
		l.Reference = "${the:reference}"
		var err error
		switch l.Kind {
		case "azure":
			_, err = Azure([]Lookup{l}, AzureOptions{})
		case "vault", "bao":
			_, err = Vault([]Lookup{l}, VaultOptions{})
		default:
			_, err = AWS([]Lookup{l}, AWSOptions{})
		}
		if err == nil || !strings.HasPrefix(err.Error(), l.Reference+": ") {
			t.Errorf("%s %q: %v", l.Kind, l.Name, err)
		}
	}
	if _, err := AWS(nil, AWSOptions{Account: "1"}); err == nil {
		t.Error("an account of one digit")
	}
	if _, err := Azure(nil, AzureOptions{Principal: "$(x)"}); err == nil {
		t.Error("a principal that a shell would run")
	}
}

func TestVaultRules(t *testing.T) {
	o := VaultOptions{KV: map[string]int{"old": 1, "team/kv": 2, "db": 0, "team": 1}}
	for _, c := range []struct {
		name    string
		options map[string]string
		want    string // path, capability, "leased", "assumed"
	}{
		{"secret/app/db", nil, "secret/data/app/db read assumed"},
		{"secret/data/app/db", nil, "secret/data/app/db read"},
		{"secret/creds/x", nil, "secret/data/creds/x read assumed"},
		{"x/db", map[string]string{"version": "3"}, "x/data/db read"},
		{"x/db", map[string]string{"kv": "1"}, "x/db read"},
		{"x/y/db", map[string]string{"kv": "2", "mount": "x/y"}, "x/y/data/db read"},
		{"old/db", nil, "old/db read"},
		{"team/kv/db", nil, "team/kv/data/db read"},
		{"team/db", nil, "team/db read"},
		{"db/creds/app", nil, "db/creds/app read leased"},
		{"db/static-creds/app", nil, "db/static-creds/app read"},
		{"pg/creds/app", nil, "pg/creds/app read leased assumed"},
		{"pki/issue/web", map[string]string{"common_name": "a"}, "pki/issue/web update leased assumed"},
		{"pki/issue/web", map[string]string{"method": "read"}, "pki/issue/web read leased assumed"},
		{"transit/encrypt/k", map[string]string{"plaintext": "a"}, "transit/encrypt/k update leased"},
		{"x/y", map[string]string{"method": "write"}, "x/y update leased"},
		{"cubbyhole/x", nil, "cubbyhole/x read"},
		{"secret/db", map[string]string{"format": "json"}, "secret/data/db read assumed"},
	} {
		rule, err := vaultRuleOf(Lookup{Name: c.name, Options: c.options}, o)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		got := rule.path + " " + rule.capability + map[bool]string{true: " leased"}[rule.leased]
		if rule.assumed != "" {
			got += " assumed"
		}
		if got != c.want {
			t.Errorf("%s %v: %s, want %s", c.name, c.options, got, c.want)
		}
	}
}

func TestVault(t *testing.T) {
	grants, err := Vault([]Lookup{
		{Kind: "vault", Instance: "vault", Name: "secret/app/db", Options: map[string]string{"kv": "2"}, Settings: map[string]any{"namespace": "team"}},
		{Kind: "vault", Instance: "vault", Name: "secret/data/app/db", Settings: map[string]any{"namespace": "team"}},
		{Kind: "vault", Instance: "vault", Name: `kv1/"x"\y`, Settings: map[string]any{"namespace": "team"}},
		{Kind: "vault", Instance: "vault", Name: "db/creds/app", Settings: map[string]any{"namespace": "team"}},
		{Kind: "bao", Instance: "other", Name: "secret/x"},
		{Kind: "aws", Instance: "aws", Name: "x"},
	}, VaultOptions{KV: map[string]int{"kv1": 1, "db": 0}})
	if err != nil || len(grants) != 2 || grants[0].For != "provider other" || grants[1].For != "provider vault" {
		t.Fatalf("%+v, %v", grants, err)
	}
	golden(t, "vault.hcl", grants[1].Text)
	if !slices.Equal(grants[1].Notes, []string{"it belongs to the namespace team"}) || len(grants[0].Notes) != 1 || !strings.Contains(grants[0].Notes[0], "--kv secret=1") {
		t.Errorf("notes: %q, %q", grants[0].Notes, grants[1].Notes)
	}
	if strings.Contains(grants[0].Text, "sys/leases") {
		t.Error("nothing is lent, and leases may be revoked")
	}
}

func TestAzure(t *testing.T) {
	kv := map[string]any{"vault": "https://kv-prod.vault.azure.net"}
	grants, err := Azure([]Lookup{
		{Kind: "azure", Name: "kv-prod/DB-password"},
		{Kind: "azure", Name: "db-password", Settings: kv},
		{Kind: "azure", Name: "kv-other/web/0123", Options: map[string]string{"as": "pem"}},
		{Kind: "azure", Name: "https://kv-third.vault.usgovcloudapi.net/certificates/web/0123", Settings: kv},
		{Kind: "aws", Name: "x"},
	}, AzureOptions{Principal: "11111111-2222-3333-4444-555555555555"})
	if err != nil || len(grants) != 1 || len(grants[0].Notes) != 1 {
		t.Fatalf("%+v, %v", grants, err)
	}
	golden(t, "azure.sh", grants[0].Text)
	if grants, err := Azure([]Lookup{{Kind: "aws"}}, AzureOptions{}); err != nil || grants != nil {
		t.Errorf("without a reference: %+v, %v", grants, err)
	}
}
