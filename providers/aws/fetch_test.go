package aws

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/pyleeai/pylee/providers"
)

func keysOfNames(names ...string) []providers.Key {
	keys := make([]providers.Key, len(names))
	for i, name := range names {
		keys[i].Name = name
	}
	return keys
}

func wantValue(t *testing.T, what string, r providers.Result, want string) {
	t.Helper()
	if r.Err != nil {
		t.Errorf("%s: %v", what, r.Err)
	} else if got := string(r.Secret.Value.Reveal()); got != want {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

func wantKind(t *testing.T, what string, err, kind error) *providers.Error {
	t.Helper()
	var e *providers.Error
	if !errors.Is(err, kind) || !errors.As(err, &e) {
		t.Errorf("%s: %v, want %v", what, err, kind)
		return &providers.Error{}
	}
	return e
}

func TestRequestsOfFortyFiveSecrets(t *testing.T) {
	c := newCloud(t)
	var names []string
	for i := range 45 {
		names = append(names, fmt.Sprintf("app/%d", i))
		c.set(names[i], "value of "+names[i])
	}
	p := c.open(t, "aws", nil)
	for i, r := range p.Fetch(t.Context(), keysOfNames(names...)) {
		wantValue(t, names[i], r, "value of "+names[i])
		if r.Secret.Version == "" || r.Secret.Created.IsZero() {
			t.Errorf("%s: version %q, created %v", names[i], r.Secret.Version, r.Secret.Created)
		}
	}
	if batches, singles := c.called("BatchGetSecretValue"), c.called("GetSecretValue"); batches != 3 || singles != 0 {
		t.Errorf("%d batches and %d single requests, want 3 and 0", batches, singles)
	}
}

func TestRequestsOfTwentyParameters(t *testing.T) {
	c := newCloud(t)
	var names []string
	for i := range 20 {
		names = append(names, fmt.Sprintf("/app/%d", i))
		c.setParameter(names[i], "value of "+names[i])
	}
	p := c.open(t, "ssm", nil)
	for i, r := range p.Fetch(t.Context(), keysOfNames(names...)) {
		wantValue(t, names[i], r, "value of "+names[i])
	}
	if n := c.called("GetParameters"); n != 2 {
		t.Errorf("%d requests, want 2", n)
	}
}

// TestOneSecretNeedsNoBatch: nor the permission for it.
func TestOneSecretNeedsNoBatch(t *testing.T) {
	c := newCloud(t)
	c.set("db", `{"user":"u","n":12345678901234567890,"o":{"a": 1},"none":null}`)
	p := c.open(t, "aws", nil)
	arn := arnOf("db")
	results := p.Fetch(t.Context(), keysOfNames(arn+":user::", arn+":n::", arn+":o::", arn+":::", arn+":none::", arn+":absent::", arn))
	wantValue(t, "user", results[0], "u")
	wantValue(t, "number", results[1], "12345678901234567890")
	wantValue(t, "object", results[2], `{"a":1}`)
	wantValue(t, "empty suffix", results[3], string(results[6].Secret.Value.Reveal()))
	wantKind(t, "null", results[4].Err, providers.ErrNotFound)
	e := wantKind(t, "absent", results[5].Err, providers.ErrNotFound)
	if !strings.Contains(e.Detail, "keys: n, none, o, user") {
		t.Errorf("absent: %s", e.Detail)
	}
	if batches, singles := c.called("BatchGetSecretValue"), c.called("GetSecretValue"); batches != 0 || singles != 1 {
		t.Errorf("%d batches and %d single requests, want 0 and 1", batches, singles)
	}
}

func TestStagesAndVersions(t *testing.T) {
	c := newCloud(t)
	first, second, third := c.set("db", "one"), c.set("db", "two"), c.set("db", "three")
	c.lock.Lock()
	c.secrets["db"].stages["AWSPENDING"] = first // a rotation that is under way
	c.lock.Unlock()
	p := c.open(t, "aws", nil)
	key := func(name, value string) providers.Key {
		return providers.Key{Name: "db", Options: providers.Options{name: value}}
	}
	keys := []providers.Key{
		{Name: "db"}, key("stage", "AWSCURRENT"), key("stage", "AWSPREVIOUS"), key("stage", "AWSPENDING"), key("version", first),
		{Name: arnOf("db") + "::AWSPREVIOUS:"}, {Name: arnOf("db") + ":::" + second}, key("stage", "NONE"), key("version", "none"),
	}
	results := p.Fetch(t.Context(), keys)
	for i, want := range []string{"three", "three", "two", "one", "one", "two", "two"} {
		wantValue(t, keys[i].String(), results[i], want)
	}
	wantKind(t, "no such stage", results[7].Err, providers.ErrNotFound)
	wantKind(t, "no such version", results[8].Err, providers.ErrNotFound)
	probes := p.(providers.Prober).Probe(t.Context(), keys)
	for i, want := range []string{third, third, second, first, first, second, second} {
		if probes[i].Version != want || probes[i].Err != nil {
			t.Errorf("probe of %s: %+v, want %s", keys[i], probes[i], want)
		}
		if results[i].Secret.Version != want {
			t.Errorf("version of %s: %s, want %s", keys[i], results[i].Secret.Version, want)
		}
	}
	wantKind(t, "probe of no such stage", probes[7].Err, providers.ErrNotFound)
}

func TestPartOfABatch(t *testing.T) {
	c := newCloud(t)
	for _, name := range []string{"good", "gone", "kms", "slow"} {
		c.set(name, "value of "+name)
	}
	c.secrets["gone"].deleted = true
	slow := 0
	c.fail(func(action string, in map[string]any) *reply {
		if action == "BatchGetSecretValue" {
			c.secrets["kms"].deleted = true
			out, _ := c.batchSecrets(in)
			for _, e := range out["Errors"].([]map[string]any) {
				if e["SecretId"] == "kms" {
					e["ErrorCode"], e["Message"] = "DecryptionFailure", "Secrets Manager can't decrypt the protected secret text"
				}
			}
			return jsonReply(out)
		}
		if in["SecretId"] == "slow" {
			slow++
		}
		return nil
	})
	p := c.open(t, "aws", nil)
	results := p.Fetch(t.Context(), keysOfNames("good", "gone", "absent", "kms", "slow"))
	wantValue(t, "good", results[0], "value of good")
	e := wantKind(t, "gone", results[1].Err, providers.ErrNotFound)
	if e.Reason != providers.ReasonDeleted || !strings.Contains(e.Hint, "aws secretsmanager restore-secret --secret-id gone") {
		t.Errorf("gone: %+v", e)
	}
	wantKind(t, "absent", results[2].Err, providers.ErrNotFound)
	if e := wantKind(t, "kms", results[3].Err, providers.ErrDenied); !strings.Contains(e.Hint, "kms:Decrypt") {
		t.Errorf("kms: %+v", e)
	}
	wantValue(t, "slow", results[4], "value of slow")
	if c.called("GetSecretValue") != 0 {
		t.Errorf("%d single requests, want 0", c.called("GetSecretValue"))
	}
}

// TestWhatABatchSaysNothingOf is asked for alone: so is what was throttled in it.
func TestWhatABatchSaysNothingOf(t *testing.T) {
	c := newCloud(t)
	c.set("a", "value of a")
	c.set("b", "value of b")
	c.fail(func(action string, _ map[string]any) *reply {
		if action != "BatchGetSecretValue" {
			return nil
		}
		return jsonReply(map[string]any{"Errors": []map[string]any{{"SecretId": "b", "ErrorCode": "ThrottlingException", "Message": "Rate exceeded"}}})
	})
	results := c.open(t, "aws", nil).Fetch(t.Context(), keysOfNames("a", "b", "c"))
	wantValue(t, "a", results[0], "value of a")
	wantValue(t, "b", results[1], "value of b")
	wantKind(t, "c", results[2].Err, providers.ErrNotFound)
	if n := c.called("GetSecretValue"); n != 3 {
		t.Errorf("%d single requests, want 3", n)
	}
}

func TestDeniedBatchIsSaidOnce(t *testing.T) {
	c := newCloud(t)
	var names []string
	for i := range 25 {
		names = append(names, fmt.Sprintf("s%d", i))
		c.set(names[i], "x")
	}
	c.fail(func(action string, _ map[string]any) *reply {
		if action == "BatchGetSecretValue" {
			return refuse(400, "AccessDeniedException", "User: arn:aws:iam::1:user/x is not authorized to perform: secretsmanager:BatchGetSecretValue")
		}
		return nil
	})
	p := c.open(t, "aws", nil)
	var lock sync.Mutex
	var said []string
	ctx := providers.WithDebug(t.Context(), func(line string) {
		lock.Lock()
		defer lock.Unlock()
		if strings.Contains(line, "secretsmanager:BatchGetSecretValue") {
			said = append(said, line)
		}
	})
	for range 3 {
		for i, r := range p.Fetch(ctx, keysOfNames(names...)) {
			wantValue(t, names[i], r, "x")
		}
	}
	if n := c.called("BatchGetSecretValue"); n > 2 {
		t.Errorf("%d batches after the first was denied", n)
	}
	if n := c.called("GetSecretValue"); n != 75 {
		t.Errorf("%d single requests, want 75", n)
	}
	if len(said) != 1 || !strings.Contains(said[0], "one by one") {
		t.Errorf("said %q", said)
	}
}

// TestOneParameterThatIsDenied fails the whole request of GetParameters at AWS.
func TestOneParameterThatIsDenied(t *testing.T) {
	c := newCloud(t)
	for _, name := range []string{"/a", "/b", "/c"} {
		c.setParameter(name, "value of "+name)
	}
	c.fail(func(_ string, in map[string]any) *reply {
		for _, name := range in["Names"].([]any) {
			if name == "/b" {
				return refuse(400, "AccessDeniedException", "User: arn:aws:iam::1:user/x is not authorized to perform: ssm:GetParameters on resource: "+
					"arn:aws:ssm:us-east-1:1:parameter/b because no identity-based policy allows the ssm:GetParameters action")
			}
		}
		return nil
	})
	results := c.open(t, "ssm", nil).Fetch(t.Context(), keysOfNames("/a", "/b", "/c"))
	wantValue(t, "a", results[0], "value of /a")
	e := wantKind(t, "b", results[1].Err, providers.ErrDenied)
	want := `allow it: {"Effect": "Allow", "Action": "ssm:GetParameters", "Resource": "arn:aws:ssm:us-east-1:1:parameter/b"}`
	if e.Hint != want || !strings.Contains(e.Detail, "for arn:aws:iam::1:user/x") {
		t.Errorf("b: %+v", e)
	}
	wantValue(t, "c", results[2], "value of /c")
}

func TestFormsOfParameters(t *testing.T) {
	c := newCloud(t)
	c.setParameter("/app/db", "one")
	c.setParameter("/app/db", "two")
	c.setParameter("plain", "p")
	arn := "arn:aws:ssm:us-east-1:" + account + ":parameter/app/db"
	names := []string{"/app/db", "/app/db:1", "/app/db:2", arn, arn + ":1", "plain", "/app/db:9", "/app/db:label", "/none"}
	results := c.open(t, "ssm", nil).Fetch(t.Context(), keysOfNames(names...))
	for i, want := range []string{"two", "one", "two", "two", "one", "p"} {
		wantValue(t, names[i], results[i], want)
	}
	if v := results[1].Secret.Version; v != "1" {
		t.Errorf("version %q, want 1", v)
	}
	for i := 6; i < len(names); i++ {
		e := wantKind(t, names[i], results[i].Err, providers.ErrNotFound)
		if !strings.HasPrefix(e.Hint, "aws ssm ") {
			t.Errorf("%s: hint %q", names[i], e.Hint)
		}
	}
	if n := c.called("GetParameters"); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
}
