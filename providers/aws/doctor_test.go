package aws

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pyleeai/pylee/providers"
)

func TestDoctor(t *testing.T) {
	role := map[string]any{"role_arn": "arn:aws:iam::123456789012:role/reader"}
	fault := func(at string, r *reply) func(string, map[string]any) *reply {
		return func(action string, _ map[string]any) *reply {
			if action == at {
				return r
			}
			return nil
		}
	}
	late := &reply{status: 200, header: map[string]string{"Date": time.Now().Add(210 * time.Second).UTC().Format(http.TimeFormat), "Content-Type": "text/xml"},
		body: `<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::1:user/x</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>`}
	for _, test := range []struct {
		name    string
		kind    string
		options map[string]any
		fault   func(string, map[string]any) *reply
		want    []string // "level subject: part of the detail"
	}{
		{"fine", "aws", nil, nil, []string{"ok region: us-east-1", "ok endpoint: http://127.0.0.1", "ok proxy: none", "ok authorities: those of the system", "ok credentials: environment: AWS_ACCESS_KEY_ID",
			"ok identity: arn:aws:iam::123456789012:user/tester", "ok clock: agrees", "ok permission: secretsmanager:BatchGetSecretValue is allowed"}},
		{"parameters", "ssm", nil, nil, []string{"ok permission: ssm:GetParameters is allowed"}},
		{"role", "aws", role, nil, []string{"ok credentials: then role arn:aws:iam::123456789012:role/reader", "ok credentials: valid until"}},
		{"role denied", "aws", role, fault("AssumeRole", xmlRefusal(403, "AccessDenied", "")), []string{"fail credentials: no AWS credentials (environment"}},
		{"keys refused", "aws", nil, fault("GetCallerIdentity", xmlRefusal(403, "InvalidClientTokenId", "")), []string{"fail identity: not authenticated (InvalidClientTokenId)"}},
		{"clock", "aws", nil, fault("GetCallerIdentity", late), []string{"warn clock: 3m"}},
		{"no batch", "aws", nil, fault("BatchGetSecretValue", refuse(400, "AccessDeniedException", "")), []string{"warn permission: secretsmanager:BatchGetSecretValue is not allowed"}},
		{"no parameters", "ssm", nil, fault("GetParameters", refuse(400, "AccessDeniedException", "")), []string{"warn permission: ssm:GetParameters is not allowed for every name"}},
		{"service down", "aws", nil, fault("BatchGetSecretValue", &reply{status: 503}), []string{"fail permission: us-east-1: status 503"}},
		{"no profile", "aws", map[string]any{"profile": "none"}, nil, []string{"fail setup: there is no profile none"}},
		{"two regions", "aws", map[string]any{"regions": []any{"eu-west-1", "eu-west-3"}}, nil, []string{"ok region: eu-west-1", "ok region: eu-west-3"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newCloud(t)
			c.fail(test.fault)
			var got []string
			for _, f := range c.open(t, test.kind, test.options).(providers.Doctor).Check(t.Context()) {
				got = append(got, f.Level+" "+f.Subject+": "+f.Detail)
				if f.Level != providers.LevelOK && f.Hint == "" && f.Subject != "permission" {
					t.Errorf("no hint: %+v", f)
				}
			}
			all := strings.Join(got, "\n")
			for _, want := range test.want {
				found := false
				for _, line := range got {
					found = found || strings.HasPrefix(line, want)
				}
				if !found {
					t.Errorf("no %q in\n%s", want, all)
				}
			}
		})
	}
}

func TestList(t *testing.T) {
	c := newCloud(t)
	for _, name := range []string{"b/2", "a", "b/1", "B/3", "b/4"} {
		c.set(name, "x")
	}
	list, err := c.open(t, "aws", nil).(providers.Lister).List(t.Context(), "b/")
	var names []string
	for _, info := range list {
		names = append(names, info.Name)
		if info.Version == "" {
			t.Errorf("%s has no version", info.Name)
		}
	}
	if got := strings.Join(names, " "); err != nil || got != "b/1 b/2 b/4" {
		t.Errorf("%s, %v", got, err)
	}
}

func TestWrite(t *testing.T) {
	c := newCloud(t)
	p := c.open(t, "aws", nil)
	w := p.(providers.Writer)
	key := providers.Key{Name: "new"}
	for _, value := range []string{"one", "two"} {
		version, err := w.Put(t.Context(), key, providers.NewValue([]byte(value)))
		if err != nil || version == "" {
			t.Fatalf("version %q, %v", version, err)
		}
		r := p.Fetch(t.Context(), []providers.Key{key})[0]
		wantValue(t, "new", r, value)
		if r.Secret.Version != version {
			t.Errorf("version %q, want %q", r.Secret.Version, version)
		}
	}
	if err := w.Delete(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	e := wantKind(t, "deleted", p.Fetch(t.Context(), []providers.Key{key})[0].Err, providers.ErrNotFound)
	if e.Reason != providers.ReasonDeleted {
		t.Errorf("%+v", e)
	}
	wantKind(t, "delete nothing", w.Delete(t.Context(), providers.Key{Name: "none"}), providers.ErrNotFound)
	_, err := w.Put(t.Context(), providers.Key{Name: "new", Options: providers.Options{"stage": "X"}}, providers.NewValue(nil))
	wantKind(t, "a stage", err, providers.ErrInvalid)
	_, err = w.Put(t.Context(), providers.Key{Name: arnOf("none")}, providers.NewValue(nil))
	wantKind(t, "an ARN of nothing", err, providers.ErrNotFound)
}
