package aws

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/providers/transport"
)

// regionTime is how long a region may take before the next is asked.
const regionTime = 4 * time.Second

// service is what the two kinds do differently.
type service interface {
	// parse returns what a key asks for, and the member of it that is wanted.
	parse(key providers.Key, w where) (r read, member string, err error)

	// most is how many secrets one batch may ask for.
	most() int

	// batch asks for ids at once. What it says nothing of is asked for by one.
	batch(ctx context.Context, s *session, ids []string) (map[string]outcome, error)

	// one asks for one.
	one(ctx context.Context, s *session, r read) (providers.Secret, error)
}

// outcome is the answer for one secret of a batch.
type outcome struct {
	secret providers.Secret
	err    error
}

// fetcher is a Provider over a service.
type fetcher struct {
	*base
	service service
}

// wanted is one distinct read, and what became of it.
type wanted struct {
	read
	outcome
	done bool
}

// Fetch reads what keys name, in as few requests as there can be: those of one place
// in batches, each secret once, at most eight requests at a time.
func (f *fetcher) Fetch(ctx context.Context, keys []providers.Key) []providers.Result {
	results := make([]providers.Result, len(keys))
	members := make([]string, len(keys))
	reads, each := transport.Distinct(keys, results, func(i int) (r read, err error) {
		r, members[i], err = f.parse(keys[i])
		return r, err
	}, func(r read) *wanted { return &wanted{read: r} })
	f.readAll(ctx, each)
	for i, w := range reads {
		if w == nil {
			continue
		}
		results[i].Secret, results[i].Err = w.secret, w.err
		if w.err == nil && members[i] != "" {
			results[i].Secret.Value, results[i].Err = memberOf(w.secret.Value, members[i], w.id)
		}
		if results[i].Err != nil {
			results[i].Secret = providers.Secret{}
		}
	}
	return results
}

func (f *fetcher) parse(key providers.Key) (read, string, error) {
	scheme, _ := providers.Find(f.kind)
	if err := key.Options.Refuse(scheme.Options...); err != nil {
		return read{}, "", err
	}
	w, err := f.where.at(key.Options)
	if err != nil {
		return read{}, "", err
	}
	return f.service.parse(key, w)
}

// readAll asks in groups, then alone for what was not answered in one.
func (f *fetcher) readAll(ctx context.Context, all []*wanted) {
	groups := f.groups(all)
	transport.Parallel(ctx, len(groups), parallel, func(ctx context.Context, i int) {
		if len(groups[i]) == 1 {
			f.readOne(ctx, groups[i][0])
			return
		}
		f.readGroup(ctx, groups[i])
	})
	var left []*wanted
	for _, w := range all {
		if !w.done {
			left = append(left, w)
		}
	}
	transport.Parallel(ctx, len(left), parallel, func(ctx context.Context, i int) { f.readOne(ctx, left[i]) })
}

func (f *fetcher) readOne(ctx context.Context, w *wanted) {
	w.done = true
	w.err = f.somewhere(ctx, w.where, func(ctx context.Context, s *session) (err error) {
		w.secret, err = f.service.one(ctx, s, w.read)
		return err
	})
}

// groups returns what may be asked for together. One secret alone needs no batch, nor
// the permission for it.
func (f *fetcher) groups(all []*wanted) [][]*wanted {
	var order []where
	var list [][]*wanted
	together := map[where][]*wanted{}
	for _, w := range all {
		if w.pinned() {
			list = append(list, []*wanted{w})
			continue
		}
		if together[w.where] == nil {
			order = append(order, w.where)
		}
		together[w.where] = append(together[w.where], w)
	}
	for _, at := range order {
		list = slices.AppendSeq(list, slices.Chunk(together[at], f.service.most()))
	}
	return list
}

// errAlone tells that a place gives secrets by one only.
var errAlone = &providers.Error{Kind: providers.ErrDenied, Detail: "no batches here"}

// readGroup asks for a group at once. If the batch as a whole is refused, one of the
// group may be the reason, or that batches are not allowed: then each is asked for
// alone.
func (f *fetcher) readGroup(ctx context.Context, group []*wanted) {
	ids := make([]string, len(group))
	for i, w := range group {
		ids[i] = w.id
	}
	var got map[string]outcome
	err := f.somewhere(ctx, group[0].where, func(ctx context.Context, s *session) (err error) {
		if s.noBatch.Load() {
			return errAlone
		}
		got, err = f.service.batch(ctx, s, ids)
		return err
	})
	var unsigned *unsignedError
	alone := errors.Is(err, providers.ErrDenied) || errors.Is(err, providers.ErrInvalid) || errors.Is(err, providers.ErrNotFound)
	switch {
	case alone && !errors.As(err, &unsigned):
		return
	case err != nil:
		for _, w := range group {
			w.err, w.done = err, true
		}
		return
	}
	for _, w := range group {
		if w.outcome, w.done = got[w.id]; w.done && w.err != nil {
			kind := providers.KindOf(w.err)
			w.done = kind != providers.ErrThrottled && kind != providers.ErrUnavailable //nolint:errorlint // KindOf returns these
		}
	}
}

// somewhere does work in the first region that is up.
func (b *base) somewhere(ctx context.Context, at where, work func(ctx context.Context, s *session) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	places := at.places()
	names := make([]string, len(places))
	for i, p := range places {
		names[i] = p.region
	}
	return transport.Failover(ctx, names, regionTime, func(ctx context.Context, i int) error {
		s, err := b.session(ctx, places[i])
		if err != nil {
			return err
		}
		err = work(ctx, s)
		if errors.Is(err, providers.ErrUnauthenticated) {
			b.forget(places[i])
		}
		return err
	})
}
