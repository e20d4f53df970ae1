package vault

import (
	"context"
	"errors"
	"net/http"
	"sync"

	"github.com/pyleeai/pylee/providers"
)

// authenticate makes a session by the method of the settings.
func (e *endpoint) authenticate(ctx context.Context) (*session, error) {
	switch a := &e.p.auth; a.method {
	case byChain:
		return e.p.chain(ctx)
	case byAgent:
		return &session{how: "the token of the agent at " + e.address.String(), looked: true}, nil
	case byToken:
		token, err := a.secret.read()
		if err != nil {
			return nil, err
		}
		return tokenSession(token, "the token in auth."+a.secret.name)
	}
	return e.loginWith(ctx)
}

// loginWith logs in at auth/<mount>/login with what the method wants there.
func (e *endpoint) loginWith(ctx context.Context) (*session, error) {
	a := &e.p.auth
	path, body, secrets, err := e.credentials(ctx)
	if err != nil {
		return nil, err
	}
	what := "login at " + path
	answer, err := e.repeat(ctx, request{method: http.MethodPut, path: path, body: body, namespace: e.tokenNamespace()}, what, secrets...)
	if err != nil {
		return nil, e.loginFailed(err, what, secrets)
	}
	if answer == nil || answer.Auth == nil || answer.Auth.ClientToken == "" {
		if answer != nil && answer.RequestID == "" {
			return nil, e.noAnswer("holds no token")
		}
		hint := ""
		if answer != nil && answer.Auth != nil && answer.Auth.MFARequirement != nil {
			hint = "the role asks for a second factor, which a program does not have: exempt it"
		}
		return nil, unauthenticated(what+" gave no token", hint)
	}
	s := &session{token: providers.NewValue([]byte(answer.Auth.ClientToken)), how: "the token of the login at auth/" + a.mount, made: true}
	s.grant(answer.Auth, e.p.now())
	return s, nil
}

// credentials returns where and with what to log in, and which of it is secret.
func (e *endpoint) credentials(ctx context.Context) (path string, body map[string]any, secrets []providers.Value, err error) {
	a := &e.p.auth
	path, body = joinPath("auth", a.mount, "login"), map[string]any{}
	put := func(name string, read func() (providers.Value, error)) {
		if err != nil {
			return
		}
		var value providers.Value
		if value, err = read(); err == nil {
			body[name] = string(value.Reveal())
			secrets = append(secrets, value)
		}
	}
	switch a.method {
	case byAppRole:
		put("role_id", a.roleID.read)
		if a.secret.given() {
			put("secret_id", func() (providers.Value, error) { return e.secretID(ctx) })
		}
	case byKubernetes:
		body["role"] = a.role
		put("jwt", a.secret.read)
	case byJWT:
		if a.role != "" {
			body["role"] = a.role
		}
		if a.audience != "" {
			put("jwt", func() (providers.Value, error) { return e.p.actionsToken(ctx) })
		} else {
			put("jwt", a.secret.read)
		}
	case byCert:
		if a.role != "" {
			body["name"] = a.role
		}
	case byLDAP, byUserpass:
		path = joinPath(path, a.username)
		put("password", a.secret.read)
	case byAWS:
		body, err = e.p.iam(ctx)
	}
	return path, body, secrets, err
}

// loginFailed explains a login that was refused: these servers answer 400 as well as 403.
func (e *endpoint) loginFailed(err error, what string, secrets []providers.Value) error {
	var r *refusal
	if !errors.As(err, &r) {
		return err
	}
	mapped := e.failed(err, what, secrets...)
	switch r.status {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusUnauthorized, http.StatusUnprocessableEntity:
		detail, hint := e.address.String()+": "+what+" was refused", e.loginHint()
		said := r.text(secrets...)
		if said != "" {
			detail += ": " + said
		}
		if said == "permission denied" { // also where nothing is mounted
			hint = "is the method mounted at auth/" + e.p.auth.mount + ", in this namespace (auth.mount, auth.namespace)? " + hint
		}
		return &providers.Error{Kind: providers.ErrUnauthenticated, Detail: detail, Hint: hint, Debug: r.debug}
	case http.StatusNotFound:
		if providers.KindOf(mapped) == providers.ErrInvalid { //nolint:errorlint // KindOf returns these
			return mapped
		}
		return &providers.Error{
			Kind: providers.ErrInvalid, Detail: e.address.String() + ": " + what + ": no auth method is mounted there",
			Hint: e.p.kind + " auth list; then set auth.mount, or auth.namespace, in providers." + e.p.instance,
		}
	}
	return mapped
}

