package aws

import (
	"crypto/sha1" //nolint:gosec // the name of a file
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pyleeai/pylee/providers"
)

// world is a machine with AWS files and an environment.
type world struct {
	cloud   *cloud
	home    string
	environ map[string]string
}

// newWorld returns one without keys in its environment.
func newWorld(t *testing.T, config, credentials string) *world {
	t.Helper()
	w := &world{cloud: newCloud(t), home: t.TempDir()}
	w.environ = map[string]string{"AWS_ENDPOINT_URL": w.cloud.URL, "AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"}
	w.write(t, ".aws/config", config)
	w.write(t, ".aws/credentials", credentials)
	w.cloud.set("db", "x")
	return w
}

func (w *world) write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(w.home, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// fetch reads db and returns the access key that its request was signed with.
func (w *world) fetch(t *testing.T, options map[string]any, o providers.Options) (string, error) {
	t.Helper()
	p, err := openSettings(t, "aws", providers.Settings{Instance: "aws", Home: w.home, Environ: w.environ, Options: options})
	if err != nil {
		return "", err
	}
	defer p.Close() //nolint:errcheck // it has none
	r := p.Fetch(t.Context(), []providers.Key{{Name: "db", Options: o}})[0]
	if r.Err != nil {
		return "", r.Err
	}
	w.cloud.lock.Lock()
	defer w.cloud.lock.Unlock()
	return signer(w.cloud.seen[len(w.cloud.seen)-1]), nil
}

func signer(r *http.Request) string {
	_, scope, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	id, _, _ := strings.Cut(scope, "/")
	return id
}

const someFiles = `
[default]
aws_access_key_id = AKIADEFAULTXXXXX
aws_secret_access_key = s
[profile other]
aws_access_key_id = AKIAOTHERXXXXXXX
aws_secret_access_key = s
region = eu-north-1
[profile role]
source_profile = other
role_arn = arn:aws:iam::123456789012:role/one
[profile roles]
source_profile = role
role_arn = arn:aws:iam::123456789012:role/two
[profile byenv]
credential_source = Environment
role_arn = arn:aws:iam::123456789012:role/three
[profile process]
credential_process = printf '{"Version":1,"AccessKeyId":"AKIAPROCESS%s","SecretAccessKey":"s"}' "$SUFFIX"
[profile badprocess]
credential_process = echo K9vQ2xWm7TzL4pRb; echo K9vQ2xWm7TzL4pRb >&2; exit 3
[profile mfa]
source_profile = other
role_arn = arn:aws:iam::123456789012:role/one
mfa_serial = arn:aws:iam::123456789012:mfa/me
[profile empty]
region = eu-north-1
[profile sso]
sso_session = corp
sso_account_id = 123456789012
sso_role_name = reader
[sso-session corp]
sso_region = us-east-1
sso_start_url = https://corp.awsapps.com/start
`

func TestWhoSigns(t *testing.T) {
	w := newWorld(t, someFiles, "")
	token := w.write(t, "token", "the-token\n")
	w.write(t, ".aws/sso/cache/"+ssoName("corp"), fmt.Sprintf(`{"accessToken":"a","expiresAt":%q}`, time.Now().Add(time.Hour).UTC().Format(time.RFC3339)))
	keys := map[string]string{"AWS_ACCESS_KEY_ID": "AKIAENVIRONMENTX", "AWS_SECRET_ACCESS_KEY": "s"}
	role := "arn:aws:iam::123456789012:role/asked"
	for _, test := range []struct {
		name    string
		environ map[string]string
		options map[string]any
		key     providers.Options
		want    string
	}{
		{"default profile", nil, nil, nil, "AKIADEFAULTXXXXX"},
		{"environment before profile", keys, nil, nil, "AKIAENVIRONMENTX"},
		{"profile of the environment", map[string]string{"AWS_PROFILE": "other"}, nil, nil, "AKIAOTHERXXXXXXX"},
		{"profile of the config before the environment", keys, map[string]any{"profile": "other"}, nil, "AKIAOTHERXXXXXXX"},
		{"profile of the reference before the config's", keys, map[string]any{"profile": "role"}, providers.Options{"profile": "other"}, "AKIAOTHERXXXXXXX"},
		{"role of a profile", nil, map[string]any{"profile": "role"}, nil, "ASIAROLEONE"},
		{"roles of two profiles", nil, map[string]any{"profile": "roles"}, nil, "ASIAROLETWO"},
		{"credential_source", keys, map[string]any{"profile": "byenv"}, nil, "ASIAROLETHREE"},
		{"process", map[string]string{"SUFFIX": "ENV"}, map[string]any{"profile": "process"}, nil, "AKIAPROCESSENV"},
		{"single sign-on", nil, map[string]any{"profile": "sso"}, nil, "ASIASSOSSOSSOSSO"},
		{"role of the config", keys, map[string]any{"role_arn": role}, nil, "ASIAROLEASKED"},
		{"role of the reference", keys, nil, providers.Options{"role_arn": role, "external_id": "e"}, "ASIAROLEASKED"},
		{"web identity", map[string]string{"AWS_WEB_IDENTITY_TOKEN_FILE": token, "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/pod"}, nil, nil, "ASIAROLEPOD"},
		{"web identity, then a role", map[string]string{"AWS_WEB_IDENTITY_TOKEN_FILE": token, "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/pod"},
			map[string]any{"role_arn": role}, nil, "ASIAROLEASKED"},
		{"web identity of the config", keys, map[string]any{"auth": map[string]any{"method": "web_identity", "token_file": token, "role_arn": role}}, nil, "ASIAROLEASKED"},
		{"keys of the config", nil, map[string]any{"auth": map[string]any{"method": "static", "access_key_id": "AKIASTATICXXXXXX", "secret_access_key": "s"}}, nil, "AKIASTATICXXXXXX"},
		{"only the profile", keys, map[string]any{"auth": "profile"}, nil, "AKIADEFAULTXXXXX"},
		{"container", map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": w.cloud.URL + "/container"}, map[string]any{"auth": "container"}, nil, "ASIACONTAINERXXX"},
		{"container, for a profile without keys", map[string]string{"AWS_PROFILE": "empty", "AWS_CONTAINER_CREDENTIALS_FULL_URI": w.cloud.URL + "/container"}, nil, nil, "ASIACONTAINERXXX"},
	} {
		t.Run(test.name, func(t *testing.T) {
			one := *w
			one.environ = maps.Clone(w.environ)
			maps.Copy(one.environ, test.environ)
			got, err := one.fetch(t, test.options, test.key)
			if err != nil || got != test.want {
				t.Errorf("signed with %q, %v; want %q", got, err, test.want)
			}
		})
	}
}

func ssoName(key string) string {
	sum := sha1.Sum([]byte(key)) //nolint:gosec // see the import
	return hex.EncodeToString(sum[:]) + ".json"
}

func TestWhyThereAreNoCredentials(t *testing.T) {
	w := newWorld(t, someFiles, "")
	w.write(t, ".aws/sso/cache/"+ssoName("corp"), `{"accessToken":"K9vQ2xWm7TzL4pRb","expiresAt":"2020-01-02T03:04:05Z"}`)
	token := w.write(t, "token", "K9vQ2xWm7TzL4pRb")
	denied := xmlRefusal(403, "AccessDenied", "User: arn:aws:iam::1:user/x is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::2:role/r")
	for _, test := range []struct {
		name    string
		environ map[string]string
		options map[string]any
		fault   *reply
		kind    error
		detail  []string
		hint    string
	}{
		{"nothing at all", map[string]string{"AWS_CONFIG_FILE": "/none/config", "AWS_SHARED_CREDENTIALS_FILE": "/none/credentials"}, nil, nil, providers.ErrUnauthenticated,
			[]string{"environment: AWS_ACCESS_KEY_ID is not set", "web identity: AWS_WEB_IDENTITY_TOKEN_FILE is not set", "profile default: /none/config does not exist",
				"container: AWS_CONTAINER_CREDENTIALS_FULL_URI is not set", "instance metadata: disabled by AWS_EC2_METADATA_DISABLED"}, "aws configure sso"},
		{"half of the keys", map[string]string{"AWS_ACCESS_KEY_ID": "x"}, map[string]any{"auth": "environment"}, nil, providers.ErrUnauthenticated,
			[]string{"AWS_ACCESS_KEY_ID is set without AWS_SECRET_ACCESS_KEY"}, ""},
		{"no such profile", map[string]string{"AWS_PROFILE": "nobody"}, nil, nil, providers.ErrInvalid, []string{"no profile nobody (AWS_PROFILE)", "config has none"}, "aws configure list-profiles"},
		{"expired single sign-on", nil, map[string]any{"profile": "sso"}, nil, providers.ErrUnauthenticated,
			[]string{"token expired at 2020-01-02T03:04:05Z"}, "aws sso login --profile sso"},
		{"a device is asked for", nil, map[string]any{"profile": "mfa"}, nil, providers.ErrUnauthenticated, []string{"mfa_serial"}, "credential_process"},
		{"process fails", nil, map[string]any{"profile": "badprocess"}, nil, providers.ErrUnauthenticated, []string{"exit status 3"}, "aws configure get credential_process --profile badprocess"},
		{"role denied", nil, map[string]any{"role_arn": "arn:aws:iam::2:role/r"}, denied, providers.ErrDenied,
			[]string{"role arn:aws:iam::2:role/r", "sts:AssumeRole for arn:aws:iam::1:user/x", "profile default: aws_access_key_id"}, "aws sts assume-role"},
		{"wrong keys for a role", nil, map[string]any{"role_arn": "arn:aws:iam::2:role/r"}, xmlRefusal(403, "InvalidClientTokenId", ""), providers.ErrUnauthenticated,
			[]string{"InvalidClientTokenId"}, "aws sts assume-role"},
		{"tokens throttled", nil, map[string]any{"role_arn": "arn:aws:iam::2:role/r"}, xmlRefusal(400, "Throttling", ""), providers.ErrThrottled, []string{"Throttling"}, ""},
		{"tokens down", nil, map[string]any{"role_arn": "arn:aws:iam::2:role/r"}, xmlRefusal(503, "ServiceUnavailable", ""), providers.ErrUnavailable, []string{"ServiceUnavailable"}, ""},
		{"token file gone", map[string]string{"AWS_WEB_IDENTITY_TOKEN_FILE": "/none/token", "AWS_ROLE_ARN": "arn:aws:iam::2:role/r"}, nil, nil, providers.ErrUnauthenticated,
			[]string{"token file /none/token does not exist"}, ""},
		{"token refused", map[string]string{"AWS_WEB_IDENTITY_TOKEN_FILE": token, "AWS_ROLE_ARN": "arn:aws:iam::2:role/r"}, nil,
			xmlRefusal(400, "InvalidIdentityToken", "no OpenIDConnect provider"), providers.ErrUnauthenticated, []string{"InvalidIdentityToken"}, "trust policy"},
		{"container elsewhere", map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://10.0.0.1/x"}, map[string]any{"auth": "container"}, nil, providers.ErrInvalid,
			[]string{"refused"}, ""},
		{"no region", map[string]string{"AWS_REGION": ""}, nil, nil, providers.ErrInvalid, []string{"no region", "profile default"}, "export AWS_REGION="},
	} {
		t.Run(test.name, func(t *testing.T) {
			one := *w
			one.environ = maps.Clone(w.environ)
			maps.Copy(one.environ, test.environ)
			w.cloud.fail(func(string, map[string]any) *reply { return test.fault })
			_, err := one.fetch(t, test.options, nil)
			e := wantKind(t, "kind", err, test.kind)
			for _, want := range test.detail {
				if !strings.Contains(e.Detail, want) {
					t.Errorf("detail %q, want %q in it", e.Detail, want)
				}
			}
			if !strings.Contains(e.Hint, test.hint) {
				t.Errorf("hint %q, want %q in it", e.Hint, test.hint)
			}
			if strings.Contains(e.Detail+e.Hint+e.Debug, "K9vQ2xWm7TzL4pRb") {
				t.Errorf("a secret appears in %+v", e)
			}
		})
	}
}

// TestInstanceRole has a metadata service of version 2, and one that gives credentials
// without a token, as version 1 did: that is not asked.
func TestInstanceRole(t *testing.T) {
	var unsafe bool
	version := 2
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPut && version == 2:
			w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "21600")
			fmt.Fprint(w, "TOKEN")
		case r.Method == http.MethodPut:
			w.WriteHeader(http.StatusForbidden)
		case r.Header.Get("X-Aws-Ec2-Metadata-Token") != "TOKEN":
			unsafe = true
			fallthrough
		case strings.HasSuffix(r.URL.Path, "/security-credentials/role"):
			fmt.Fprintf(w, `{"Code":"Success","AccessKeyId":"ASIAINSTANCEXXXX","SecretAccessKey":"s","Token":"t","Expiration":%q}`, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
		default:
			fmt.Fprint(w, "role")
		}
	}))
	defer server.Close()
	w := newWorld(t, "", "")
	w.environ["AWS_EC2_METADATA_DISABLED"] = ""
	w.environ["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = server.URL
	if got, err := w.fetch(t, nil, nil); err != nil || got != "ASIAINSTANCEXXXX" {
		t.Errorf("signed with %q, %v", got, err)
	}
	version = 1
	_, err := w.fetch(t, nil, nil)
	e := wantKind(t, "version 1", err, providers.ErrUnauthenticated)
	if !strings.Contains(e.Detail, "instance metadata: "+server.URL) || !strings.Contains(e.Detail, "environment: ") {
		t.Errorf("%s", e.Detail)
	}
	if unsafe {
		t.Error("credentials were asked for without a token")
	}
}

