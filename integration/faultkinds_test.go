package integration

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
)

// faultKind is a kind of server, which has the secrets a, b and c.
type faultKind struct {
	name     string
	config   string   // with the address and the path of the certificate to fill in
	environ  []string // what pylee proves itself with
	requests int      // for the three secrets
	login    bool     // its data is the token that pylee logs in for

	isData func(r *faultRequest) bool // asks for secrets
	answer func(w http.ResponseWriter, r *faultRequest, missing string)
	refuse func(w http.ResponseWriter, r *faultRequest, status int)
}

var (
	faultAWS   = []string{"AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY=" + faultToken, "AWS_SESSION_TOKEN=" + faultToken}
	faultKinds = []faultKind{
		{
			name: "aws", config: faultConfig("aws", "endpoint", `region: eu-west-1`, ""), environ: faultAWS, requests: 1,
			isData: func(*faultRequest) bool { return true }, answer: faultAWSAnswer, refuse: faultAWSRefuse,
		},
		{
			name: "ssm", config: faultConfig("ssm", "endpoint", `region: eu-west-1`, ""), environ: faultAWS, requests: 1,
			isData: func(*faultRequest) bool { return true }, answer: faultSSMAnswer, refuse: faultAWSRefuse,
		},
		{
			name: "vault", config: faultConfig("vault", "address", "lease: managed", "#k"), environ: []string{"VAULT_TOKEN=" + faultToken}, requests: 3,
			isData: faultVaultData, answer: faultVaultAnswer, refuse: faultVaultRefuse,
		},
		{
			name: "bao", config: faultConfig("bao", "address", "lease: managed", "#k"), environ: []string{"BAO_TOKEN=" + faultToken}, requests: 3,
			isData: faultVaultData, answer: faultVaultAnswer, refuse: faultVaultRefuse,
		},
		faultAzure(),
		faultLogin("vault", "approle"), faultLogin("azure", "entra"),
	}
)

func faultConfig(kind, address, setting, field string) string {
	path := map[string]string{"#k": "secret/app/"}[field]
	text := "providers:\n  " + kind + ":\n    " + address + ": %s\n    " + setting + "\n    tls: {ca_file: %s}\nenv:\n"
	for _, name := range []string{"a", "b", "c"} {
		text += "  " + strings.ToUpper(name) + ": ${" + kind + ":" + path + name + field + "}\n"
	}
	return text
}

// faultSend sends an answer as JSON.
func faultSend(w http.ResponseWriter, kind string, status int, answer any) {
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(answer) //nolint:errcheck // the client may have gone
}

const amzJSON = "application/x-amz-json-1.1"

// faultAWSAnswer acts as Secrets Manager.
func faultAWSAnswer(w http.ResponseWriter, r *faultRequest, missing string) {
	var in struct {
		SecretId     string
		SecretIdList []string
	}
	json.Unmarshal([]byte(r.text), &in) //nolint:errcheck // of the SDK
	values, errs := []any{}, []any{}
	for _, id := range append(in.SecretIdList, in.SecretId) {
		value := map[string]any{
			"ARN": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:" + id + "-AbCdEf", "Name": id,
			"VersionId": "v1", "SecretString": faultValue, "VersionStages": []string{"AWSCURRENT"}, "CreatedDate": 1767225600,
		}
		switch {
		case id == "":
		case in.SecretId != "" && id == missing:
			faultAWSRefuse(w, r, http.StatusNotFound)
			return
		case in.SecretId != "":
			faultSend(w, amzJSON, 200, value)
			return
		case id == missing:
			errs = append(errs, map[string]any{"SecretId": id, "ErrorCode": "ResourceNotFoundException", "Message": "no " + faultToken})
		default:
			values = append(values, value)
		}
	}
	faultSend(w, amzJSON, 200, map[string]any{"SecretValues": values, "Errors": errs})
}

