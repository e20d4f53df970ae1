package vault

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pyleeai/pylee/internal/command"
	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/providers/transport"
)

// eachAddress is how long one of several addresses may take before the next is tried.
const eachAddress = 5 * time.Second

// provider fetches from one server, or from several that hold the same.
type provider struct {
	settings
	endpoints []*endpoint
	names     []string // of the endpoints
	retry     transport.Retry
	now       func() time.Time
	closing   time.Duration // bounds Close
	key       [32]byte      // makes hashes of values that nobody else can compare
	unwrapped unwrapped

	lock sync.Mutex
	seen map[string]sight // by key
}

// sight is the newest version of a secret that was seen.
type sight struct {
	created time.Time
	from    *endpoint
}

// endpoint is one address. Each has sessions of its own: clusters do not know each
// other's tokens.
type endpoint struct {
	p       *provider
	address address
	client  *transport.Client
	http    *http.Client
	mounts  mounts
	turn    turn // of the one that logs in

	ahead atomic.Int64 // how far the clock of the server is ahead of ours, as a time.Duration

	lock     sync.Mutex
	sessions []*session // the newest last; older ones have leases
}

var (
	_ providers.Prober  = (*provider)(nil)
	_ providers.Lister  = (*provider)(nil)
	_ providers.Renewer = (*provider)(nil)
	_ providers.Doctor  = (*provider)(nil)
	_ providers.Writer  = (*provider)(nil)
)

func newProvider(s settings) (*provider, error) {
	p := &provider{settings: s, now: time.Now, closing: closing, seen: make(map[string]sight)}
	if _, err := rand.Read(p.key[:]); err != nil {
		return nil, invalid("the system has no random numbers", "")
	}
	for _, a := range s.addresses {
		o := transport.Options{Instance: s.instance, Environ: s.proxies(), TLS: s.tls, Hosts: s.hosts(), UnixSocket: a.socket}
		client, err := transport.New(o)
		if err != nil {
			return nil, err
		}
		p.endpoints = append(p.endpoints, &endpoint{p: p, address: a, client: client, http: client.HTTP(), turn: make(turn, 1)})
		p.names = append(p.names, a.String())
	}
	return p, nil
}

// Fetch reads each key once, at most eight at a time, from the first address that
// answers.
func (p *provider) Fetch(ctx context.Context, keys []providers.Key) []providers.Result {
	results := make([]providers.Result, len(keys))
	pending := make([]int, len(keys))
	for i := range keys {
		pending[i] = i
	}
	err := p.failover(ctx, func(ctx context.Context, e *endpoint) error {
		b := &batch{e: e, keys: keys, results: results}
		err := b.fetch(ctx, pending)
		left := pending[:0:0]
		for _, i := range pending {
			if results[i].Err != nil && !lasting(results[i].Err) {
				left = append(left, i)
			}
		}
		pending = left
		return err
	})
	for _, i := range pending {
		if err != nil && (len(p.names) > 1 || results[i].Err == nil) {
			results[i] = providers.Result{Err: err}
		}
	}
	return results
}

// failover calls try with each address until one answers.
func (p *provider) failover(ctx context.Context, try func(ctx context.Context, e *endpoint) error) error {
	return transport.Failover(ctx, p.names, eachAddress, func(ctx context.Context, i int) error {
		return try(ctx, p.endpoints[i])
	})
}

// batch is a Fetch at one address.
type batch struct {
	e       *endpoint
	keys    []providers.Key
	results []providers.Result
}

// fetch fills in the results of the keys at the places in wanted. The error is one that
// another address may not have, if there is such.
func (b *batch) fetch(ctx context.Context, wanted []int) error {
	if len(wanted) == 0 {
		return nil
	}
	s, err := b.e.session(ctx)
	if err != nil {
		for _, i := range wanted {
			b.results[i] = providers.Result{Err: err}
		}
		return err
	}
	b.all(ctx, s, wanted)
	if forbidden := b.forbidden(wanted); len(forbidden) > 0 {
		b.explain(ctx, s, wanted, forbidden)
	}
	for _, i := range wanted {
		if err := b.results[i].Err; err != nil && !lasting(err) {
			return err
		}
	}
	return nil
}

