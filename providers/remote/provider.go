package remote

import (
	"context"

	"github.com/pyleeai/pylee/providers"
)

// Fetch implements providers.Provider.
func (i *instance) Fetch(ctx context.Context, keys []providers.Key) []providers.Result {
	results := make([]providers.Result, len(keys))
	leased := false
	err := i.call(ctx, opFetch, func(e *encoder) { e.keys(keys) }, func(d *decoder) {
		if d.count() != len(results) {
			d.bad = true
			return
		}
		for n := range results {
			results[n] = d.result()
			leased = leased || results[n].Secret.Lease.ID != ""
		}
	})
	if err != nil {
		for n := range results {
			results[n] = providers.Result{Err: err}
		}
		return results
	}
	if leased {
		i.h.holds(i, true)
	}
	return results
}

// The optional capabilities, each a type of its own so that a provider shows those
// alone that it has.
type (
	prober  struct{ i *instance }
	lister  struct{ i *instance }
	renewer struct{ i *instance }
	doctor  struct{ i *instance }
	writer  struct{ i *instance }
)

// Probe implements providers.Prober.
func (p prober) Probe(ctx context.Context, keys []providers.Key) []providers.ProbeResult {
	results := make([]providers.ProbeResult, len(keys))
	err := p.i.call(ctx, opProbe, func(e *encoder) { e.keys(keys) }, func(d *decoder) {
		if d.count() != len(results) {
			d.bad = true
			return
		}
		for n := range results {
			results[n] = providers.ProbeResult{Version: d.text(), Err: d.failure()}
		}
	})
	if err != nil {
		for n := range results {
			results[n] = providers.ProbeResult{Err: err}
		}
	}
	return results
}

// List implements providers.Lister.
func (l lister) List(ctx context.Context, prefix string) ([]providers.Info, error) {
	var infos []providers.Info
	err := l.i.call(ctx, opList, func(e *encoder) { e.text(prefix) }, func(d *decoder) {
		for range d.count() {
			if infos = append(infos, d.info()); d.bad {
				return
			}
		}
	})
	if err != nil {
		return nil, err
	}
	return infos, nil
}

// Renew implements providers.Renewer.
func (r renewer) Renew(ctx context.Context, lease providers.Lease) (renewed providers.Lease, err error) {
	err = r.i.call(ctx, opRenew, func(e *encoder) { e.lease(lease) }, func(d *decoder) { renewed = d.lease() })
	return renewed, err
}

// Revoke implements providers.Renewer.
func (r renewer) Revoke(ctx context.Context, lease providers.Lease) error {
	return r.i.call(ctx, opRevoke, func(e *encoder) { e.lease(lease) }, func(*decoder) {})
}

// Check implements providers.Doctor. That the helper does not answer is a finding too.
func (c doctor) Check(ctx context.Context) []providers.Finding {
	var findings []providers.Finding
	err := c.i.call(ctx, opCheck, func(*encoder) {}, func(d *decoder) {
		for range d.count() {
			if findings = append(findings, d.finding()); d.bad {
				return
			}
		}
	})
	if err != nil {
		return []providers.Finding{{Level: providers.LevelFail, Subject: Name, Detail: err.Error()}}
	}
	return findings
}

// Put implements providers.Writer.
func (w writer) Put(ctx context.Context, key providers.Key, value providers.Value) (version string, err error) {
	err = w.i.call(ctx, opPut, func(e *encoder) {
		e.key(key)
		e.bytes(value.Reveal())
	}, func(d *decoder) { version = d.text() })
	return version, err
}

// Delete implements providers.Writer.
func (w writer) Delete(ctx context.Context, key providers.Key) error {
	return w.i.call(ctx, opDelete, func(e *encoder) { e.key(key) }, func(*decoder) {})
}
