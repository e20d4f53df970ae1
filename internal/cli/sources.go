package cli

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/pyleeai/pylee/internal/cache"
	"github.com/pyleeai/pylee/internal/runner"
	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/providers/core"
	"github.com/pyleeai/pylee/providers/remote"
	"github.com/pyleeai/pylee/resolve"
)

// sources answers references: the providers of pylee itself, and those of the helper,
// which is started when a reference needs it.
type sources struct {
	resolver *resolve.Resolver
	helper   *remote.Helper
	cache    *cache.Cache  // nil: there is none
	plan     *resolve.Plan // the last one; names the providers
	loans    []resolve.Loan

	mu      sync.Mutex
	keeper  keeper
	lost    map[string]bool // instances whose leases no helper knows any more
	closing bool
}

// keeper looks after what is lent.
type keeper interface {
	// Lost tells that the login of an instance is gone.
	Lost(instance string)
}

// openSources returns what answers the references of one config. Nothing is opened yet.
func (inv *invocation) openSources(timeout time.Duration) *sources {
	s := &sources{plan: &resolve.Plan{}, lost: map[string]bool{}}
	options := remote.Options{Version: inv.version, Environ: inv.env, Lost: s.lose}
	if inv.debug {
		options.Debug = func(line string) { inv.debugf("%s", line) }
	}
	s.helper = remote.New(options)
	s.resolver = &resolve.Resolver{
		Drivers: slices.Concat(core.Drivers(), s.helper.Drivers()), Home: inv.home, Environ: inv.env, Timeout: timeout,
	}
	if inv.debug || inv.metrics != nil {
		s.resolver.Observe = inv.observe
	}
	return s
}

// ready starts the helper if one of the references needs it, so that it is there when
// the first provider is opened, and tells whether it did.
func (s *sources) ready(ctx context.Context, plan *resolve.Plan) bool {
	kinds := remote.Kinds()
	for _, reference := range plan.References() {
		if slices.Contains(kinds, reference.Kind) {
			s.helper.Start(ctx)
			return true
		}
	}
	return false
}

// fetch resolves the plan, into the memory of s if the secrets are watched.
func (s *sources) fetch(ctx context.Context, plan *resolve.Plan, of source, a *assembly) (*resolve.Snapshot, error) {
	if of.memory == nil || !a.watches(of.watch) {
		return s.resolver.Resolve(ctx, plan)
	}
	snapshot, _, err := s.resolver.Refresh(ctx, plan, of.memory, resolve.Ask{})
	return snapshot, err
}

// closing is how long providers may take to give back what they were lent.
const closing = 5 * time.Second

// close closes all providers and ends the helper. The error says what could not be
// given back.
func (s *sources) close() error {
	err := s.giveBack()
	err = errors.Join(err, s.resolver.Close())
	ctx, cancel := context.WithTimeout(context.Background(), closing)
	defer cancel()
	s.helper.Close(ctx)
	return errors.Join(err, s.left())
}

// keep prolongs what is lent, while the command runs.
func (s *sources) keep(say func(string, ...any)) (*runner.Keeper, error) {
	var lenders []runner.Lender
	var errs []error
	for _, loan := range s.loans {
		p, err := s.resolver.Provider(context.Background(), s.plan, loan.Provider)
		errs = append(errs, err)
		if r, ok := p.(providers.Renewer); ok {
			lenders = append(lenders, runner.Lender{Reference: loan.Reference, Provider: loan.Provider, Lease: loan.Lease, Renewer: r})
		}
	}
	keeper := runner.Keep(lenders, say)
	s.attendedBy(keeper)
	return keeper, errors.Join(errs...)
}

// attendedBy has k told of lost logins, also of those before.
func (s *sources) attendedBy(k keeper) {
	s.mu.Lock()
	s.keeper = k
	lost := slices.Sorted(maps.Keys(s.lost))
	s.mu.Unlock()
	for _, name := range lost {
		k.Lost(name)
	}
}

// lent returns the loans that pylee looks after: all but those of providers whose block
// says lease: unmanaged.
func (a *assembly) lent(snapshot *resolve.Snapshot) []resolve.Loan {
	return a.managed(snapshot.Loans())
}

func (a *assembly) managed(loans []resolve.Loan) []resolve.Loan {
	return slices.DeleteFunc(loans, func(loan resolve.Loan) bool {
		for _, p := range a.cfg.Providers {
			if lease := p.Settings.Lookup("lease"); p.Name == loan.Provider && lease != nil {
				return lease.Text == "unmanaged"
			}
		}
		return false
	})
}

// refuseLent refuses to hand out what is taken back when this command ends.
func (a *assembly) refuseLent(snapshot *resolve.Snapshot) error {
	var errs []error
	for _, loan := range a.lent(snapshot) {
		errs = append(errs, &failure{
			message: loan.Reference + ": is only lent, and given back when this command ends",
			hint:    "use pylee run, or write lease: unmanaged in the block of " + loan.Provider, code: exitConfig,
		})
	}
	return errors.Join(errs...)
}
