package integration

import (
	"net/http"
	"strings"
)

const faultTenant = "72f988bf-86f1-41af-91ab-2d7cd011db47"

// faultAzure is a vault on this machine, and the authority that gives tokens for it.
func faultAzure() faultKind {
	config := "providers:\n  azure:\n    vault: %[1]s\n    auth: {method: environment, authority: %[1]s}\n    tls: {ca_file: %[2]s}\nenv:\n"
	for _, name := range []string{"a", "b", "c"} {
		config += "  " + strings.ToUpper(name) + ": ${azure:" + name + "}\n"
	}
	return faultKind{
		name: "azure", config: config, requests: 3,
		environ: []string{"AZURE_TENANT_ID=" + faultTenant, "AZURE_CLIENT_ID=11111111-2222-3333-4444-555555555555", "AZURE_CLIENT_SECRET=" + faultToken},
		isData: func(r *faultRequest) bool {
			return strings.HasPrefix(r.URL.Path, "/secrets/") && r.Header.Get("Authorization") != ""
		},
		answer: faultAzureAnswer, refuse: faultAzureRefuse,
	}
}

func faultAzureAnswer(w http.ResponseWriter, r *faultRequest, missing string) {
	name, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/secrets/"), "/")
	base := "https://" + r.Host + "/" + faultTenant
	switch {
	case strings.HasSuffix(r.URL.Path, "/common/discovery/instance"):
		faultSend(w, "application/json", 200, map[string]any{
			"tenant_discovery_endpoint": base + "/v2.0/.well-known/openid-configuration",
			"metadata":                  []any{map[string]any{"preferred_network": r.Host, "preferred_cache": r.Host, "aliases": []string{r.Host}}},
		})
	case strings.HasSuffix(r.URL.Path, "/.well-known/openid-configuration"):
		faultSend(w, "application/json", 200, map[string]any{
			"authorization_endpoint": base + "/oauth2/v2.0/authorize", "token_endpoint": base + "/oauth2/v2.0/token", "issuer": base + "/v2.0",
		})
	case strings.HasSuffix(r.URL.Path, "/oauth2/v2.0/token"):
		faultSend(w, "application/json", 200, map[string]any{"token_type": "Bearer", "access_token": faultToken, "expires_in": 3600})
	case r.Header.Get("Authorization") == "":
		w.Header().Set("WWW-Authenticate", `Bearer authorization="`+base+`", resource="https://vault.azure.net"`)
		faultAzureRefuse(w, r, http.StatusUnauthorized)
	case name == missing:
		faultAzureRefuse(w, r, http.StatusNotFound)
	default:
		faultSend(w, "application/json", 200, map[string]any{
			"value": faultValue, "id": "https://" + r.Host + "/secrets/" + name + "/0123456789abcdef0123456789abcdef",
			"attributes": map[string]any{"enabled": true, "created": 1767225600, "updated": 1767225600},
		})
	}
}

func faultAzureRefuse(w http.ResponseWriter, _ *faultRequest, status int) {
	code := map[int]string{
		401: "Unauthorized", 403: "Forbidden", 404: "SecretNotFound", 429: "Throttled", 500: "InternalServerError", 503: "ServiceUnavailable",
	}[status]
	faultSend(w, "application/json", status, map[string]any{"error": map[string]any{"code": code, "message": "no, " + faultToken}})
}
