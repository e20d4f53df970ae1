package aws

import (
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pyleeai/pylee/providers"
)

func jsonReply(v any) *reply {
	text, _ := json.Marshal(v) //nolint:errchkjson // maps of strings
	return &reply{status: 200, body: string(text)}
}

// TestFailures has each error that the services give, and answers that are none of
// theirs.
func TestFailures(t *testing.T) {
	plain := func(status int, body string) *reply { return &reply{status: status, body: body} }
	for _, test := range []struct {
		name    string
		failure *reply
		kind    error
		detail  string // part of
		hint    string // part of
		tries   int
	}{
		{"not found", refuse(400, "ResourceNotFoundException", "x"), providers.ErrNotFound, "not found", "aws secretsmanager list-secrets --region us-east-1", 1},
		{"no stage", refuse(400, "ResourceNotFoundException", "Secrets Manager can't find the specified secret value for staging label: X"),
			providers.ErrNotFound, "staging label", "list-secret-version-ids --secret-id db", 1},
		{"deleted", refuse(400, "InvalidRequestException", "it was marked for deletion"), providers.ErrNotFound, "marked for deletion", "restore-secret --secret-id db", 1},
		{"not deleted", refuse(400, "InvalidRequestException", "rotation is on"), providers.ErrInvalid, "InvalidRequestException", "", 1},
		{"denied", refuse(400, "AccessDeniedException", "User: arn:aws:iam::1:user/x is not authorized to perform: secretsmanager:GetSecretValue on resource: db because y"),
			providers.ErrDenied, "for arn:aws:iam::1:user/x in us-east-1, as access key AKIA…MPLE (environment", `"Action": "secretsmanager:GetSecretValue", "Resource": "db"`, 1},
		{"denied explicitly", refuse(400, "AccessDeniedException", "User: arn:aws:iam::1:user/x is not authorized to perform: secretsmanager:GetSecretValue on resource: db with an explicit deny in x"),
			providers.ErrDenied, "denied explicitly", "find the deny", 1},
		{"denied the key", refuse(400, "AccessDeniedException", "User: arn:aws:iam::1:user/x is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:us-east-1:1:key/k because y"),
			providers.ErrDenied, "kms:Decrypt", "that of the key", 1},
		{"denied without a word", refuse(400, "AccessDeniedException", ""), providers.ErrDenied, "secretsmanager:GetSecretValue", "allow it", 1},
		{"decryption", refuse(400, "DecryptionFailure", "x"), providers.ErrDenied, "KMS", "kms:Decrypt", 1},
		{"expired", refuse(400, "ExpiredTokenException", "x"), providers.ErrUnauthenticated, "expired", "aws sso login", 1},
		{"unknown client", refuse(400, "UnrecognizedClientException", "x"), providers.ErrUnauthenticated, "UnrecognizedClientException", "aws sts get-caller-identity", 1},
		{"signature", refuse(400, "InvalidSignatureException", "x"), providers.ErrUnauthenticated, "InvalidSignatureException", "", 1},
		{"throttled", refuse(400, "ThrottlingException", "Rate exceeded"), providers.ErrThrottled, "us-east-1: ", "", 3},
		{"too many", refuse(429, "TooManyRequestsException", ""), providers.ErrThrottled, "", "", 3},
		{"internal", refuse(500, "InternalServiceError", ""), providers.ErrUnavailable, "InternalServiceError", "", 3},
		{"validation", refuse(400, "ValidationException", "x"), providers.ErrInvalid, "ValidationException", "", 1},
		{"namespace", refuse(400, "com.amazonaws.secretsmanager#ResourceNotFoundException", ""), providers.ErrNotFound, "", "", 1},
		{"unknown operation", refuse(400, "UnknownOperationException", ""), providers.ErrInvalid, "does not know secretsmanager:GetSecretValue", "", 1},
		{"unknown code", refuse(400, "BrandNewException", "x"), providers.ErrInvalid, "BrandNewException", "", 1},
		{"unknown code, 5xx", refuse(503, "BrandNewException", "x"), providers.ErrUnavailable, "BrandNewException", "", 3},
		{"bare 403, XML", plain(403, `<Response><Errors><Error><Code>AccessDenied</Code></Error></Errors></Response>`), providers.ErrDenied, "403", "proxy", 1},
		{"bare 401", plain(401, ``), providers.ErrUnauthenticated, "401", "", 1},
		{"bare 404", plain(404, `not here`), providers.ErrInvalid, "404", "check the endpoint", 1},
		{"bare 429", plain(429, ``), providers.ErrThrottled, "", "", 3},
		{"bare 502", plain(502, `<html>`), providers.ErrUnavailable, "502", "", 3},
		{"redirect", &reply{status: 302, header: map[string]string{"Location": "http://other.example/"}}, providers.ErrInvalid, "redirect", "", 1},
		{"damaged", plain(200, `{"SecretString": "K9vQ2xWm7TzL4pRb`), providers.ErrUnavailable, "", "", 3},
		{"not JSON", plain(200, `K9vQ2xWm7TzL4pRb`), providers.ErrUnavailable, "", "", 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newCloud(t)
			c.fail(func(string, map[string]any) *reply { return test.failure })
			r := c.open(t, "aws", nil).Fetch(t.Context(), keysOfNames("db"))[0]
			e := wantKind(t, "kind", r.Err, test.kind)
			if !strings.Contains(e.Detail, test.detail) || !strings.Contains(e.Hint, test.hint) {
				t.Errorf("detail %q, hint %q; want %q and %q in them", e.Detail, e.Hint, test.detail, test.hint)
			}
			if n := c.called("GetSecretValue"); n != test.tries {
				t.Errorf("%d tries, want %d", n, test.tries)
			}
			if strings.Contains(e.Detail+e.Hint+e.Debug, "K9vQ2xWm7TzL4pRb") {
				t.Errorf("the value appears in %+v", e)
			}
		})
	}
}

