package azure

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/providers/transport"
)

// loginError is why a link gave no token, with what became of its last request.
type loginError struct {
	error
	witness *witness
}

// Unwrap returns the error of the source.
func (e *loginError) Unwrap() error { return e.error }

// codes are those of Entra ID (Microsoft, "Microsoft Entra authentication and
// authorization error codes") that tell what to do.
var codes = map[string]struct{ detail, hint string }{
	"AADSTS7000215": {"the client secret is wrong: it may be its id instead of its value", ""},
	"AADSTS7000222": {"the client secret has expired", "az ad app credential reset --append --id CLIENT-ID"},
	"AADSTS700016":  {"the tenant does not know the application", "check client_id and tenant: az ad app show --id CLIENT-ID"},
	"AADSTS7000229": {"the application has no service principal in the tenant", "az ad sp create --id CLIENT-ID"},
	"AADSTS7000112": {"the application is disabled", ""},
	"AADSTS90002":   {"there is no such tenant", "az account list --query '[].tenantId'"},
	"AADSTS900023":  {"the tenant is neither an id nor a domain", "az account list --query '[].tenantId'"},
	"AADSTS700027":  {"the application does not know the certificate, or its signature is wrong", ""},
	"AADSTS700024":  {"the token or certificate is outside of its time", "check the clock of this machine (date)"},
	"AADSTS70021":   {"no federated credential of the application fits the token", ""},
	"AADSTS700211":  {"no federated credential of the application has the issuer of the token", ""},
	"AADSTS700213":  {"no federated credential of the application has the subject of the token", ""},
	"AADSTS700212":  {"no federated credential of the application has the audience of the token", ""},
	"AADSTS53003":   {"a conditional access policy forbids it", ""},
	"AADSTS50076":   {"a second factor is wanted", "az login"},
	"AADSTS700082":  {"the login has expired", "az login"},
	"AADSTS70043":   {"the login has expired", "az login"},
	"AADSTS50173":   {"the login was revoked", "az login"},
}

// failure returns what an error of the link means. What Entra ID wrote is not repeated,
// but for codes.
func (l *link) failure(err error) *providers.Error {
	e := loginFailure(err)
	if e.Kind == providers.ErrUnauthenticated || e.Kind == providers.ErrInvalid { //nolint:errorlint // loginFailure sets these
		e.Kind, e.Hint = providers.ErrUnauthenticated, first(e.Hint, l.hint)
	}
	return e
}

func loginFailure(err error) *providers.Error {
	var failed *loginError
	errors.As(err, &failed)
	var known *providers.Error
	if errors.As(err, &known) {
		copied := *known
		return &copied
	}
	if failed != nil && failed.witness.err != nil {
		if e, ok := transport.FromNetwork(failed.witness.err, "the login"); ok {
			copied := *e
			return &copied
		}
	}
	answer := answerOf(err, failed)
	if answer == nil {
		return unauthenticated("gives no token", "")
	}
	e := transport.FromStatus(answer.StatusCode, answer.Header)
	code, short := entraCode(answer)
	switch {
	case e == nil:
		return &providers.Error{
			Kind: providers.ErrUnavailable, Detail: "the answer of " + answerHost(answer) + " is no token",
			Hint: "check what answers there; a proxy may have",
		}
	case e.Kind == providers.ErrThrottled || e.Kind == providers.ErrUnavailable: //nolint:errorlint // FromStatus sets these
		e.Detail, e.Hint = answerHost(answer)+": "+e.Detail, hints[providers.ErrUnavailable]
		return e
	case codes[code].detail != "":
		e.Detail, e.Hint = codes[code].detail+" ("+code+")", codes[code].hint
	default:
		e.Hint = ""
		e.Detail = answerHost(answer) + ": " + first(strings.TrimSpace(short+" "+code), e.Detail)
		if answerHost(answer) == metadataHost && answer.StatusCode == http.StatusBadRequest {
			e.Detail = "no such identity is assigned to this machine (" + e.Detail + ")"
		}
	}
	e.Kind = providers.ErrUnauthenticated
	return e
}

func answerOf(err error, failed *loginError) *http.Response {
	var refused *azidentity.AuthenticationFailedError
	if errors.As(err, &refused) && refused.RawResponse != nil {
		return refused.RawResponse
	}
	if failed != nil {
		return failed.witness.answer
	}
	return nil
}

func answerHost(answer *http.Response) string {
	if answer.Request == nil {
		return "the login"
	}
	return answer.Request.URL.Host
}

// entraCode returns the code of an error, and the short one of OAuth 2.0 (RFC 6749,
// 5.2); empty for none.
func entraCode(answer *http.Response) (code, short string) {
	var said struct {
		Error       json.RawMessage `json:"error"` // a text, but of App Service an object
		Description string          `json:"error_description"`
	}
	body, err := runtime.Payload(answer)
	if err != nil || json.Unmarshal(body, &said) != nil {
		return "", ""
	}
	if json.Unmarshal(said.Error, &short) != nil || !isCode(short) {
		short = ""
	}
	return strings.Trim(aadsts(said.Description), " ()"), short
}

// aadsts returns the first code of Entra ID in a text, as " (AADSTS700016)".
func aadsts(text string) string {
	_, rest, ok := strings.Cut(text, "AADSTS")
	n := 0
	for n < len(rest) && n < 10 && rest[n] >= '0' && rest[n] <= '9' {
		n++
	}
	if !ok || n == 0 {
		return ""
	}
	return " (AADSTS" + rest[:n] + ")"
}
