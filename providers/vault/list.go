package vault

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/providers/transport"
)

// Bounds of a List.
const (
	maxListed = 10000 // secrets
	maxDirs   = 2000  // requests for names
)

// List walks through the key/value store that prefix begins with, or through all of
// them if prefix has no slash. Versions and times come from one more request for each
// secret, and are left out where the policy does not allow it.
func (p *provider) List(ctx context.Context, prefix string) ([]providers.Info, error) {
	var found []providers.Info
	err := p.failover(ctx, func(ctx context.Context, e *endpoint) error {
		s, err := e.session(ctx)
		if err != nil {
			return err
		}
		l := lister{e: e, s: s, prefix: prefix}
		if err := l.run(ctx); err != nil {
			return err
		}
		found = l.found
		return nil
	})
	slices.SortFunc(found, func(a, b providers.Info) int { return strings.Compare(a.Name, b.Name) })
	return found, err
}

type lister struct {
	e      *endpoint
	s      *session
	prefix string
	found  []providers.Info
	stores []mount // of found
	asked  int
}

func (l *lister) run(ctx context.Context) error {
	stores, err := l.where(ctx)
	if err != nil {
		return err
	}
	for _, m := range stores {
		dir := ""
		if below, ok := strings.CutPrefix(l.prefix, m.path); ok {
			dir, _, _ = cutLast(below)
		}
		if err := l.walk(ctx, m, dir, len(stores) == 1); err != nil {
			return err
		}
	}
	transport.Parallel(ctx, len(l.found), transport.MaxConns, func(ctx context.Context, i int) {
		if l.stores[i].kv == 2 {
			l.describe(ctx, l.stores[i], &l.found[i])
		}
	})
	return ctx.Err()
}

// where returns the stores to look through.
func (l *lister) where(ctx context.Context) ([]mount, error) {
	if strings.Contains(l.prefix, "/") {
		m, err := l.e.mount(ctx, l.s, strings.Trim(l.prefix, "/"))
		if err != nil {
			return nil, err
		}
		if m.kv == 0 {
			return nil, &providers.Error{
				Kind: providers.ErrInvalid, Detail: providers.QuoteName(l.prefix) + " is in no key/value store that can be seen; nothing else can be listed",
				Hint: l.e.p.kind + " secrets list",
			}
		}
		return []mount{m}, nil
	}
	answer, err := l.e.do(ctx, request{method: http.MethodGet, path: "sys/internal/ui/mounts", token: l.s.token, namespace: l.e.p.namespace})
	if err != nil {
		return nil, l.e.judge(ctx, l.s, err, "listing what is mounted", "sys/internal/ui/mounts", "read")
	}
	var all []mount
	if answer != nil {
		engines := member(answer.Data, "secret")
		for _, path := range slices.Sorted(maps.Keys(engines)) {
			if m := parseMount(path, member(engines, path)); m.kv > 0 && strings.HasPrefix(m.path, l.prefix) {
				all = append(all, m)
			}
		}
	}
	return all, nil
}

// walk adds what is below dir of a store. strict: that it may not be listed is an error.
func (l *lister) walk(ctx context.Context, m mount, dir string, strict bool) error {
	if l.asked++; l.asked > maxDirs || len(l.found) > maxListed {
		return invalid("there are too many secrets below "+providers.QuoteName(l.prefix), "give a longer prefix")
	}
	at := m.path + dir
	if m.kv == 2 {
		at = m.path + "metadata/" + dir
	}
	at = strings.TrimSuffix(at, "/")
	answer, err := l.e.do(ctx, request{method: http.MethodGet, path: at, query: map[string][]string{"list": {"true"}}, token: l.s.token, namespace: l.e.p.namespace})
	var r *refusal
	switch {
	case errors.As(err, &r) && r.status == http.StatusNotFound:
		return nil
	case errors.As(err, &r) && r.status == http.StatusForbidden && !strict:
		return nil
	case err != nil:
		return l.e.judge(ctx, l.s, err, "listing "+providers.QuoteName(at), at, "list")
	case answer == nil:
		return nil
	}
	names, _ := answer.Data["keys"].([]any)
	for _, v := range names {
		name, _ := v.(string)
		full := name
		if dir != "" {
			full = dir + "/" + name
		}
		if err := l.entry(ctx, m, full); err != nil {
			return err
		}
	}
	return nil
}

// entry adds a name, or what is below it if it ends with a slash.
func (l *lister) entry(ctx context.Context, m mount, name string) error {
	whole := m.path + name
	if below, ok := strings.CutSuffix(name, "/"); ok {
		if strings.HasPrefix(whole, l.prefix) || strings.HasPrefix(l.prefix, whole) {
			return l.walk(ctx, m, below, false)
		}
		return nil
	}
	if strings.HasPrefix(whole, l.prefix) {
		l.found, l.stores = append(l.found, providers.Info{Name: whole}), append(l.stores, m)
	}
	return nil
}

// describe adds version and times, if they may be seen.
func (l *lister) describe(ctx context.Context, m mount, info *providers.Info) {
	answer, err := l.e.metadata(ctx, l.s, m, strings.TrimPrefix(info.Name, m.path))
	if err != nil || answer == nil {
		return
	}
	if n := number(answer.Data, "current_version"); n > 0 {
		info.Version = decimal(n)
		now := member(member(answer.Data, "versions"), decimal(n))
		info.Expires = moment(now, "deletion_time")
	}
	info.Created, info.Updated = moment(answer.Data, "created_time"), moment(answer.Data, "updated_time")
}
