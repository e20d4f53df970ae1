package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pyleeai/pylee/internal/runner"
	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/resolve"
)

// loans are the leases that a rotator looks after: prolonged while values need them,
// given back when none do.
type loans struct {
	r    *rotator
	mu   sync.Mutex
	held map[loanID]*held
	gone map[loanID]string // the keys of those that were refused and the last look still has
	read map[string]minted // by provider and key
}

type loanID struct{ provider, lease string }

type held struct {
	loan   resolve.Loan
	key    string
	keeper *runner.Keeper
	due    bool // a new one is needed
	over   bool
}

// minted is when a key whose every read makes a new credential was read last.
type minted struct {
	at    time.Time
	late  bool // the next read had to wait
	quick int  // reads in a row that had to wait
}

const (
	// leastMinting is the time between two reads of such a key; it doubles while what is
	// read does not last that long, up to mostMinting.
	leastMinting = 10 * time.Second
	mostMinting  = 5 * time.Minute
)

// rest is how long the next read has to wait.
func (m minted) rest() time.Duration {
	return min(leastMinting<<min(m.quick, 10), mostMinting) - time.Since(m.at)
}

func newLoans(r *rotator) *loans {
	return &loans{r: r, held: map[loanID]*held{}, gone: map[loanID]string{}, read: map[string]minted{}}
}

// hold looks after those of list that are new. list is all that the last look has: an
// answer that was refused is remembered until there is another.
func (l *loans) hold(list []resolve.Loan) {
	l.mu.Lock()
	maps.DeleteFunc(l.gone, func(id loanID, _ string) bool { return !among(list, id) })
	l.mu.Unlock()
	for _, loan := range list {
		id := loanID{loan.Provider, loan.Lease.ID}
		l.mu.Lock()
		_, known := l.held[id]
		_, returned := l.gone[id]
		l.mu.Unlock()
		if known || returned {
			continue
		}
		h := &held{loan: loan, key: keyOf(loan)}
		l.mu.Lock()
		for _, other := range l.held {
			other.due = other.due && other.key != h.key
		}
		l.held[id] = h
		l.note(h.key)
		l.mu.Unlock()
		lender := runner.Lender{Reference: loan.Reference, Lease: loan.Lease, Ending: func() { l.ending(h) }, Over: func() { l.set(&h.over) }}
		if renewer, err := l.renewer(loan.Provider); err == nil {
			lender.Renewer = renewer
		} else {
			lender.Lease.Renewable = false
		}
		h.keeper = runner.Keep([]runner.Lender{lender}, l.r.m.inv.say)
	}
}

// note counts a read of key. mu is held.
func (l *loans) note(key string) {
	m := l.read[key]
	if m.late {
		m.quick++
	} else {
		m.quick = 0
	}
	m.at, m.late = time.Now(), false
	l.read[key] = m
}

func (l *loans) renewer(provider string) (providers.Renewer, error) {
	p, err := l.r.m.a.sources.resolver.Provider(context.Background(), l.r.m.a.sources.plan, provider)
	if err != nil {
		return nil, err
	}
	r, ok := p.(providers.Renewer)
	if !ok {
		return nil, errors.New(provider + ": has no leases")
	}
	return r, nil
}

// ending asks for another lease as soon as one may be made.
func (l *loans) ending(h *held) {
	l.mu.Lock()
	h.due = true
	m := l.read[h.key]
	wait := m.rest()
	m.late = m.late || wait > 0
	l.read[h.key] = m
	l.mu.Unlock()
	if wait <= 0 {
		l.r.watcher.Poke(h.loan.Provider)
		return
	}
	time.AfterFunc(wait, func() { l.r.watcher.Poke(h.loan.Provider) })
}

