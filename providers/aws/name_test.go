package aws

import (
	"strings"
	"testing"

	"github.com/pyleeai/pylee/providers"
)

const someARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf"

func TestParseSecret(t *testing.T) {
	for _, test := range []struct {
		name, id, region, member, stage, version string
		bad                                      bool
	}{
		{name: "prod/db", id: "prod/db"},
		{name: "a+b=c.d@e-f_g", id: "a+b=c.d@e-f_g"},
		{name: someARN, id: someARN, region: "eu-west-1"},
		{name: someARN + ":password::", id: someARN, region: "eu-west-1", member: "password"},
		{name: someARN + ":::", id: someARN, region: "eu-west-1"},
		{name: someARN + "::AWSPREVIOUS:", id: someARN, region: "eu-west-1", stage: "AWSPREVIOUS"},
		{name: someARN + ":k:AWSPENDING:v-1", id: someARN, region: "eu-west-1", member: "k", stage: "AWSPENDING", version: "v-1"},
		{name: "arn:aws-cn:secretsmanager:cn-north-1:1:secret:x", id: "arn:aws-cn:secretsmanager:cn-north-1:1:secret:x", region: "cn-north-1"},
		{name: "", bad: true},
		{name: "a b", bad: true},
		{name: "a:b", bad: true},
		{name: "ключ", bad: true},
		{name: strings.Repeat("n", 513), bad: true},
		{name: "arn:", bad: true},
		{name: "arn:aws:s3:::bucket", bad: true},
		{name: "arn:aws:secretsmanager:eu-west-1:1:secret", bad: true},
		{name: "arn:aws:secretsmanager:eu-west-1:1:secret:", bad: true},
		{name: "arn:aws:secretsmanager::1:secret:x", bad: true},
		{name: "arn:aws:secretsmanager:evil.example/:1:secret:x", bad: true},
		{name: "arn:aws:secretsmanager:EU-WEST-1:1:secret:x", bad: true},
		{name: someARN + ":password", bad: true},
		{name: someARN + ":password:", bad: true},
		{name: someARN + "::::", bad: true},
		{name: someARN + "\n", bad: true},
	} {
		r, member, err := parseSecret(test.name, where{regions: "us-east-1"})
		if test.bad {
			wantKind(t, test.name, err, providers.ErrInvalid)
			continue
		}
		region := first(test.region, "us-east-1")
		if err != nil || r.id != test.id || r.where.regions != region || member != test.member || r.stage != test.stage || r.version != test.version {
			t.Errorf("%s: %+v, member %q, %v", test.name, r, member, err)
		}
	}
}