// TestExternalID reaches STS, and the role of a reference does not get the block's.
func TestExternalID(t *testing.T) {
	w := newWorld(t, someFiles, "")
	var got []string
	w.cloud.fail(func(action string, in map[string]any) *reply {
		if action == "AssumeRole" {
			got = append(got, text(in["RoleArn"])+" "+text(in["ExternalId"]))
		}
		return nil
	})
	block := map[string]any{"role_arn": "arn:aws:iam::1:role/a", "external_id": "secret-handshake"}
	for _, o := range []providers.Options{nil, {"role_arn": "arn:aws:iam::1:role/b"}, {"external_id": "other"}} {
		if _, err := w.fetch(t, block, o); err != nil {
			t.Fatal(err)
		}
	}
	want := "arn:aws:iam::1:role/a secret-handshake|arn:aws:iam::1:role/b |arn:aws:iam::1:role/a other"
	if strings.Join(got, "|") != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestRenewedKeys: an instance that was refused looks at the user's files again.
func TestRenewedKeys(t *testing.T) {
	const file = "[default]\naws_access_key_id = %s\naws_secret_access_key = s\n"
	w := newWorld(t, "", fmt.Sprintf(file, "AKIAOLDOLDOLDOLD"))
	w.cloud.fail(func(string, map[string]any) *reply {
		if signer(w.cloud.seen[len(w.cloud.seen)-1]) == "AKIAOLDOLDOLDOLD" {
			return refuse(400, "ExpiredTokenException", "")
		}
		return nil
	})
	p, err := openSettings(t, "aws", providers.Settings{Instance: "aws", Home: w.home, Environ: w.environ})
	if err != nil {
		t.Fatal(err)
	}
	wantKind(t, "before", p.Fetch(t.Context(), keysOfNames("db"))[0].Err, providers.ErrUnauthenticated)
	w.write(t, ".aws/credentials", fmt.Sprintf(file, "AKIANEWNEWNEWNEW"))
	wantValue(t, "afterwards", p.Fetch(t.Context(), keysOfNames("db"))[0], "x")
}
