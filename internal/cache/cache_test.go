package cache

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pyleeai/pylee/internal/store"
	"github.com/pyleeai/pylee/providers"
)

var refused = failure(providers.ErrUnavailable, "", "connection refused")

func (r *rig) served(s providers.Settings) bool {
	r.t.Helper()
	secret, _, err := r.fail(s, refused)
	return err == nil && string(secret.Value.Reveal()) == canary
}

func TestWholeSecretComesBack(t *testing.T) {
	r := newRig(t)
	secret := secretOf(canary)
	secret.Fields = map[string]providers.Value{"user": providers.NewValue([]byte{0, 0xff, 'x'}), "empty": providers.NewValue(nil)}
	secret.Text, secret.Created, secret.Expires, secret.Due = true, start.Add(-time.Hour), start.Add(time.Hour), start.Add(time.Minute)
	r.learn(ours, secret, key)
	got, _, err := r.fail(ours, refused)
	r.must(err)
	if !bytes.Equal(got.Fields["user"].Reveal(), []byte{0, 0xff, 'x'}) || len(got.Fields) != 2 || !got.Text ||
		!got.Created.Equal(secret.Created) || !got.Expires.Equal(secret.Expires) || !got.Due.Equal(secret.Due) {
		t.Errorf("%+v", got)
	}
}

func TestNeverPastAnExpiry(t *testing.T) {
	r := newRig(t)
	secret := secretOf(canary)
	secret.Expires = start.Add(time.Hour)
	r.learn(ours, secret, key)
	r.now = start.Add(time.Hour - time.Second)
	expect(t, "served before it", r.served(ours), true)
	r.now = start.Add(time.Hour)
	expect(t, "served at it", r.served(ours), false)
}

func TestLeasedIsNotKept(t *testing.T) {
	r := newRig(t)
	r.learn(ours, secretOf(canary), key)
	leased := secretOf(canary)
	leased.Lease.ID = "database/creds/web/1"
	r.learn(ours, leased, key)
	expect(t, "kept", r.kept(ours, key), false)
}

func TestOnlyWhatIsRemote(t *testing.T) {
	r := newRig(t)
	c := r.open()
	want := map[string]bool{"aws": true, "azure": true, "bao": true, "exec": true, "gcp": true, "k8s": true, "ssm": true, "summon": true, "vault": true}
	for _, s := range providers.Table {
		settings := providers.Settings{Instance: s.Kind}
		c.Learn(s.Kind, settings, []providers.Key{key}, []providers.Result{{Secret: secretOf(canary)}})
		_, _, err := c.Recall(s.Kind, settings, key, refused)
		expect(t, s.Kind+" is kept", err == nil, want[s.Kind])
	}
	r.settings.Providers = []string{"other"}
	expect(t, "kept though others are named", r.open().cached("vault", "vault"), false)
}

func TestNoStale(t *testing.T) {
	r := newRig(t)
	r.learn(ours, secretOf(canary), key)
	r.noStale = true
	_, _, err := r.fail(ours, refused)
	if err == nil || !strings.Contains(err.Error(), "--no-stale") || !errors.Is(err, providers.ErrUnavailable) {
		t.Error(err)
	}
}

func TestCancelledIsNoOutage(t *testing.T) {
	if got := ActionOf(context.Canceled); got != Refuse {
		t.Error(got)
	}
}

func TestClockBehindTheLastWrite(t *testing.T) {
	r := newRig(t)
	r.learn(ours, secretOf(canary), key)
	r.now = start.Add(2 * time.Hour)
	r.learn(ours, secretOf("x"), sibling)
	r.now = start.Add(time.Hour)
	expect(t, "served", r.served(ours), false)
}

