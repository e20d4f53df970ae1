package azure

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/providers/transport"
)

// probeTimeout is how long the metadata service of a machine may take to be there. It
// answers in milliseconds; where there is none, nobody should wait.
const probeTimeout = time.Second

// The names by which AZURE_TOKEN_CREDENTIALS selects links, in lower case.
var selections = map[string][]string{
	"":                           {byEnvironment, byWorkload, byManaged, byCLI},
	"prod":                       {byEnvironment, byWorkload, byManaged},
	"dev":                        {byCLI},
	"environmentcredential":      {byEnvironment},
	"workloadidentitycredential": {byWorkload},
	"managedidentitycredential":  {byManaged},
	"azureclicredential":         {byCLI},
}

// links returns those of the settings, in the order to ask.
func (p *provider) links(authority string) []link {
	m := maker{p, authority}
	makers := map[string]func(guess bool) link{
		byEnvironment: m.environment, bySecret: m.secret, byCertificate: m.certificate,
		byWorkload: m.workload, byManaged: m.managed, byCLI: m.cli,
	}
	if p.auth.method != byDefault {
		return []link{makers[p.auth.method](false)}
	}
	names, ok := selections[strings.ToLower(p.environ["AZURE_TOKEN_CREDENTIALS"])]
	if !ok {
		return []link{{name: "AZURE_TOKEN_CREDENTIALS", source: broken{unauthenticated("names a credential that is not known here",
			"dev, prod, EnvironmentCredential, WorkloadIdentityCredential, ManagedIdentityCredential or AzureCLICredential")}}}
	}
	var all []link
	for _, name := range names {
		all = append(all, makers[name](true))
	}
	return all
}

// maker makes the links for an authority.
type maker struct {
	p         *provider
	authority string
}

func (m maker) options() azcore.ClientOptions {
	return clientOptions(m.p.sender(m.p.remote), m.authority)
}

// private tells of an authority that is not Microsoft's, about which the SDK does not
// ask Microsoft.
func (m maker) private() bool {
	return !slices.Contains([]string{
		cloud.AzurePublic.ActiveDirectoryAuthorityHost, cloud.AzureChina.ActiveDirectoryAuthorityHost, cloud.AzureGovernment.ActiveDirectoryAuthorityHost,
	}, m.authority)
}

// text returns a setting of the identity, else the variable.
func (m maker) text(setting, variable string) string {
	return first(m.p.auth.text[setting], m.p.environ[variable])
}

func (m maker) tenants() []string {
	if text := m.p.environ["AZURE_ADDITIONALLY_ALLOWED_TENANTS"]; text != "" {
		return strings.Split(text, ";")
	}
	return nil
}

// finish puts the source of a link in, or why there is none.
func (l link) finish(source azcore.TokenCredential, err error) link {
	if err != nil {
		var known *providers.Error
		if !errors.As(err, &known) {
			known = unauthenticated("cannot be used as it is set: check tenant and client_id; the key of a certificate must be RSA", "")
		}
		source = broken{known}
	}
	l.source, l.guess = source, false
	return l
}

// environment is the link of a service principal in the environment, with a secret or
// a certificate.
func (m maker) environment(bool) link {
	e, l := m.p.environ, link{name: byEnvironment}
	for _, name := range []string{"AZURE_TENANT_ID", "AZURE_CLIENT_ID"} {
		if e[name] == "" {
			l.said = name + " is not set"
			return l
		}
	}
	a := auth{text: map[string]string{"tenant": e["AZURE_TENANT_ID"], "client_id": e["AZURE_CLIENT_ID"]}}
	switch {
	case e["AZURE_CLIENT_SECRET"] != "":
		a.secret = credential{name: "AZURE_CLIENT_SECRET", value: providers.NewValue([]byte(e["AZURE_CLIENT_SECRET"]))}
		return m.bySecret(l, a)
	case e["AZURE_CLIENT_CERTIFICATE_PATH"] != "":
		a.text["certificate_file"] = e["AZURE_CLIENT_CERTIFICATE_PATH"]
		a.secret = credential{name: "AZURE_CLIENT_CERTIFICATE_PASSWORD", value: providers.NewValue([]byte(e["AZURE_CLIENT_CERTIFICATE_PASSWORD"]))}
		a.sendChain = e["AZURE_CLIENT_SEND_CERTIFICATE_CHAIN"] == "1" || strings.EqualFold(e["AZURE_CLIENT_SEND_CERTIFICATE_CHAIN"], "true")
		return m.byCertificate(l, a)
	}
	l.said = "neither AZURE_CLIENT_SECRET nor AZURE_CLIENT_CERTIFICATE_PATH is set"
	return l
}

func (m maker) secret(bool) link { return m.bySecret(link{name: bySecret}, m.p.auth) }

func (m maker) certificate(bool) link { return m.byCertificate(link{name: byCertificate}, m.p.auth) }

// application completes a link of an application of a tenant.
func (m maker) application(l link, a auth) link {
	l.tenant, l.others = a.text["tenant"], m.tenants()
	l.said = "application " + a.text["client_id"] + " of tenant " + l.tenant
	l.hint = "az ad app credential list --id " + a.text["client_id"]
	return l
}

