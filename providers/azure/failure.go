package azure

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/pyleeai/pylee/internal/command"
	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/providers/transport"
)

// closedError is the error of a vault that answers nothing, whatever is asked.
type closedError struct{ err *providers.Error }

func (e *closedError) Error() string { return e.err.Error() }

// Unwrap returns the error as plain data.
func (e *closedError) Unwrap() error { return e.err }

// isAnswer tells of an error that a vault gave to a request with a token.
func isAnswer(err error) bool {
	var answer *azcore.ResponseError
	return errors.As(err, &answer) && answer.StatusCode != http.StatusUnauthorized
}

// failure returns the error of a request to v. What the vault wrote is not repeated, but
// for parts that look like what they should be.
func (v *vault) failure(ctx context.Context, err error, what request) error {
	if done := ctx.Err(); done != nil {
		return done
	}
	var answer *azcore.ResponseError
	if errors.As(err, &answer) {
		return v.explain(answer, what)
	}
	origin := "https://" + v.host
	e, ok := transport.FromNetwork(err, origin)
	switch {
	case !ok && strings.Contains(err.Error(), "unmarshalling type "): // azcore, of a 200 that broke off or is of another
		return v.damaged("it is not the JSON of a key vault")
	case !ok:
		e = invalid(origin+": the answer is not that of a key vault", "check the name of the vault")
	case e.Detail == origin+": no such host":
		e = invalid("no such vault: "+v.host+" does not exist", "az keyvault list --query '[].name' -o tsv; behind a private endpoint, check its DNS zone")
	}
	copied := *e
	return &closedError{&copied}
}

// damaged is the error of a 200 that a vault cannot have given.
func (v *vault) damaged(why string) *providers.Error {
	return &providers.Error{
		Kind: providers.ErrUnavailable, Detail: "https://" + v.host + ": the answer is damaged: " + why,
		Hint: "check the name of the vault, and what stands before it: a proxy or a login page",
	}
}

// refusal is the body of an error of Key Vault.
type refusal struct {
	Error struct {
		Code       string `json:"code"`
		Message    string `json:"message"`
		InnerError struct {
			Code string `json:"code"`
		} `json:"innererror"`
	} `json:"error"`
}

// refusalOf reads the body of an error.
func refusalOf(answer *http.Response) refusal {
	var r refusal
	if answer == nil {
		return r
	}
	if body, err := runtime.Payload(answer); err == nil {
		json.Unmarshal(body, &r) //nolint:errcheck // without a body there is the status
	}
	if !isCode(r.Error.Code) {
		r.Error.Code = ""
	}
	if !isCode(r.Error.InnerError.Code) {
		r.Error.InnerError.Code = ""
	}
	return r
}

// isCode tells whether text can be a code of Azure.
func isCode(text string) bool { return len(text) <= 60 && only(text, "_.") }

// explain returns what the answer of a vault means.
func (v *vault) explain(answer *azcore.ResponseError, what request) error {
	said := refusalOf(answer.RawResponse)
	code := first(said.Error.InnerError.Code, said.Error.Code)
	e := transport.FromStatus(answer.StatusCode, header(answer.RawResponse))
	if e == nil {
		return v.damaged("its body broke off")
	}
	if code != "" {
		e.Detail = code + " (" + e.Detail + ")"
	}
	switch answer.StatusCode {
	case http.StatusUnauthorized:
		e.Detail += ": the vault does not accept the token of " + v.chain.who()
		e.Hint = "check that the identity is of the vault's tenant: az keyvault show --name " + what.vaultName() + " --query properties.tenantId"
	case http.StatusForbidden:
		v.denied(e, code, callerOf(said.Error.Message), what)
	case http.StatusNotFound:
		v.missing(e, code, what)
	case http.StatusConflict:
		e.Kind = providers.ErrInvalid
		if strings.Contains(code, "Deleted") {
			e.Detail = what.name + " was deleted and still holds its name (" + code + ")"
			e.Hint = what.az("recover")
		}
	}
	if e.Kind == providers.ErrInvalid || e.Kind == providers.ErrThrottled || e.Kind == providers.ErrUnavailable { //nolint:errorlint // FromStatus sets these
		e.Detail = "https://" + v.host + ": " + e.Detail
		e.Hint = first(e.Hint, hints[e.Kind])
	}
	return e
}

// hints are for answers that say no more than their status.
var hints = map[error]string{
	providers.ErrInvalid:     "check the address: this does not look like a key vault",
	providers.ErrThrottled:   "run it again later; the limits: https://learn.microsoft.com/azure/key-vault/general/service-limits",
	providers.ErrUnavailable: "run it again later; outages: https://azure.status.microsoft",
}