func TestLoginsAreApart(t *testing.T) {
	base := providers.Settings{Instance: "vault", Home: "/nowhere", Options: map[string]any{"auth": map[string]any{"role_id": "a"}}, Environ: map[string]string{"VAULT_TOKEN": "t", "LANG": "C"}}
	salt := make([]byte, saltSize)
	id := login(salt, "vault", base)
	other := base
	other.Environ = map[string]string{"VAULT_TOKEN": "t", "LANG": "de"}
	expect(t, "the language is part of a login", login(salt, "vault", other) != id, false)
	for name, change := range map[string]func(*providers.Settings){
		"instance": func(s *providers.Settings) { s.Instance = "vault2" },
		"home":     func(s *providers.Settings) { s.Home = "/elsewhere" },
		"role":     func(s *providers.Settings) { s.Options = map[string]any{"auth": map[string]any{"role_id": "b"}} },
		"token":    func(s *providers.Settings) { s.Environ = map[string]string{"VAULT_TOKEN": "u"} },
		"address":  func(s *providers.Settings) { s.Environ = map[string]string{"VAULT_TOKEN": "t", "VAULT_ADDR": "x"} },
	} {
		s := base
		change(&s)
		expect(t, name+" is part of a login", login(salt, "vault", s) != id, true)
	}
	expect(t, "the hash depends on the file", login(bytes.Repeat([]byte{1}, saltSize), "vault", base) != id, true)
}

func TestPurge(t *testing.T) {
	r := newRig(t)
	r.learn(ours, secretOf(canary), key, sibling)
	n, err := Purge(context.Background(), r.file, "${vault:kv/db#password}")
	if n != 1 || err != nil || r.kept(ours, key) || !r.kept(ours, sibling) {
		t.Errorf("%d: %v", n, err)
	}
	if n, err := Purge(context.Background(), r.file, "vault:kv/db"); n != 0 || err != nil {
		t.Errorf("again: %d: %v", n, err)
	}
	before, err := os.ReadFile(r.file.Path())
	r.must(err)
	if n, err := store.PurgeSealed(context.Background(), r.home+"/state", Name); n != 1 || err != nil {
		t.Errorf("all: %d: %v", n, err)
	}
	r.must(os.WriteFile(r.file.Path(), before, 0o600))
	if _, err := r.process(); providers.ReasonOf(err) != providers.ReasonIntegrity {
		t.Errorf("a copy that was put back: %v", err)
	}
	r.learnOver(secretOf(canary))
	expect(t, "kept anew", r.kept(ours, key), true)
}

// learnOver is learn where the file cannot be used.
func (r *rig) learnOver(secret providers.Secret) {
	r.t.Helper()
	c, _ := r.process() //nolint:errcheck // it is replaced
	c.Learn("vault", ours, []providers.Key{key}, []providers.Result{{Secret: secret}})
	r.must(c.Save(context.Background()))
}