func (e *endpoint) loginHint() string {
	a, p := &e.p.auth, e.p
	at := "auth/" + a.mount
	switch a.method {
	case byAppRole:
		return "is the role_id right, and the secret_id neither used up nor expired? a new one: " + p.tool("write", "-f", at+"/role/ROLE/secret-id")
	case byKubernetes, byJWT:
		return "compare the token's issuer, audience and subject with the role: " + p.tool("read", at+"/role/"+a.role)
	case byCert:
		return "compare the certificate in tls.cert_file with the role: " + p.tool("read", at+"/certs/"+a.role)
	case byAWS:
		return "compare aws sts get-caller-identity with the role: " + p.tool("read", at+"/role/"+a.role)
	}
	return "try it by hand: " + p.tool("login", "-method="+a.method, "-path="+a.mount, "username="+a.username)
}

// secretID returns the secret_id of an AppRole, and unwraps it if it is wrapped. A
// wrapping token works once: that somebody was faster is told apart, because it may be
// a theft. https://developer.hashicorp.com/vault/docs/concepts/response-wrapping
func (e *endpoint) secretID(ctx context.Context) (providers.Value, error) {
	a := &e.p.auth
	value, err := a.secret.read()
	if err != nil || !a.wrapped {
		return value, err
	}
	if id, ok := e.p.unwrapped.get(value); ok {
		return id, nil
	}
	if err := checkToken(value, "auth."+a.secret.name); err != nil {
		return providers.Value{}, err
	}
	unwrap := request{method: http.MethodPut, path: "sys/wrapping/unwrap", token: value, namespace: e.tokenNamespace(), once: true}
	answer, err := e.repeat(ctx, unwrap, "unwrapping the secret_id", value)
	var r *refusal
	if errors.As(err, &r) && (r.status == http.StatusBadRequest || r.status == http.StatusForbidden || r.status == http.StatusNotFound) {
		return providers.Value{}, unauthenticated(
			"the wrapping token in auth."+a.secret.name+" was used already, or has expired: if nobody of yours used it, the secret_id is in wrong hands",
			"find out who unwrapped it (audit log), then make a new one: "+e.p.tool("write", "-wrap-ttl=5m", "-f", "auth/"+a.mount+"/role/ROLE/secret-id"))
	}
	if err != nil {
		return providers.Value{}, e.failed(err, "unwrapping the secret_id", value)
	}
	var id string
	if answer != nil {
		id = text(answer.Data, "secret_id")
	}
	if id == "" {
		return providers.Value{}, unauthenticated("what was wrapped in auth."+a.secret.name+" is no secret_id", "")
	}
	return e.p.unwrapped.keep(value, providers.NewValue([]byte(id))), nil
}

// unwrapped keeps a secret_id for the next login, since it cannot be unwrapped again.
type unwrapped struct {
	lock      sync.Mutex
	token, id providers.Value
}

func (u *unwrapped) get(token providers.Value) (id providers.Value, ok bool) {
	u.lock.Lock()
	defer u.lock.Unlock()
	return u.id, u.id.Reveal() != nil && u.token.Equal(token)
}

func (u *unwrapped) keep(token, id providers.Value) providers.Value {
	u.lock.Lock()
	defer u.lock.Unlock()
	u.token, u.id = token, id
	return id
}
