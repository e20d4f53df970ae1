package azuretest

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azfake "github.com/Azure/azure-sdk-for-go/sdk/azcore/fake"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets/fake"
)

// Vault is one vault.
type Vault struct {
	host      string
	transport *fake.ServerTransport

	lock    sync.Mutex
	secrets map[string][]azsecrets.Secret // by name in lower case; the newest last

	// PEM is what a certificate is converted to, by name.
	PEM    map[string]string // what a certificate is converted to
	serial int
}

func newVault(host string) *Vault {
	f := &Vault{host: host, secrets: map[string][]azsecrets.Secret{}, PEM: map[string]string{}}
	f.transport = fake.NewServerTransport(&fake.Server{
		GetSecret: f.get, SetSecret: f.set, DeleteSecret: f.delete, NewListSecretPropertiesPager: f.list,
	})
	return f
}

// Put stores a new version, which change may alter.
func (f *Vault) Put(name, value string, change ...func(*azsecrets.Secret)) string {
	f.lock.Lock()
	defer f.lock.Unlock()
	f.serial++
	version := fmt.Sprintf("%032x", f.serial)
	now := time.Now().UTC().Truncate(time.Second)
	s := azsecrets.Secret{
		ID: to.Ptr(azsecrets.ID("https://" + f.host + "/secrets/" + name + "/" + version)), Value: &value,
		Attributes: &azsecrets.SecretAttributes{Enabled: to.Ptr(true), Created: &now, Updated: &now},
	}
	for _, alter := range change {
		alter(&s)
	}
	f.secrets[strings.ToLower(name)] = append(f.secrets[strings.ToLower(name)], s)
	return version
}

func (f *Vault) get(_ context.Context, name, version string, o *azsecrets.GetSecretOptions) (resp azfake.Responder[azsecrets.GetSecretResponse], fail azfake.ErrorResponder) {
	f.lock.Lock()
	defer f.lock.Unlock()
	all := f.secrets[strings.ToLower(name)]
	i := len(all) - 1
	if version != "" {
		i = slices.IndexFunc(all, func(s azsecrets.Secret) bool { return strings.HasSuffix(string(*s.ID), "/"+version) })
	}
	if i < 0 {
		fail.SetResponseError(http.StatusNotFound, "SecretNotFound")
		return
	}
	s := all[i]
	if !*s.Attributes.Enabled {
		fail.SetResponseError(http.StatusForbidden, "Forbidden/SecretDisabled")
		return
	}
	if o != nil && o.OutContentType != nil {
		s.Value, s.ContentType = to.Ptr(f.PEM[name]), to.Ptr(string(azsecrets.ContentTypePEM))
	}
	resp.SetResponse(http.StatusOK, azsecrets.GetSecretResponse{Secret: s}, nil)
	return
}

func (f *Vault) set(_ context.Context, name string, in azsecrets.SetSecretParameters, _ *azsecrets.SetSecretOptions) (resp azfake.Responder[azsecrets.SetSecretResponse], fail azfake.ErrorResponder) {
	f.Put(name, *in.Value)
	f.lock.Lock()
	defer f.lock.Unlock()
	all := f.secrets[strings.ToLower(name)]
	resp.SetResponse(http.StatusOK, azsecrets.SetSecretResponse{Secret: all[len(all)-1]}, nil)
	return
}

func (f *Vault) delete(_ context.Context, name string, _ *azsecrets.DeleteSecretOptions) (resp azfake.Responder[azsecrets.DeleteSecretResponse], fail azfake.ErrorResponder) {
	f.lock.Lock()
	defer f.lock.Unlock()
	if len(f.secrets[name]) == 0 {
		fail.SetResponseError(http.StatusNotFound, "SecretNotFound")
		return
	}
	delete(f.secrets, name)
	resp.SetResponse(http.StatusOK, azsecrets.DeleteSecretResponse{}, nil)
	return
}

// list gives pages of two.
func (f *Vault) list(*azsecrets.ListSecretPropertiesOptions) (resp azfake.PagerResponder[azsecrets.ListSecretPropertiesResponse]) {
	f.lock.Lock()
	defer f.lock.Unlock()
	var items []*azsecrets.SecretProperties
	for _, all := range f.secrets {
		s := all[len(all)-1]
		id := string(*s.ID)
		items = append(items, &azsecrets.SecretProperties{ID: to.Ptr(azsecrets.ID(id[:strings.LastIndexByte(id, '/')])), Attributes: s.Attributes})
	}
	for page := range slices.Chunk(items, 2) {
		resp.AddPage(http.StatusOK, azsecrets.ListSecretPropertiesResponse{SecretPropertiesListResult: azsecrets.SecretPropertiesListResult{Value: page}}, nil)
	}
	return
}