func TestProcessesDoNotLoseAnswers(t *testing.T) {
	r := newRig(t)
	r.learn(ours, secretOf("first"), providers.Key{Name: "first"})
	var wait sync.WaitGroup
	for i := range 8 {
		c := r.open()
		wait.Go(func() {
			c.Learn("vault", ours, []providers.Key{{Name: fmt.Sprint("k", i)}}, []providers.Result{{Secret: secretOf(canary)}})
			if err := c.Save(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if got := len(r.open().List()); got != 9 {
		t.Errorf("%d answers", got)
	}
}

func TestSameAnswerIsNotWrittenAgain(t *testing.T) {
	r := newRig(t)
	r.learn(ours, secretOf(canary), key)
	before, err := os.ReadFile(r.file.Path())
	r.must(err)
	r.now = start.Add(30 * time.Second)
	r.learn(ours, secretOf(canary), key)
	after, err := os.ReadFile(r.file.Path())
	r.must(err)
	expect(t, "written", !bytes.Equal(before, after), false)
	r.now = start.Add(time.Minute)
	r.learn(ours, secretOf(canary), key)
	after, err = os.ReadFile(r.file.Path())
	r.must(err)
	expect(t, "renewed after a minute", !bytes.Equal(before, after), true)
}

func TestNothingPrintsValues(t *testing.T) {
	r := newRig(t)
	r.learn(ours, secretOf(canary), key)
	c := r.open()
	for _, shape := range []any{c, *c.now().Entries[0], c.now().Entries[0], c.List(), change{put: c.now().Entries[0]}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			if text := fmt.Sprintf(verb, shape); strings.Contains(text, canary) || strings.Contains(text, fmt.Sprintf("%x", canary)) {
				t.Errorf("%s of %T: %s", verb, shape, text)
			}
		}
	}
}

func TestNoEncoderSeesValues(t *testing.T) {
	secret := secretOf(canary)
	secret.Fields = map[string]providers.Value{"user": providers.NewValue([]byte(canary))}
	e := newEntry(entryID{"i", "k", "l"}, "vault", "", secret, start, time.Hour)
	encoded := base64.StdEncoding.EncodeToString([]byte(canary))
	for name, v := range map[string]any{"entry": e, "secret": e.Secret, "content": &content{Entries: []*entry{e}}} {
		text, err := json.Marshal(v)
		if all := string(text) + fmt.Sprintf("%v %+v %#v", v, v, v); err != nil || strings.Contains(all, canary) || strings.Contains(all, encoded) {
			t.Errorf("%s: %v, %s", name, err, all)
		}
	}
	if text, err := (&content{Entries: []*entry{e}}).encode(); err != nil || !strings.Contains(string(text), encoded) {
		t.Errorf("the file would lack the value: %v", err)
	}
}

func TestParse(t *testing.T) {
	duration := func(s string) (time.Duration, bool) { d, err := time.ParseDuration(s); return d, err == nil }
	for _, test := range []struct {
		plain any
		want  Settings
		err   string
	}{
		{nil, Settings{MaxStale: DefaultMaxStale}, ""},
		{true, Settings{Enabled: true, MaxStale: DefaultMaxStale}, ""},
		{map[string]any{"max_stale": "2h", "providers": []any{"vault"}}, Settings{true, 2 * time.Hour, []string{"vault"}}, ""},
		{map[string]any{"enabled": false}, Settings{MaxStale: DefaultMaxStale}, ""},
		{"x", Settings{}, "cache: must be"},
		{map[string]any{"max_stale": "800h"}, Settings{}, "cache.max_stale: "},
		{map[string]any{"max_stale": true}, Settings{}, "cache.max_stale: "},
		{map[string]any{"enabled": "x"}, Settings{}, "cache.enabled: "},
		{map[string]any{"providers": []any{}}, Settings{}, "cache.providers: "},
		{map[string]any{"providers": []any{1}}, Settings{}, "cache.providers[0]: "},
		{map[string]any{"ttl": "1h"}, Settings{}, "cache.ttl: unknown key"},
	} {
		got, err := Parse(test.plain, duration)
		if test.err != "" {
			if err == nil || !strings.HasPrefix(err.Error(), test.err) {
				t.Errorf("%v: %v", test.plain, err)
			}
			continue
		}
		if err != nil || fmt.Sprint(got) != fmt.Sprint(test.want) {
			t.Errorf("%v: %v, %v", test.plain, got, err)
		}
	}
}

func TestAge(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", -time.Hour: "0s", 45 * time.Second: "45s", 62 * time.Second: "1m2s", 3*time.Hour + 12*time.Minute: "3h12m", 24 * time.Hour: "1d", 52 * time.Hour: "2d4h",
	} {
		if got := Age(d); got != want {
			t.Errorf("%v: %s", d, got)
		}
	}
}

func FuzzParseContent(f *testing.F) {
	f.Add([]byte(`{"pylee_cache":1,"salt":"","entries":[null]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c := parse(data)
		for _, e := range c.Entries {
			e.secret()
		}
		if len(c.Salt) != saltSize {
			t.Error("no salt")
		}
	})
}
