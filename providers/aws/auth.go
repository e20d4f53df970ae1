package aws

import (
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/pyleeai/pylee/providers"
)

// The methods of the setting auth. Each but the first takes one link of the chain and
// no other.
const (
	methodDefault     = "default"
	methodEnvironment = "environment"
	methodProfile     = "profile"
	methodWebIdentity = "web_identity"
	methodContainer   = "container"
	methodInstance    = "instance"
	methodStatic      = "static"
)

// authKeys are the methods, and what the map of each may hold.
var authKeys = map[string][]string{
	methodDefault:     nil,
	methodEnvironment: nil,
	methodProfile:     nil,
	methodWebIdentity: {"role_arn", "token_file", "session_name"},
	methodContainer:   nil,
	methodInstance:    nil,
	methodStatic:      {"access_key_id", "secret_access_key", "session_token"},
}

// auth is the setting auth: a method, or a map with one.
type auth struct {
	method string
	text   map[string]string          // by key
	keys   map[string]providers.Value // those that may be secret
}

func parseAuth(v any) (auth, error) {
	a := auth{method: methodDefault, text: map[string]string{}, keys: map[string]providers.Value{}}
	switch v := v.(type) {
	case nil:
	case string:
		a.method = v
	case map[string]any:
		for name, item := range v {
			text, ok := item.(string)
			if !ok || text == "" {
				return auth{}, bad("auth."+name, "is not a text")
			}
			if slices.Contains(authKeys[methodStatic], name) {
				a.keys[name] = providers.NewValue([]byte(text))
				text = providers.Redacted
			}
			a.text[name] = text
		}
		if a.text["method"] == "" {
			return auth{}, bad("auth", "has no method; known: "+methods())
		}
		a.method = a.text["method"]
		delete(a.text, "method")
	default:
		return auth{}, bad("auth", "is neither a method nor a map with one")
	}
	return a, a.check()
}

func (a auth) check() error {
	known, ok := authKeys[a.method]
	if !ok {
		return bad("auth", "has an unknown method; known: "+methods())
	}
	for name := range a.text {
		if !slices.Contains(known, name) {
			return bad("auth", "has no "+strconv.Quote(name)+" for method "+a.method)
		}
	}
	switch {
	case a.method == methodStatic && (a.text["access_key_id"] == "" || a.text["secret_access_key"] == ""):
		return bad("auth", "needs access_key_id and secret_access_key")
	case a.text["role_arn"] != "" && (where{role: a.text["role_arn"]}).fault() != nil:
		return bad("auth.role_arn", "is not the ARN of a role, arn:aws:iam::123456789012:role/NAME")
	}
	return nil
}

func methods() string {
	names := make([]string, 0, len(authKeys))
	for name := range authKeys {
		names = append(names, name)
	}
	sort.Strings(names)
	return strings.Join(names, ", ")
}