// serve answers a request by way of the generated fake.
func (f *Vault) serve(w http.ResponseWriter, r *http.Request) {
	resource := "https://vault.azure.net" // of an emulator
	if _, domain, _ := strings.Cut(f.host, "."); strings.HasPrefix(domain, "vault.") {
		resource = "https://" + domain
	}
	if r.Header.Get("Authorization") == "" {
		Challenge(w, `Bearer authorization="https://login.microsoftonline.com/`+Tenant+`", resource="`+resource+`"`)
		return
	}
	if r.Header.Get("Authorization") != "Bearer "+Token(resource) {
		Refuse(w, http.StatusUnauthorized, "Unauthorized", "")
		return
	}
	operation := "Client.GetSecret"
	switch {
	case strings.Trim(r.URL.Path, "/") == "secrets", strings.Contains(r.URL.Path, "fake_page"):
		operation = "Client.NewListSecretPropertiesPager"
	case r.Method == http.MethodPut:
		operation = "Client.SetSecret"
	case r.Method == http.MethodDelete:
		operation = "Client.DeleteSecret"
	}
	in := r.Clone(context.WithValue(r.Context(), runtime.CtxAPINameKey{}, operation))
	in.URL.Scheme, in.URL.Host = "https", r.Host
	answer, err := f.transport.Do(in)
	var known *azcore.ResponseError
	switch {
	case errors.As(err, &known):
		code, inner, _ := strings.Cut(known.ErrorCode, "/")
		Refuse(w, known.StatusCode, code, inner)
	case err != nil:
		w.WriteHeader(http.StatusInternalServerError)
	default:
		defer answer.Body.Close() //nolint:errcheck // of the fake
		w.Header().Set("X-Ms-Request-Id", "request-1")
		w.WriteHeader(answer.StatusCode)
		io.Copy(w, answer.Body) //nolint:errcheck // the client may have gone
	}
}

// Challenge answers with a challenge.
func Challenge(w http.ResponseWriter, header string) {
	w.Header().Set("WWW-Authenticate", header)
	Refuse(w, http.StatusUnauthorized, "Unauthorized", "")
}

// Refuse answers with an error as Key Vault words it.
func Refuse(w http.ResponseWriter, status int, code, inner string) {
	body := map[string]any{"code": code, "message": "Caller is not authorized.\r\nCaller: appid=" + ClientID + ";oid=" + ObjectID + ";iss=https://sts.windows.net/x/ hunter2-in-a-message"}
	if inner != "" {
		body["innererror"] = map[string]any{"code": inner}
	}
	w.Header().Set("X-Ms-Request-Id", "request-2")
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"error": body}) //nolint:errcheck // the client may have gone
}

// login is Entra ID for one tenant and one application.
func (c *World) login(w http.ResponseWriter, r *http.Request) {
	base := "https://" + r.Host + "/" + Tenant
	switch {
	case strings.HasSuffix(r.URL.Path, "/common/discovery/instance"):
		Reply(w, map[string]any{
			"tenant_discovery_endpoint": base + "/v2.0/.well-known/openid-configuration",
			"metadata":                  []any{map[string]any{"preferred_network": r.Host, "preferred_cache": r.Host, "aliases": []string{r.Host}}},
		})
	case strings.HasSuffix(r.URL.Path, "/.well-known/openid-configuration"):
		Reply(w, map[string]any{
			"authorization_endpoint": base + "/oauth2/v2.0/authorize", "token_endpoint": base + "/oauth2/v2.0/token", "issuer": base + "/v2.0",
		})
	case strings.HasSuffix(r.URL.Path, "/oauth2/v2.0/token"):
		c.token(w, r)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (c *World) token(w http.ResponseWriter, r *http.Request) {
	r.ParseForm() //nolint:errcheck // what is missing is refused
	proof := cmp.Or(r.PostForm.Get("client_secret"), r.PostForm.Get("client_assertion"))
	c.lock.Lock()
	c.logins = append(c.logins, proof)
	c.lock.Unlock()
	if r.PostForm.Get("client_id") != ClientID || proof == "" || proof == "wrong" {
		EntraError(w, "invalid_client", "AADSTS7000215: Invalid client secret provided: "+proof)
		return
	}
	scope, _, _ := strings.Cut(r.PostForm.Get("scope"), "/.default")
	Reply(w, map[string]any{"token_type": "Bearer", "expires_in": 3600, "access_token": Token(scope)})
}

// EntraError answers with an error as Entra ID words it.
func EntraError(w http.ResponseWriter, code, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusUnauthorized)
	json.NewEncoder(w).Encode(map[string]any{"error": code, "error_description": text}) //nolint:errcheck // the client may have gone
}

// Reply answers with JSON.
func Reply(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(body) //nolint:errcheck // the client may have gone
}

// Token is one in the form that Entra ID has.
func Token(audience string) string {
	part := func(v any) string {
		b, _ := json.Marshal(v) //nolint:errcheck // of texts
		return base64.RawURLEncoding.EncodeToString(b)
	}
	u, _ := url.Parse(audience) //nolint:errcheck // compared below
	return part(map[string]any{"alg": "none"}) + "." + part(map[string]any{"aud": u.String(), "appid": ClientID, "oid": ObjectID, "tid": Tenant}) + ".c2ln"
}
