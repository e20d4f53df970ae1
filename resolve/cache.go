package resolve

import (
	"time"

	"github.com/pyleeai/pylee/providers"
)

// Cache keeps answers across processes. It decides itself what is kept and what a
// failure means for that. Its methods may be called by several goroutines at once.
type Cache interface {
	// Learn is told what a provider answered to the keys of one fetch. settings are
	// those it was opened with. results has a result for each key; an error in it
	// wraps a kind of package providers or is that of the context.
	Learn(kind string, settings providers.Settings, keys []providers.Key, results []providers.Result)

	// Recall returns what stands in for an answer that failed with err, and when
	// that was fetched; or the error that counts, err or one of its kind.
	Recall(kind string, settings providers.Settings, key providers.Key, err error) (providers.Secret, time.Time, error)
}

// learn tells the cache of a fetch.
func (r *Resolver) learn(b *batch) {
	if r.Cache == nil {
		return
	}
	results := make([]providers.Result, len(b.answers))
	for i, a := range b.answers {
		results[i] = providers.Result{Secret: a.secret, Err: a.err}
	}
	r.Cache.Learn(b.target.scheme.Kind, r.settings(b.target), b.keys, results)
}

// recall asks the cache for what no provider and no fallback answered. What m remembers
// is of this process, and counts more; m may be nil.
func (r *Resolver) recall(known map[fetchID]*answer, needs []need, m *Memory) {
	if r.Cache == nil {
		return
	}
	for _, n := range needs {
		a := known[n.id]
		if !a.down() || m != nil && m.answers[n.id].answer.found() {
			continue
		}
		secret, fetched, err := r.Cache.Recall(n.target.scheme.Kind, r.settings(n.target), n.key(), a.err)
		if err != nil {
			a.err = err
			continue
		}
		// Since when the source fails nobody knows: it may be since then.
		known[n.id] = &answer{provider: n.id.provider, kind: n.target.scheme.Kind, secret: secret, fetched: fetched, failing: fetched}
	}
}

// settings are those that a target is opened with.
func (r *Resolver) settings(t *target) providers.Settings {
	return providers.Settings{Instance: t.name, Home: r.Home, Environ: r.Environ, Options: t.instance.Settings}
}