func TestRequestIDIsForDebug(t *testing.T) {
	c := newCloud(t)
	c.fail(func(string, map[string]any) *reply { return refuse(400, "AccessDeniedException", "") })
	e := wantKind(t, "denied", c.open(t, "aws", nil).Fetch(t.Context(), keysOfNames("db"))[0].Err, providers.ErrDenied)
	if e.Debug != "request id 11111111-2222-3333-4444-555555555555" || strings.Contains(e.Detail, "1111") {
		t.Errorf("%+v", e)
	}
}

func TestThrottledThenFine(t *testing.T) {
	c := newCloud(t)
	c.set("db", "x")
	c.fail(func(action string, _ map[string]any) *reply {
		if c.calls[action] < 3 {
			return refuse(400, "ThrottlingException", "Rate exceeded")
		}
		return nil
	})
	wantValue(t, "db", c.open(t, "aws", nil).Fetch(t.Context(), keysOfNames("db"))[0], "x")
}

// TestClock: a refused signature tells the time, the next request is signed for it.
func TestClock(t *testing.T) {
	c := newCloud(t)
	c.set("db", "x")
	ahead := time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)
	stale := refuse(403, "InvalidSignatureException", "Signature expired")
	stale.header["Date"] = ahead
	c.fail(func(action string, _ map[string]any) *reply {
		if c.calls[action] == 1 {
			return stale
		}
		if signed := c.seen[len(c.seen)-1].Header.Get("X-Amz-Date"); signed < time.Now().Add(50*time.Minute).UTC().Format("20060102T150405Z") {
			t.Errorf("signed for %s", signed)
		}
		return nil
	})
	wantValue(t, "db", c.open(t, "aws", nil).Fetch(t.Context(), keysOfNames("db"))[0], "x")

	c.fail(func(string, map[string]any) *reply { return stale })
	e := wantKind(t, "never", c.open(t, "aws", nil).Fetch(t.Context(), keysOfNames("db"))[0].Err, providers.ErrUnauthenticated)
	if !strings.Contains(e.Detail, "behind AWS") || e.Hint != "timedatectl set-ntp true" {
		t.Errorf("%+v", e)
	}
}

func TestNetworkFailures(t *testing.T) {
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	tls := httptest.NewUnstartedServer(http.NotFoundHandler())
	tls.Config.ErrorLog = log.New(io.Discard, "", 0)
	tls.StartTLS()
	defer tls.Close()
	for _, test := range []struct {
		name, endpoint string
		kind           error
		detail, hint   string
	}{
		{"refused", closed.URL, providers.ErrUnavailable, "connection refused", "check the address"},
		{"no such host", "https://secretsmanager.nowhere.invalid", providers.ErrUnavailable, "resolve", "DNS"},
		{"self-signed", tls.URL, providers.ErrUnavailable, "authority", "tls: {ca_file:"},
		{"plain http", "http://secretsmanager.example.com", providers.ErrInvalid, "plain http", "https://"},
	} {
		t.Run(test.name, func(t *testing.T) {
			environ := map[string]string{"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "s", "AWS_REGION": "us-east-1"}
			p, err := openWith(t, "aws", environ, map[string]any{"endpoint": test.endpoint})
			if err != nil {
				t.Fatal(err)
			}
			e := wantKind(t, "kind", p.Fetch(t.Context(), keysOfNames("db"))[0].Err, test.kind)
			if test.name == "no such host" {
				return // what a resolver says differs
			}
			if !strings.Contains(e.Detail, test.detail) || !strings.Contains(e.Hint, test.hint) {
				t.Errorf("detail %q, hint %q", e.Detail, e.Hint)
			}
		})
	}
}

func TestEveryCodeHasOneKind(t *testing.T) {
	seen := map[string]error{}
	for kind, list := range codes {
		for _, code := range list {
			if seen[code] != nil {
				t.Errorf("%s is both %v and %v", code, seen[code], kind)
			}
			seen[code] = kind
		}
	}
}
