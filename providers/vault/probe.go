package vault

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/hashicorp/vault/api"

	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/providers/transport"
)

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

// Probe asks for the versions of secrets in key/value stores. In those of version 2 it
// reads the metadata, and where the policy does not allow that, the secret itself, which
// it drops; as in those of version 1, where a version is a hash. Whatever else a path
// answers with would be made anew by asking: that is ErrInvalid.
func (p *provider) Probe(ctx context.Context, keys []providers.Key) []providers.ProbeResult {
	results := make([]providers.ProbeResult, len(keys))
	err := p.failover(ctx, func(ctx context.Context, e *endpoint) error {
		s, err := e.session(ctx)
		if err != nil {
			return err
		}
		transport.Parallel(ctx, len(keys), transport.MaxConns, func(ctx context.Context, i int) {
			results[i].Version, results[i].Err = e.probe(ctx, s, keys[i])
		})
		for _, r := range results {
			if r.Err != nil && !lasting(r.Err) {
				return r.Err
			}
		}
		return nil
	})
	for i := range results {
		if err != nil && results[i].Version == "" && results[i].Err == nil {
			results[i].Err = err
		}
	}
	return results
}

func (e *endpoint) probe(ctx context.Context, s *session, key providers.Key) (string, error) {
	r, err := e.route(ctx, s, key)
	if err != nil {
		return "", err
	}
	if r.mount.kv == 0 {
		return "", invalid(providers.QuoteName(key.Name)+" cannot be asked for a version: an engine may make it anew each time", "")
	}
	if r.mount.kv == 2 && !r.fixed {
		answer, err := e.metadata(ctx, s, r.mount, r.rel)
		var refused *refusal
		switch {
		case err == nil && answer != nil:
			return e.current2(r, answer)
		case errors.As(err, &refused) && refused.status == http.StatusForbidden:
		default:
			return "", e.judge(ctx, s, err, r.what(), r.path, r.capability())
		}
	}
	secret, err := e.read(ctx, s, key)
	var f *forbidden
	if errors.As(err, &f) {
		err = e.judge(ctx, s, f.refusal, f.what, f.path, f.capability)
	}
	return secret.Version, err
}

// metadata reads what a store of version 2 tells of a secret without its value.
func (e *endpoint) metadata(ctx context.Context, s *session, m mount, rel string) (*api.Secret, error) {
	return e.do(ctx, request{method: http.MethodGet, path: m.path + "metadata/" + rel, token: s.token, namespace: e.p.namespace})
}

// current2 returns the version that a read would give.
func (e *endpoint) current2(r route, answer *api.Secret) (string, error) {
	version := number(answer.Data, "current_version")
	meta := member(member(answer.Data, "versions"), decimal(version))
	if version == 0 || meta == nil {
		return "", &providers.Error{Kind: providers.ErrNotFound, Detail: "there is nothing at " + providers.QuoteName(r.path)}
	}
	gone := moment(meta, "deletion_time")
	if destroyed, _ := meta["destroyed"].(bool); destroyed || !gone.IsZero() && !gone.After(e.p.now()) {
		return "", e.deleted(r, map[string]any{"version": answer.Data["current_version"], "destroyed": destroyed})
	}
	return decimal(version), nil
}
