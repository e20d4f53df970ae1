package cli

import (
	"context"
	"errors"
	"time"

	"github.com/pyleeai/pylee/providers"
)

// A helper that is killed cannot give back what its providers were lent, and takes the
// logins along that the leases hang on. The next helper logs in anew and tries to give
// the leases back in their place.

// lose notes that the leases of an instance are not known to a helper any more.
func (s *sources) lose(instance string) {
	s.mu.Lock()
	s.lost[instance] = true
	keeper := s.keeper
	if s.closing {
		keeper = nil // what is left is said at the end
	}
	s.mu.Unlock()
	if keeper != nil {
		keeper.Lost(instance)
	}
}

// returning is how long it may take to give back what a lost helper left.
const returning = 3 * time.Second

// giveBack revokes the leases that were lost with a helper.
func (s *sources) giveBack() error {
	s.mu.Lock()
	s.closing = true
	lost := s.lost
	s.lost = map[string]bool{}
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), returning)
	defer cancel()
	var errs []error
	for _, loan := range s.loans {
		if !lost[loan.Provider] {
			continue
		}
		p, err := s.resolver.Provider(ctx, s.plan, loan.Provider)
		if r, ok := p.(providers.Renewer); err == nil && ok {
			err = r.Revoke(ctx, loan.Lease)
		}
		if err != nil {
			errs = append(errs, notReturned(loan.Reference, err))
		}
	}
	return errors.Join(errs...)
}

// left tells of the leases that were lost while they were given back.
func (s *sources) left() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, loan := range s.loans {
		if s.lost[loan.Provider] {
			errs = append(errs, notReturned(loan.Reference, errLost))
		}
	}
	return errors.Join(errs...)
}

var errLost = &providers.Error{Kind: providers.ErrUnavailable, Detail: "the helper ended while it did so"}

func notReturned(reference string, err error) error {
	e := &providers.Error{Kind: providers.KindOf(err), Detail: reference + ": the lease was lost with the helper and could not be given back, so it lasts until its time is over: " + err.Error()}
	var from *providers.Error
	if errors.As(err, &from) {
		e.Hint = from.Hint
	}
	return e
}
