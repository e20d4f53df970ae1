package vault

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/pyleeai/pylee/providers"
)

// route is what to send for a key.
type route struct {
	method string
	path   string
	query  url.Values
	body   map[string]any
	secret []providers.Value // what of the request a message must not repeat

	mount mount
	rel   string // the name of a secret in a key/value store, below the mount
	fixed bool   // one version of it was asked for
}

// what says what is done, for messages.
func (r route) what() string {
	verb := "reading "
	if r.method == http.MethodPut {
		verb = "writing "
	}
	return verb + providers.QuoteName(r.path)
}

// where returns the place of what was asked for, for messages.
func (r route) where() string {
	if r.fixed {
		return providers.QuoteName(r.path) + " with version " + r.query.Get("version")
	}
	return providers.QuoteName(r.path)
}

// other returns the path in a store of version 2, where it is not known what is there.
func (r route) other() string {
	mount, rest, below := strings.Cut(r.path, "/")
	if r.mount.kind != "" || !below || strings.HasPrefix(rest, "data/") {
		return ""
	}
	return mount + "/data/" + rest
}

func (r route) capability() string {
	if r.method == http.MethodPut {
		return "update"
	}
	return "read"
}

// route finds the path and the parameters of a key.
func (e *endpoint) route(ctx context.Context, s *session, key providers.Key) (route, error) {
	if err := checkName(key.Name); err != nil {
		return route{}, err
	}
	o := maps.Clone(key.Options)
	m, err := e.mountOf(ctx, s, key.Name, o)
	if err != nil {
		return route{}, err
	}
	method := o["method"]
	if method != "" && method != "read" && method != "write" {
		return route{}, invalid(`option "method" is neither read nor write`, "")
	}
	for _, name := range []string{"mount", "kv", "method"} {
		delete(o, name)
	}
	r := route{method: http.MethodGet, path: key.Name, mount: m, rel: strings.TrimPrefix(key.Name, m.path)}
	if m.kv > 0 {
		return r.keyValue(o, method)
	}
	return r.engine(o, method)
}

// mountOf returns the mount of a name. The options mount and kv say what cannot be asked.
func (e *endpoint) mountOf(ctx context.Context, s *session, name string, o providers.Options) (mount, error) {
	given := strings.Trim(o["mount"], "/")
	if given != "" && !strings.HasPrefix(name, given+"/") {
		return mount{}, invalid("the path "+providers.QuoteName(name)+" does not begin with the option mount", "write ${…:"+providers.QuoteName(given+"/"+name)+"?mount="+providers.QuoteOption(given)+"}")
	}
	kv := 0
	switch o["kv"] {
	case "":
	case "1", "2":
		kv, _ = strconv.Atoi(o["kv"]) //nolint:errcheck // it is one of two
	default:
		return mount{}, invalid(`option "kv" is neither 1 nor 2`, "")
	}
	if given != "" && kv > 0 {
		return mount{path: given + "/", kind: "kv", kv: kv}, nil
	}
	m, err := e.mount(ctx, s, name)
	if err != nil {
		return mount{}, err
	}
	if given != "" {
		m.path = given + "/"
	}
	if kv > 0 {
		m.kind, m.kv = "kv", kv
		if m.path == "" {
			first, _, _ := strings.Cut(name, "/")
			m.path = first + "/"
		}
	}
	return m, nil
}

// keyValue completes r for a store of keys and values, which a reference never changes.
func (r route) keyValue(o providers.Options, method string) (route, error) {
	version, fixed := o["version"]
	delete(o, "version")
	switch {
	case method == "write":
		return r, invalid("a reference does not write into a key/value store", "")
	case len(o) > 0:
		name := slices.Sorted(maps.Keys(o))[0]
		return r, invalid(fmt.Sprintf("option %q means nothing for a key/value store, which is what %s is", name, providers.QuoteName(strings.TrimSuffix(r.mount.path, "/"))),
			"known: version, mount, kv, method; engines that make secrets take any other as a parameter")
	case r.mount.kv == 1 && fixed:
		return r, invalid("option \"version\": "+providers.QuoteName(strings.TrimSuffix(r.mount.path, "/"))+" is a key/value store of version 1, which keeps no versions", "")
	case r.mount.kv == 1 && strings.Contains(r.rel, ".."):
		return r, invalid("a key/value store of version 1 holds no path with two dots in a row: "+providers.QuoteName(r.path), "")
	case r.mount.kv == 1:
		return r, nil
	}
	r.rel = strings.TrimPrefix(r.rel, "data/")
	r.path = r.mount.path + "data/" + r.rel
	if fixed {
		if n, err := strconv.ParseUint(version, 10, 31); err != nil || n == 0 {
			return r, invalid(`option "version" is not a number from 1 on`, "")
		}
		r.fixed, r.query = true, url.Values{"version": {version}}
	}
	return r, nil
}

// engine completes r for everything else: options are parameters of the request.
func (r route) engine(o providers.Options, method string) (route, error) {
	if method == "" && r.mount.kind == "" && len(o) > 0 {
		return r, invalid("it is not known what "+providers.QuoteName(r.path)+" is, and parameters would be written to it", "say so if that is right: &method=write; or &method=read")
	}
	if method == "write" || method == "" && (len(o) > 0 || r.mount.writes(r.rel)) {
		r.method, r.body = http.MethodPut, make(map[string]any, len(o))
	}
	for name, value := range o {
		if r.method == http.MethodPut {
			r.body[name] = value
		} else if r.query == nil {
			r.query = url.Values{name: {value}}
		} else {
			r.query.Set(name, value)
		}
		if len(value) >= 4 {
			r.secret = append(r.secret, providers.NewValue([]byte(value)))
		}
	}
	return r, nil
}

// writes tells of the paths of an engine that are written to get a secret.
func (m mount) writes(rel string) bool {
	first, _, _ := strings.Cut(rel, "/")
	switch m.kind {
	case "pki":
		return first == "issue" || first == "sign" || first == "sign-verbatim" || strings.Contains(rel, "/issue/") || strings.Contains(rel, "/sign/")
	case "ssh":
		return first == "sign" || first == "issue" || first == "creds"
	case "transit":
		return first != "keys" && first != "export" && first != "backup" && first != "wrapping_key"
	}
	return false
}
