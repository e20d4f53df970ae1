package aws

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pyleeai/pylee/providers"
)

// TestSelectorsLeftOut has a server that gives both versions of a name the same id.
func TestSelectorsLeftOut(t *testing.T) {
	c := newCloud(t)
	c.setParameter("/a", "one")
	c.setParameter("/a", "two")
	c.fail(func(_ string, in map[string]any) *reply {
		out, _ := c.getParameters(in)
		for _, p := range out["Parameters"].([]map[string]any) {
			delete(p, "Selector")
		}
		return jsonReply(out)
	})
	results := c.open(t, "ssm", nil).Fetch(t.Context(), keysOfNames("/a:1", "/a"))
	wantValue(t, "first version", results[0], "one")
	wantValue(t, "current version", results[1], "two")
}

// TestLargeAnswer: a batch may be larger than any answer that is read; then its secrets
// come one by one.
func TestLargeAnswer(t *testing.T) {
	c := newCloud(t)
	var names []string
	for i := range 20 {
		names = append(names, fmt.Sprintf("s%d", i))
		c.set(names[i], strings.Repeat("0123456789abcdef", 4096))
	}
	for i, r := range c.open(t, "aws", nil).Fetch(t.Context(), keysOfNames(names...)) {
		if r.Err != nil || len(r.Secret.Value.Reveal()) != 64<<10 {
			t.Errorf("%s: %v", names[i], r.Err)
		}
	}
	if batches, singles := c.called("BatchGetSecretValue"), c.called("GetSecretValue"); batches != 1 || singles != 20 {
		t.Errorf("%d batches and %d single requests, want 1 and 20", batches, singles)
	}
}

// TestWrongCredentialsAreTriedOnce: that a role cannot be assumed is no reason to ask
// for each secret of a batch alone.
func TestWrongCredentialsAreTriedOnce(t *testing.T) {
	c := newCloud(t)
	c.fail(func(action string, _ map[string]any) *reply {
		if action == "AssumeRole" {
			return xmlRefusal(403, "AccessDenied", "")
		}
		return nil
	})
	p := c.open(t, "aws", map[string]any{"role_arn": "arn:aws:iam::1:role/x"})
	for _, r := range p.Fetch(t.Context(), keysOfNames("a", "b", "c", "d", "e")) {
		wantKind(t, "all", r.Err, providers.ErrDenied)
	}
	if n := c.called("AssumeRole"); n != 1 {
		t.Errorf("%d requests for the role, want 1", n)
	}
}

// TestOwnEnvironmentIsNotRead: the only environment is that of the settings.
func TestOwnEnvironmentIsNotRead(t *testing.T) {
	wrong := newCloud(t)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": wrong.URL, "AWS_ENDPOINT_URL_SECRETS_MANAGER": wrong.URL, "AWS_ENDPOINT_URL_STS": wrong.URL,
		"AWS_ACCESS_KEY_ID": "AKIAWRONGWRONGWR", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t", "AWS_REGION": "ap-south-1",
		"AWS_PROFILE": "wrong", "AWS_CONFIG_FILE": "/wrong", "AWS_EC2_METADATA_SERVICE_ENDPOINT": wrong.URL, "AWS_EC2_METADATA_DISABLED": "",
		"AWS_WEB_IDENTITY_TOKEN_FILE": "/wrong", "AWS_ROLE_ARN": "arn:aws:iam::1:role/wrong", "AWS_CONTAINER_CREDENTIALS_FULL_URI": wrong.URL,
		"AWS_CA_BUNDLE": "/wrong", "HTTP_PROXY": wrong.URL, "HTTPS_PROXY": wrong.URL, "AWS_SDK_LOAD_CONFIG": "1", "AWS_USE_FIPS_ENDPOINT": "true",
	} {
		t.Setenv(name, value)
	}
	w := newWorld(t, "", "")
	_, err := w.fetch(t, nil, nil)
	wantKind(t, "without keys", err, providers.ErrUnauthenticated)
	w.environ = w.cloud.environ()
	w.environ["AWS_EC2_METADATA_DISABLED"] = "true"
	if got, err := w.fetch(t, map[string]any{"role_arn": "arn:aws:iam::123456789012:role/x"}, nil); err != nil || got != "ASIAROLEX" {
		t.Errorf("signed with %q, %v", got, err)
	}
	if n := len(wrong.seen); n != 0 {
		t.Errorf("%d requests to an address of the process environment", n)
	}
}

// TestNothingIsPrinted: what the SDK would log goes nowhere.
func TestNothingIsPrinted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stderr")
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	before := os.Stderr
	os.Stderr = out
	defer func() { os.Stderr = before }()
	w := newWorld(t, "[profile x]\nregion\n[broken\n", "[default]\naws_access_key_id = half\n")
	w.environ["AWS_EC2_METADATA_DISABLED"], w.environ["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = "", w.cloud.URL
	w.cloud.fail(func(string, map[string]any) *reply {
		return &reply{status: 403, header: map[string]string{"Date": "never"}}
	})
	if _, err := w.fetch(t, nil, nil); err == nil {
		t.Error("no error")
	}
	w.environ = w.cloud.environ()
	if _, err := w.fetch(t, nil, nil); err == nil {
		t.Error("no error")
	}
	if text, err := os.ReadFile(path); err != nil || len(text) > 0 {
		t.Errorf("printed %q, %v", text, err)
	}
}