// denied explains a 403 (Azure, "Key Vault REST API error codes").
func (v *vault) denied(e *providers.Error, code string, by caller, what request) {
	who := first(by.object, "OBJECT-ID")
	e.Detail = "access denied (" + first(code, "no reason given") + "): " + what.action + " in " + what.vaultName() + ", as " + v.chain.who() + by.text()
	switch code {
	case "SecretDisabled":
		e.Kind, e.Reason = providers.ErrNotFound, providers.ReasonDeleted
		e.Detail = "the secret " + what.vaultName() + "/" + what.name + " is disabled"
		e.Hint = what.az("set-attributes", "--enabled", "true")
	case "SecretExpired", "SecretNotYetValid":
		e.Kind, e.Reason = providers.ErrNotFound, providers.ReasonDeleted
		e.Detail = "the secret " + what.vaultName() + "/" + what.name + " is outside of its time (" + code + ")"
		e.Hint = what.az("show", "--query", "attributes")
	case "ForbiddenByPolicy", "AccessDenied":
		e.Hint = command.Line([]string{"az", "keyvault", "set-policy", "--name", what.vaultName(), "--secret-permissions", what.action, "--object-id", who})
	case "ForbiddenByFirewall":
		e.Hint = command.Line([]string{"az", "keyvault", "network-rule", "add", "--name", what.vaultName(), "--ip-address", "ADDRESS"}) + "; or use the private endpoint of the vault"
	case "ForbiddenByConnection":
		e.Hint = "the vault is closed to public networks: use its private endpoint"
	case "":
		e.Hint = "the answer names no reason; a proxy or a firewall may have given it"
	default:
		e.Hint = command.Line([]string{"az", "role", "assignment", "create", "--role", what.role(), "--assignee", who, "--scope"}) +
			` "$(az keyvault show --name ` + what.vaultName() + ` --query id -o tsv)"; a new grant takes some minutes`
	}
}

// role is the built-in one that allows an action.
func (r request) role() string {
	if r.action == "get" || r.action == "list" {
		return "Key Vault Secrets User"
	}
	return "Key Vault Secrets Officer"
}

// missing explains a 404. One that is not of Key Vault must not make a default stand in
// for a wrong address.
func (v *vault) missing(e *providers.Error, code string, what request) {
	switch {
	case strings.Contains(code, "Deleted"):
		e.Reason = providers.ReasonDeleted
		e.Detail = "the secret " + what.vaultName() + "/" + what.name + " was deleted (" + code + ")"
		e.Hint = what.az("recover")
	case strings.HasPrefix(code, "Secret"), strings.HasPrefix(code, "Certificate"):
		e.Detail = "there is no secret " + what.name + " in " + what.vaultName()
		e.Hint = command.Line([]string{"az", "keyvault", "secret", "list", "--vault-name", what.vaultName(), "--query", "[].name", "-o", "tsv"}) + "; deleted ones: az keyvault secret list-deleted"
		if what.version != "" {
			e.Detail += " with version " + what.version
			e.Hint = what.az("list-versions")
		}
	default:
		e.Kind, e.Hint = providers.ErrInvalid, "check the address: this does not look like a key vault"
	}
}

// az returns a command about the secret.
func (r request) az(verb string, more ...string) string {
	argv := []string{"az", "keyvault", "secret", verb, "--vault-name", r.vaultName(), "--name", r.name}
	if r.version != "" && verb != "recover" && verb != "list-versions" {
		argv = append(argv, "--version", r.version)
	}
	return command.Line(append(argv, more...))
}

// caller is whom the vault saw.
type caller struct{ application, object string }

// callerOf reads the sentence of a refusal: "Caller: appid=GUID;oid=GUID;iss=...".
func callerOf(message string) caller {
	return caller{idAfter(message, "appid="), idAfter(message, "oid=")}
}

func idAfter(text, mark string) string {
	_, rest, ok := strings.Cut(text, mark)
	if !ok || len(rest) < 36 || !isGUID(rest[:36]) {
		return ""
	}
	return rest[:36]
}

func (c caller) text() string {
	if c.object == "" {
		return ""
	}
	return " (object id " + c.object + ")"
}

// isGUID tells of 36 hexadecimal digits and hyphens, as ids of Entra ID are.
func isGUID(text string) bool {
	return len(text) == 36 && strings.Count(text, "-") == 4 && only(text, "-")
}

func header(answer *http.Response) http.Header {
	if answer == nil {
		return nil
	}
	return answer.Header
}
