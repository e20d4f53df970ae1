package integration

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pyleeai/pylee/providers"
)

// TestMotoIdentities has each way to credentials that moto and the metadata mock serve.
func TestMotoIdentities(t *testing.T) {
	server := startMoto(t)
	motoPut(t, motoOpen(t, "aws", motoEnviron(server), nil), "db", "x")
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("a.b.c\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	role := "arn:aws:iam::123456789012:role/reader"
	for name, test := range map[string]struct {
		environ  map[string]string
		options  map[string]any
		identity string
	}{
		"keys":         {map[string]string{}, nil, "arn:aws:sts::123456789012:user/"},
		"role":         {map[string]string{}, map[string]any{"role_arn": role, "external_id": "e"}, "arn:aws:sts::123456789012:assumed-role/reader/pylee"},
		"web identity": {map[string]string{"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_WEB_IDENTITY_TOKEN_FILE": token, "AWS_ROLE_ARN": role}, nil, "arn:aws:sts::123456789012:assumed-role/reader/pylee"},
	} {
		t.Run(name, func(t *testing.T) { motoIdentity(t, server, test.environ, test.options, test.identity) })
	}
	t.Run("instance", func(t *testing.T) {
		environ := map[string]string{
			"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_EC2_METADATA_DISABLED": "", "AWS_EC2_METADATA_SERVICE_ENDPOINT": startIMDS(t),
		}
		motoIdentity(t, server, environ, nil, "arn:aws:")
	})
}

// motoIdentity fetches as somebody, and lets the doctor tell as whom.
func motoIdentity(t *testing.T, server string, more map[string]string, options map[string]any, identity string) {
	t.Helper()
	environ := motoEnviron(server)
	for name, value := range more {
		environ[name] = value
	}
	p := motoOpen(t, "aws", environ, options)
	motoWant(t, p, "x", providers.Key{Name: "db"})
	var said []string
	for _, f := range p.(providers.Doctor).Check(t.Context()) {
		said = append(said, f.Level+" "+f.Subject+": "+f.Detail)
	}
	if !slices.ContainsFunc(said, func(line string) bool { return strings.HasPrefix(line, "ok identity: "+identity) }) {
		t.Errorf("no identity %s in\n%s", identity, strings.Join(said, "\n"))
	}
}

// TestMotoPolicies: with policies in force, moto refuses with a bare 403 in XML.
func TestMotoPolicies(t *testing.T) {
	server := startMoto(t)
	p := motoOpen(t, "aws", motoEnviron(server), nil)
	motoPut(t, p, "db", "x")
	answer, err := http.Post(server+"/moto-api/reset-auth", "text/plain", strings.NewReader("0"))
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close() //nolint:errcheck // not read
	err = p.Fetch(t.Context(), []providers.Key{{Name: "db"}})[0].Err
	if !errors.Is(err, providers.ErrDenied) && !errors.Is(err, providers.ErrUnauthenticated) {
		t.Errorf("with unknown keys: %v", err)
	}
}

// TestMotoCertificate: an own authority is trusted if it is named, and only then.
func TestMotoCertificate(t *testing.T) {
	front := motoCounting(t, startMoto(t), httptest.NewTLSServer)
	environ := motoEnviron(front.URL)
	err := motoOpen(t, "aws", environ, nil).Fetch(t.Context(), []providers.Key{{Name: "db"}})[0].Err
	var e *providers.Error
	if !errors.As(err, &e) || !errors.Is(err, providers.ErrUnavailable) || !strings.Contains(e.Hint, "ca_file") {
		t.Errorf("unknown authority: %v", err)
	}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, motoPEM(front.Certificate().Raw), 0o600); err != nil {
		t.Fatal(err)
	}
	environ["AWS_CA_BUNDLE"] = ca
	p := motoOpen(t, "aws", environ, nil)
	motoPut(t, p, "db", "x")
	motoWant(t, p, "x", providers.Key{Name: "db"})
}