func (m maker) bySecret(l link, a auth) link {
	l = m.application(l, a)
	secret, err := a.secret.read()
	if err != nil {
		return l.finish(nil, err)
	}
	source, err := azidentity.NewClientSecretCredential(a.text["tenant"], a.text["client_id"], string(secret.Reveal()), &azidentity.ClientSecretCredentialOptions{
		ClientOptions: m.options(), AdditionallyAllowedTenants: l.others, DisableInstanceDiscovery: m.private(),
	})
	return l.finish(source, err)
}

func (m maker) byCertificate(l link, a auth) link {
	l = m.application(l, a)
	file := a.text["certificate_file"]
	data, err := readFile("certificate", file)
	if err != nil {
		return l.finish(nil, err)
	}
	password, err := a.secret.read()
	if err != nil {
		return l.finish(nil, err)
	}
	certificates, key, err := azidentity.ParseCertificates(data, password.Reveal())
	if err != nil {
		return l.finish(nil, unauthenticated(providers.QuoteName(file)+" is not a certificate and its key, in PEM without a password or in PKCS #12 as it was common before 2022",
			"openssl pkcs12 -in FILE -nodes -out certificate.pem"))
	}
	source, err := azidentity.NewClientCertificateCredential(a.text["tenant"], a.text["client_id"], certificates, key, &azidentity.ClientCertificateCredentialOptions{
		ClientOptions: m.options(), AdditionallyAllowedTenants: l.others, DisableInstanceDiscovery: m.private(), SendCertificateChain: a.sendChain,
	})
	return l.finish(source, err)
}

// workload is the link of a token in a file that Entra ID takes for an application: that
// of a pod, or of CI.
func (m maker) workload(bool) link {
	l := link{name: byWorkload}
	a := auth{text: map[string]string{"tenant": m.text("tenant", "AZURE_TENANT_ID"), "client_id": m.text("client_id", "AZURE_CLIENT_ID")}}
	file := m.text("token_file", "AZURE_FEDERATED_TOKEN_FILE")
	for _, needed := range []struct{ value, name string }{
		{file, "AZURE_FEDERATED_TOKEN_FILE"}, {a.text["tenant"], "AZURE_TENANT_ID"}, {a.text["client_id"], "AZURE_CLIENT_ID"},
	} {
		if needed.value == "" {
			l.said = needed.name + " is not set"
			return l
		}
	}
	l = m.application(l, a)
	l.said += " with the token in " + providers.QuoteName(file)
	l.hint = "check issuer, subject and audience: az identity federated-credential list, or az ad app federated-credential list --id " + a.text["client_id"]
	// The file is read each time: others renew it.
	assertion := func(ctx context.Context) (string, error) {
		token, err := readFile("token", file)
		if w, ok := ctx.Value(witnessKey{}).(*witness); ok && err != nil {
			w.err = err
		}
		return strings.TrimSpace(string(token)), err
	}
	source, err := azidentity.NewClientAssertionCredential(a.text["tenant"], a.text["client_id"], assertion, &azidentity.ClientAssertionCredentialOptions{
		ClientOptions: m.options(), AdditionallyAllowedTenants: l.others, DisableInstanceDiscovery: m.private(),
	})
	return l.finish(source, err)
}

// managed is the link of the identity of this machine.
func (m maker) managed(guess bool) link {
	l := link{name: byManaged, said: "of this machine", hint: "az vm identity assign, or name the right one: auth: {method: managed_identity, client_id: ID}"}
	o := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: clientOptions(m.p.sender(m.p.local), m.authority)}
	id := m.p.auth.text["client_id"]
	if guess {
		id = m.text("client_id", "AZURE_CLIENT_ID")
	}
	switch {
	case m.p.auth.text["object_id"] != "":
		o.ID, l.said = azidentity.ObjectID(m.p.auth.text["object_id"]), "object "+m.p.auth.text["object_id"]
	case m.p.auth.text["resource_id"] != "":
		o.ID, l.said = azidentity.ResourceID(m.p.auth.text["resource_id"]), "resource "+providers.QuoteName(m.p.auth.text["resource_id"])
	case id != "":
		o.ID, l.said = azidentity.ClientID(id), "client "+id
	}
	source, err := azidentity.NewManagedIdentityCredential(o)
	l = l.finish(source, err)
	named := slices.ContainsFunc(identityVariables, func(name string) bool { return m.p.environ[name] != "" })
	if err == nil && !named {
		l.source = &probed{TokenCredential: source, local: m.p.local}
		l.guess = guess
	}
	return l
}

// probed is a credential of the metadata service, which is looked for first: where there
// is none, a request for a token would hang.
type probed struct {
	azcore.TokenCredential
	local *transport.Client
}

// GetToken asks the service if it is there.
func (c *probed) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	limited, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	// Without the header Metadata it gives nothing.
	r, err := http.NewRequestWithContext(limited, http.MethodGet, "http://"+metadataHost+"/metadata/identity/oauth2/token", nil)
	if err != nil {
		return azcore.AccessToken{}, err
	}
	answer, err := c.local.HTTP().Do(r)
	if err != nil {
		if done := ctx.Err(); done != nil {
			return azcore.AccessToken{}, done
		}
		return azcore.AccessToken{}, unauthenticated("no metadata service at "+metadataHost, "")
	}
	answer.Body.Close() //nolint:errcheck // not read
	return c.TokenCredential.GetToken(ctx, o)
}