func TestParseParameter(t *testing.T) {
	arn := "arn:aws:ssm:eu-west-1:123456789012:parameter/a/b"
	for name, region := range map[string]string{
		"/a/b": "us-east-1", "a.b-c_d": "us-east-1", "/a/b:3": "us-east-1", "a:prod-label_1": "us-east-1", arn: "eu-west-1", arn + ":3": "eu-west-1",
		"/aws/reference/secretsmanager/a+b=c@d": "us-east-1",
	} {
		r, err := parseParameter(name, where{regions: "us-east-1"})
		if err != nil || r.id != name || r.where.regions != region {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	for _, name := range []string{
		"", ":3", "a:", "a:b:c", "a b", "a+b", "ключ", "\x00", "arn:aws:ssm:eu-west-1:1:document/x", "arn:aws:ssm:x y:1:parameter/x", strings.Repeat("n", 2049),
	} {
		_, err := parseParameter(name, where{})
		wantKind(t, name, err, providers.ErrInvalid)
	}
}

// FuzzParseSecret: what is parsed can be sent, and its parts give the name again.
func FuzzParseSecret(f *testing.F) {
	for _, seed := range []string{"prod/db", someARN, someARN + ":k:s:v", someARN + ":::", "arn:aws:x", "a:b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		r, member, err := parseSecret(name, where{})
		if err != nil {
			wantKind(t, "error", err, providers.ErrInvalid)
			return
		}
		if !only(r.id, "/_+=.@-:") {
			t.Errorf("%q gives the id %q", name, r.id)
		}
		if r.id != name && r.id+":"+member+":"+r.stage+":"+r.version != name {
			t.Errorf("%q gives %+v and %q", name, r, member)
		}
		if strings.HasPrefix(name, "arn:") != (r.where.regions != "") {
			t.Errorf("%q gives region %q", name, r.where.regions)
		}
	})
}

// FuzzDenied: whatever the server says, only words that look right are repeated.
func FuzzDenied(f *testing.F) {
	f.Add("User: arn:aws:iam::1:user/x is not authorized to perform: ssm:GetParameters on resource: arn:x because")
	f.Add("perform: a b on resource: \n\x1b[31m; rm -rf /")
	f.Fuzz(func(t *testing.T, text string) {
		detail, hint := denied("AccessDenied", text, request{action: "ssm:GetParameters", id: "/a"})
		for _, part := range []string{detail, hint} {
			for _, r := range part {
				if r < ' ' || r > '~' {
					t.Fatalf("%q holds %q", part, r)
				}
			}
		}
	})
}

func TestSettings(t *testing.T) {
	for name, options := range map[string]map[string]any{
		`unknown setting "vault"`:   {"vault": "x"},
		`setting "addresses"`:       {"addresses": []any{"x"}},
		`setting "region"`:          {"region": "evil.example/"},
		`setting "region" is not`:   {"region": json1},
		`setting "regions"`:         {"regions": "x"},
		`"regions" cannot stand`:    {"regions": []any{"a"}, "region": "b"},
		`setting "role_arn"`:        {"role_arn": "reader"},
		`setting "external_id"`:     {"external_id": "x"},
		`setting "endpoint"`:        {"endpoint": "https://user:pw@host"},
		`"auth" has an unknown`:     {"auth": "kerberos"},
		`"auth" has no method`:      {"auth": map[string]any{"token_file": "x"}},
		`"auth" has no "token_fil"`: {"auth": map[string]any{"method": "web_identity", "token_fil": "x"}},
		`needs access_key_id`:       {"auth": map[string]any{"method": "static", "access_key_id": "x"}},
		`setting "auth.role_arn"`:   {"auth": map[string]any{"method": "web_identity", "role_arn": "x"}},
		`setting "auth"`:            {"auth": json1},
		`tls`:                       {"tls": map[string]any{"no_such": "x"}},
	} {
		_, err := openWith(t, "aws", nil, options)
		if e := wantKind(t, name, err, providers.ErrInvalid); !strings.Contains(e.Detail, name) {
			t.Errorf("%q, want %q in it", e.Detail, name)
		}
	}
}

const json1 = 1

func TestOptions(t *testing.T) {
	p := newCloud(t).open(t, "aws", map[string]any{"regions": []any{"eu-west-1", "eu-west-3"}})
	for name, o := range map[string]providers.Options{
		"region":      {"region": "a/b"},
		"region list": {"region": "a,b"},
		"endpoint":    {"endpoint": "host"},
		"metadata":    {"endpoint": "http://169.254.169.254"},
		"role_arn":    {"role_arn": "x"},
		"external_id": {"external_id": "x"},
		"stage":       {"stage": ""},
		"profile":     {"profile": ""},
		"label":       {"label": "x"},
	} {
		r := p.Fetch(t.Context(), []providers.Key{{Name: "db", Options: o}})[0]
		wantKind(t, name, r.Err, providers.ErrInvalid)
	}
	key := providers.Key{Name: someARN + "::AWSPREVIOUS:", Options: providers.Options{"stage": "AWSCURRENT"}}
	wantKind(t, "two stages", p.Fetch(t.Context(), []providers.Key{key})[0].Err, providers.ErrInvalid)
}