// Lost asks for everything anew that was lent under a login that is gone: nobody can
// prolong it beyond the end of that.
func (l *loans) Lost(instance string) {
	l.mu.Lock()
	var lost []*held
	for _, h := range l.held {
		if h.loan.Provider == instance {
			lost = append(lost, h)
		}
	}
	l.mu.Unlock()
	if len(lost) > 0 {
		l.r.m.inv.say("the helper was lost, and with it the login of %s: what was lent under it is read anew", instance)
	}
	for _, h := range lost {
		l.ending(h)
	}
}

// all returns what is lent.
func (l *loans) all() []resolve.Loan {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []resolve.Loan
	for _, h := range l.held {
		list = append(list, h.loan)
	}
	return list
}

func (l *loans) set(flag *bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	*flag = true
}

// due tells whether it is time to read what is lent again.
func (l *loans) due(loan resolve.Loan) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.held[loanID{loan.Provider, loan.Lease.ID}]
	return h != nil && h.due && l.read[h.key].rest() <= 0
}

// keyOf returns the key that a loan was read with, without the field.
func keyOf(loan resolve.Loan) string {
	key := strings.TrimSuffix(strings.TrimPrefix(loan.Reference, "${"), "}")
	key, _, _ = strings.Cut(key, "#")
	return key
}

// usable returns why one of list is lent no more, nil if all are.
func (l *loans) usable(list []resolve.Loan) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, loan := range list {
		if h := l.held[loanID{loan.Provider, loan.Lease.ID}]; h == nil || h.over {
			return fmt.Errorf("%s: the lease of the earlier value is over", loan.Reference)
		}
	}
	return nil
}

// only gives back what is not in list.
func (l *loans) only(list []resolve.Loan) {
	l.mu.Lock()
	var gone []*held
	for id, h := range l.held {
		if !among(list, id) {
			gone = append(gone, h)
			delete(l.held, id)
		}
	}
	l.mu.Unlock()
	for _, h := range gone {
		h.keeper.Close()
		l.giveBack(h)
	}
}

func among(list []resolve.Loan, id loanID) bool {
	return slices.ContainsFunc(list, func(loan resolve.Loan) bool { return id == loanID{loan.Provider, loan.Lease.ID} })
}

// refused says that what was lent anew did the command no good, and was given back. While
// the earlier loans last others are tried, but not soon: each try is a restart.
func (l *loans) refused(list []resolve.Loan) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, loan := range list {
		id, key := loanID{loan.Provider, loan.Lease.ID}, keyOf(loan)
		if l.held[id] != nil {
			continue // others need it
		}
		l.gone[id] = key
		for _, h := range l.held {
			if h.key == key {
				time.AfterFunc(mostMinting, func() { l.ending(h) })
			}
		}
	}
}

// returned tells whether one of list was given back.
func (l *loans) returned(list []resolve.Loan) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id := range l.gone {
		if among(list, id) {
			return true
		}
	}
	return false
}

// again asks for others in the place of those that were given back, as soon as they may
// be made.
func (l *loans) again() {
	l.mu.Lock()
	var list []*held
	for _, key := range l.gone {
		for _, h := range l.held {
			if h.key == key && !h.due { // else it is on its way
				list = append(list, h)
			}
		}
	}
	l.mu.Unlock()
	for _, h := range list {
		l.ending(h)
	}
}

// giveBack ends a lease. One that cannot be given back ends by itself.
func (l *loans) giveBack(h *held) {
	if h.over {
		return
	}
	renewer, err := l.renewer(h.loan.Provider)
	if err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), closing)
		defer cancel()
		err = renewer.Revoke(ctx, h.loan.Lease)
	}
	if err != nil {
		l.r.m.inv.say("the lease of %s was not given back (%v): it ends by itself", h.loan.Reference, err)
	}
}

// none tells that nothing is lent.
func (l *loans) none() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.held) == 0
}

// close stops prolonging. What is lent is given back when the providers are closed.
func (l *loans) close() {
	l.mu.Lock()
	list := slices.Collect(maps.Values(l.held))
	l.mu.Unlock()
	for _, h := range list {
		h.keeper.Close() // which waits for one that may be about to tell of an end
	}
}
