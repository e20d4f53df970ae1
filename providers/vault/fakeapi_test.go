package vault

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

func mounted(kind, version string) map[string]any {
	m := map[string]any{"type": kind, "options": nil}
	if version != "" {
		m["options"] = map[string]any{"version": version}
	}
	return m
}

func (f *fake) servePreflight(w http.ResponseWriter, path string) {
	for name, m := range map[string]map[string]any{
		"secret/": mounted("kv", "2"), "old/": mounted("kv", "1"), "db/": mounted("database", ""), "pki/": mounted("pki", ""), "transit/": mounted("transit", ""),
	} {
		if strings.HasPrefix(path+"/", name) {
			m["path"] = name
			answer(w, m, false)
			return
		}
	}
	refuse(w, 403, fmt.Sprintf("preflight capability check returned 403, please ensure client's policies grant access to path %q", path+"/"))
}

func (f *fake) serveKV2(w http.ResponseWriter, r *http.Request, rest string, body map[string]any) {
	area, name, _ := strings.Cut(rest, "/")
	all := f.kv2[name]
	switch {
	case area == "metadata" && r.URL.Query().Get("list") != "":
		listNames(w, f.kv2, name)
	case area == "metadata" && len(all) > 0:
		versions := map[string]any{}
		for i, v := range all {
			versions[strconv.Itoa(i+1)] = v.meta(i + 1)
		}
		answer(w, map[string]any{"current_version": len(all), "created_time": all[0].created, "updated_time": all[len(all)-1].created, "versions": versions}, false)
	case area == "data" && r.Method == http.MethodPut:
		data, _ := body["data"].(map[string]any)
		f.kv2[name] = append(all, version{data: data, created: f.now().UTC()})
		answer(w, f.kv2[name][len(all)].meta(len(all)+1), false)
	case area == "delete":
		list, _ := body["versions"].([]any)
		for _, v := range list {
			n, _ := strconv.Atoi(v.(string))
			all[n-1].deleted = true
		}
		w.WriteHeader(204)
	case area == "data" && len(all) == 0:
		refuse(w, 404)
	case area == "data" && r.Method == http.MethodDelete:
		all[len(all)-1].deleted = true
		w.WriteHeader(204)
	case area == "data":
		n := len(all)
		if v := r.URL.Query().Get("version"); v != "" {
			n, _ = strconv.Atoi(v)
		}
		if n > len(all) {
			refuse(w, 404)
			return
		}
		v, status := all[n-1], 200
		if v.deleted || v.destroyed {
			v.data, status = nil, 404
		}
		send(w, status, map[string]any{"request_id": "r", "data": map[string]any{"data": v.data, "metadata": v.meta(n)}})
	case area == "metadata":
		refuse(w, 404)
	default:
		send(w, 404, map[string]any{"request_id": "r", "data": nil, "warnings": []string{"Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API endpoints to use."}})
	}
}

func (v version) meta(n int) map[string]any {
	m := map[string]any{"version": n, "created_time": v.created.Format(time.RFC3339Nano), "deletion_time": "", "destroyed": v.destroyed}
	if v.deleted {
		m["deletion_time"] = v.created.Format(time.RFC3339Nano)
	}
	return m
}

func (f *fake) serveKV1(w http.ResponseWriter, r *http.Request, name string, body map[string]any) {
	switch {
	case r.URL.Query().Get("list") != "":
		listNames(w, f.kv1, name)
	case r.Method == http.MethodPut:
		f.kv1[name] = body
		w.WriteHeader(204)
	case r.Method == http.MethodDelete:
		delete(f.kv1, name)
		w.WriteHeader(204)
	case f.kv1[name] == nil:
		refuse(w, 404)
	default:
		send(w, 200, map[string]any{"data": f.kv1[name], "lease_duration": 2764800})
	}
}

func listNames[V any](w http.ResponseWriter, all map[string]V, dir string) {
	var keys []string
	for name := range all {
		below, ok := strings.CutPrefix(name, strings.TrimPrefix(dir+"/", "/"))
		if !ok {
			continue
		}
		if part, _, deeper := strings.Cut(below, "/"); deeper {
			below = part + "/"
		}
		if !slices.Contains(keys, below) {
			keys = append(keys, below)
		}
	}
	if keys == nil {
		refuse(w, 404)
		return
	}
	answer(w, map[string]any{"keys": keys}, false)
}

func (f *fake) serveLogin(w http.ResponseWriter, path string, body map[string]any) {
	status, ttl := f.login(path, body)
	if status != 200 {
		refuse(w, status, "invalid role or secret ID")
		return
	}
	f.made++
	id := fmt.Sprintf("made-%d", f.made)
	f.tokens[id] = &token{ttl: ttl, renewable: true, expires: f.now().Add(time.Duration(ttl) * time.Second)}
	send(w, 200, map[string]any{"auth": map[string]any{"client_token": id, "accessor": "a" + id, "lease_duration": ttl, "renewable": true, "policies": []string{"default"}}})
}

func (f *fake) serveUnwrap(w http.ResponseWriter, id string) {
	secret, ok := f.secretID[id]
	if !ok {
		refuse(w, 400, "wrapping token is not valid or does not exist")
		return
	}
	delete(f.secretID, id)
	answer(w, map[string]any{"secret_id": secret}, false)
}

func (f *fake) serveToken(w http.ResponseWriter, path, id string) {
	tok := f.tokens[id]
	switch path {
	case "token/lookup-self":
		left := 0
		if !tok.expires.IsZero() {
			left = int(tok.expires.Sub(f.now()) / time.Second)
		}
		answer(w, map[string]any{"display_name": "fake", "policies": []string{"default"}, "ttl": left, "creation_ttl": tok.ttl, "renewable": tok.renewable, "type": "service"}, false)
	case "token/renew-self":
		tok.expires = f.now().Add(time.Duration(tok.ttl) * time.Second)
		if !tok.maxLife.IsZero() && tok.expires.After(tok.maxLife) {
			tok.expires = tok.maxLife
		}
		send(w, 200, map[string]any{"auth": map[string]any{"client_token": id, "accessor": "a", "lease_duration": int(tok.expires.Sub(f.now()) / time.Second), "renewable": true}})
	case "token/revoke-self":
		delete(f.tokens, id)
		for lease, owner := range f.leases {
			if owner == id {
				delete(f.leases, lease)
			}
		}
		w.WriteHeader(204)
	}
}

func (f *fake) serveLeases(w http.ResponseWriter, path string, body map[string]any) {
	id, _ := body["lease_id"].(string)
	_, known := f.leases[id]
	switch {
	case path == "leases/revoke":
		delete(f.leases, id)
		w.WriteHeader(204)
	case !known:
		refuse(w, 400, "lease not found")
	default:
		send(w, 200, map[string]any{"lease_id": id, "lease_duration": 60, "renewable": true})
	}
}