// faultSSMAnswer acts as the Parameter Store.
func faultSSMAnswer(w http.ResponseWriter, r *faultRequest, missing string) {
	var in struct{ Names []string }
	json.Unmarshal([]byte(r.text), &in) //nolint:errcheck // of the SDK
	values, none := []any{}, []string{}
	for _, name := range in.Names {
		if name == missing {
			none = append(none, name)
			continue
		}
		values = append(values, map[string]any{
			"ARN": "arn:aws:ssm:eu-west-1:123456789012:parameter/" + name, "Name": name, "Type": "SecureString",
			"Value": faultValue, "Version": 1, "LastModifiedDate": 1767225600,
		})
	}
	faultSend(w, amzJSON, 200, map[string]any{"Parameters": values, "InvalidParameters": none})
}

// faultAWSRefuse answers with the error that the services have for what status means.
func faultAWSRefuse(w http.ResponseWriter, _ *faultRequest, status int) {
	code := map[int]string{
		401: "UnrecognizedClientException", 403: "AccessDeniedException", 404: "ResourceNotFoundException",
		429: "ThrottlingException", 500: "InternalServiceError", 503: "ServiceUnavailable",
	}[status]
	if status < 429 {
		status = 400
	}
	faultSend(w, amzJSON, status, map[string]string{"__type": code, "message": "no, " + faultToken})
}

func faultVaultData(r *faultRequest) bool { return strings.HasPrefix(r.URL.Path, "/v1/secret/") }

// faultVaultAnswer acts as a store of version 2 at secret/.
func faultVaultAnswer(w http.ResponseWriter, r *faultRequest, missing string) {
	switch {
	case strings.HasPrefix(r.URL.Path, "/v1/sys/internal/ui/mounts/"):
		faultSend(w, "application/json", 200, map[string]any{"data": map[string]any{"path": "secret/", "type": "kv", "options": map[string]string{"version": "2"}}})
	case r.URL.Path == "/v1/auth/approle/login":
		faultSend(w, "application/json", 200, map[string]any{"auth": map[string]any{"client_token": faultToken, "accessor": "a", "lease_duration": 60, "renewable": true}})
	case strings.HasPrefix(r.URL.Path, "/v1/auth/token/"):
		w.WriteHeader(http.StatusNoContent)
	case !faultVaultData(r), missing != "" && strings.HasSuffix(r.URL.Path, "/"+missing):
		faultVaultRefuse(w, r, http.StatusNotFound)
	default:
		faultSend(w, "application/json", 200, map[string]any{"request_id": "r", "data": map[string]any{
			"data": map[string]string{"k": faultValue}, "metadata": map[string]any{"version": 1, "created_time": "2026-01-01T00:00:00Z", "deletion_time": ""},
		}})
	}
}

func faultVaultRefuse(w http.ResponseWriter, r *faultRequest, status int) {
	said := []string{"no, " + r.Header.Get("X-Vault-Token")}
	if slices.Contains([]int{403, 404}, status) {
		said = map[int][]string{403: {"1 error occurred:\n\t* permission denied\n\n"}, 404: {}}[status]
	}
	faultSend(w, "application/json", status, map[string]any{"errors": said})
}

// thief starts where a redirect leads, which answers like the server itself.
func (s *faultServer) thief(secure bool) *httptest.Server {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.stolen.Add(1)
		s.kind.answer(w, &faultRequest{r, s, ""}, "")
	}))
	server.Config.ErrorLog = faultQuiet()
	if server.TLS = s.config.Clone(); secure {
		server.StartTLS()
	} else {
		server.Start()
	}
	return server
}

// faultLogin is a kind that fails when pylee logs in.
func faultLogin(kind, how string) faultKind {
	login := faultAzure()
	login.requests, login.isData = 1, func(r *faultRequest) bool { return strings.HasSuffix(r.URL.Path, "/oauth2/v2.0/token") }
	if kind == "vault" {
		login = faultKind{
			config:  faultConfig(kind, "address", "auth: {method: approle, role_id: role, secret_id: \"${env:SECRET_ID}\"}", "#k"),
			environ: []string{"SECRET_ID=" + faultToken}, requests: 1,
			isData: func(r *faultRequest) bool { return strings.HasPrefix(r.URL.Path, "/v1/auth/") },
			answer: faultVaultAnswer, refuse: faultVaultRefuse,
		}
	}
	login.name, login.login = kind+" "+how, true
	return login
}