func (b *batch) all(ctx context.Context, s *session, wanted []int) {
	transport.Parallel(ctx, len(wanted), transport.MaxConns, func(ctx context.Context, at int) {
		i := wanted[at]
		secret, err := b.e.read(ctx, s, b.keys[i])
		b.results[i] = providers.Result{Secret: secret, Err: err}
	})
}

// forbidden returns the places of the results that are a 403.
func (b *batch) forbidden(wanted []int) []int {
	var all []int
	for _, i := range wanted {
		var f *forbidden
		if errors.As(b.results[i].Err, &f) {
			all = append(all, i)
		}
	}
	return all
}

// explain finds out whether it was the token or the policy that made a 403, logs in
// again if that can help, and turns what is left into errors for a user.
func (b *batch) explain(ctx context.Context, s *session, wanted, refused []int) {
	judged := unknown
	for _, i := range wanted {
		var f *forbidden
		switch {
		case b.results[i].Err == nil:
			judged = max(judged, good)
		case errors.As(b.results[i].Err, &f):
			judged = max(judged, f.verdict())
		}
	}
	var err error
	if judged == unknown {
		judged, err = b.e.ask(ctx, s)
	}
	if judged == dead {
		if again, loginErr := b.e.relogin(ctx, s); loginErr != nil {
			err = loginErr
		} else if again != nil {
			s, judged = again, good
			b.all(ctx, s, refused)
			refused = b.forbidden(refused)
		}
	}
	for _, i := range refused {
		var f *forbidden
		errors.As(b.results[i].Err, &f)
		switch {
		case err != nil:
			b.results[i].Err = err
		case judged == dead:
			b.results[i].Err = b.e.unknownToken(s)
		default:
			err := b.e.denied(s, f.what, f.path, f.capability)
			if f.other != "" {
				err.Hint += "; or, in a key/value store of version 2, path " + strconv.Quote(f.other)
			}
			b.results[i].Err = err
		}
	}
}

// ask asks once what the server knows of the token.
func (e *endpoint) ask(ctx context.Context, s *session) (verdict, error) {
	_, err := e.lookupSelf(ctx, s)
	var r *refusal
	switch {
	case err == nil:
		return good, nil
	case !errors.As(err, &r):
		return unknown, err
	case r.verdict() == good:
		return good, nil
	case r.status == http.StatusForbidden:
		return dead, nil
	}
	if err = e.failed(err, "asking for "+s.how, s.token); lasting(err) {
		return unknown, nil // the first answer counts: that one was no 404
	}
	return unknown, err
}

// judge is failed for a single request with the token of s.
func (e *endpoint) judge(ctx context.Context, s *session, err error, what, path, capability string) error {
	var r *refusal
	if !errors.As(err, &r) || r.status != http.StatusForbidden {
		return e.failed(err, what, s.token)
	}
	judged := r.verdict()
	if judged == unknown {
		var askErr error
		if judged, askErr = e.ask(ctx, s); askErr != nil {
			return askErr
		}
	}
	if judged == dead {
		return e.unknownToken(s)
	}
	return e.denied(s, what, path, capability)
}

// hash is a version for what has none: equal for equal values within this process.
func (p *provider) hash(value []byte) string {
	h := hmac.New(sha256.New, p.key[:])
	h.Write(value)
	return "h" + hex.EncodeToString(h.Sum(nil)[:8])
}

// lags tells whether an address has an older version than another one had. What one
// address gives may get older: a backup was restored.
func (p *provider) lags(e *endpoint, key providers.Key, created time.Time) bool {
	p.lock.Lock()
	defer p.lock.Unlock()
	name := key.String()
	before, known := p.seen[name]
	if known && before.from != e && created.Before(before.created) {
		return true
	}
	p.seen[name] = sight{created, e}
	return false
}

// tool returns a command of the command line tool, to be pasted into a shell.
func (p *settings) tool(args ...string) string {
	return command.Line(append([]string{p.kind}, args...))
}

func (p *provider) product() string {
	if p.kind == "bao" {
		return "OpenBao"
	}
	return "Vault"
}

// loginCommand returns the command that logs a user in.
func (p *settings) loginCommand() string {
	args := []string{"login", "-address=" + p.addresses[0].String()}
	if p.namespace != "" {
		args = append(args, "-namespace="+p.namespace)
	}
	return p.tool(args...)
}
