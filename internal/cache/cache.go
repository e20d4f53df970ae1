// Package cache keeps the last good answers of remote providers across processes, so
// that a command can start while its provider is down. It is off by default: the time
// for which it serves is the time for which a revoked secret still works for somebody
// who can keep pylee from its provider.
//
// It decides what a failure of a provider means for what was kept, and nothing about
// references, retries or messages. It is no provider and wraps none: package resolve
// tells it of answers and asks it where there are none. What is leased is never kept.
package cache

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/pyleeai/pylee/internal/store"
	"github.com/pyleeai/pylee/providers"
)

const (
	// Name is that of the cache below the state directory.
	Name = "cache"

	saltSize = 32 // bytes
)

// Options of a cache.
type Options struct {
	Settings                  // as Parse returns them
	NoStale  bool             // answers are kept, and never served
	Config   string           // hash of the config that asks, for people
	Now      func() time.Time // nil: time.Now
}

// Cache is what was kept, and what is to be kept. It prints nothing of it. Its methods
// may be called by several goroutines at once.
type Cache struct {
	file *store.Sealed
	o    Options

	mu      sync.Mutex
	now     func() *content // what the file held; a closure, which nothing prints
	changes []change        // since the last Save
	failed  map[string]error
}

// change is what became of an answer.
type change struct {
	put  *entry  // an answer; nil: something is dropped
	drop entryID // without a key: all of the login
}

// Open reads what was kept in file. A file that cannot be used is an error beside a
// cache that holds nothing, and that replaces the file once there is an answer.
func Open(file *store.Sealed, o Options) (*Cache, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	data, err := file.Read()
	defer clear(data)
	c := parse(data)
	return &Cache{file: file, o: o, now: func() *content { return c }, failed: map[string]error{}}, err
}

func newContent() *content {
	c := &content{Format: format, Salt: make([]byte, saltSize)}
	rand.Read(c.Salt) //nolint:errcheck // never fails since Go 1.24
	return c
}

// cached tells whether answers of an instance are kept at all: those from elsewhere, if
// the settings do not name others.
func (c *Cache) cached(kind, instance string) bool {
	s, ok := providers.Find(kind)
	if !ok || !s.Helper && kind != "exec" && kind != "summon" {
		return false
	}
	return len(c.o.Providers) == 0 || slices.Contains(c.o.Providers, instance)
}

// Learn takes what a provider said to the keys of one fetch. results has a result for
// each key, whose errors wrap a kind of package providers.
func (c *Cache) Learn(kind string, s providers.Settings, keys []providers.Key, results []providers.Result) {
	if !c.cached(kind, s.Instance) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	id := entryID{instance: s.Instance, login: login(now.Salt, kind, s)}
	for i, key := range keys { // a refusal comes before the answers beside it
		switch ActionOf(results[i].Err) {
		case DropLogin:
			c.change(change{drop: id})
		case DropEntry:
			id := id
			id.key = key.String()
			c.change(change{drop: id})
		case Refuse, Serve:
		}
	}
	for i, key := range keys {
		if results[i].Err != nil {
			continue
		}
		id := id
		id.key = key.String()
		if results[i].Secret.Lease != (providers.Lease{}) {
			c.change(change{drop: id}) // what was kept of it is of before there were leases
			continue
		}
		c.keep(newEntry(id, kind, c.o.Config, results[i].Secret, c.o.Now(), c.o.MaxStale))
	}
}

// keep notes an answer. One that is as it was a moment ago is not worth writing.
func (c *Cache) keep(e *entry) {
	old := c.now().find(e.id())
	if old != nil && old.same(e) && !e.Fetched.Before(old.Fetched) && e.Fetched.Sub(old.Fetched) < min(c.o.MaxStale/16, time.Minute) {
		return
	}
	c.change(change{put: e})
}

// change takes effect at once, and in the file with Save.
func (c *Cache) change(ch change) {
	if c.now().apply(ch) {
		c.changes = append(c.changes, ch)
	}
}

// apply tells whether it changed anything.
func (c *content) apply(ch change) bool {
	before := len(c.Entries)
	c.Entries = slices.DeleteFunc(c.Entries, func(e *entry) bool {
		if ch.put != nil {
			return e.id() == ch.put.id()
		}
		return e.Login == ch.drop.login && (ch.drop.key == "" || e.id() == ch.drop)
	})
	if ch.put != nil {
		c.Entries = append(c.Entries, ch.put)
		return true
	}
	return len(c.Entries) != before
}

// Recall returns what stands in for an answer that failed with err, and when it was
// fetched. If nothing may, the error is err, with the reason added where something is
// there.
func (c *Cache) Recall(kind string, s providers.Settings, key providers.Key, err error) (providers.Secret, time.Time, error) {
	none := providers.Secret{}
	if ActionOf(err) != Serve || !c.cached(kind, s.Instance) {
		return none, time.Time{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	kept := c.now()
	e := kept.find(entryID{s.Instance, key.String(), login(kept.Salt, kind, s)})
	if e == nil {
		return none, time.Time{}, err
	}
	now := c.o.Now()
	if c.o.NoStale {
		return none, time.Time{}, because(err, "a value of "+Age(now.Sub(e.Fetched))+" ago is cached, and --no-stale refuses it")
	}
	if why := e.refusal(now, kept.Seen, c.o.MaxStale); why != "" {
		return none, time.Time{}, because(err, why)
	}
	c.failed[s.Instance] = err
	return e.secret(), e.Fetched, nil
}

// because returns err with why added.
func because(err error, why string) error {
	e := &providers.Error{Kind: providers.KindOf(err), Reason: providers.ReasonOf(err)}
	if known := (*providers.Error)(nil); errors.As(err, &known) {
		*e = *known
	}
	e.Detail = err.Error() + "; " + why
	return e
}

// Failed returns why values of an instance were served, nil if none were.
func (c *Cache) Failed(instance string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failed[instance]
}

// MaxStale returns how long an answer is served.
func (c *Cache) MaxStale() time.Duration { return c.o.MaxStale }

// Save writes what was learnt since the last Save, if anything was. What other
// processes wrote meanwhile stays, but for what was dropped here.
func (c *Cache) Save(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.changes) == 0 {
		return nil
	}
	now, salt := c.o.Now(), c.now().Salt
	err := c.file.Update(ctx, func(data []byte) ([]byte, error) {
		there := parse(data)
		if data == nil || !slices.Equal(there.Salt, salt) {
			there = &content{Format: format, Salt: salt} // begun anew meanwhile: its hashes are not ours
		}
		there.replay(c.changes, now)
		return there.encode()
	})
	if err == nil {
		c.changes = nil
	}
	return err
}

// replay applies changes, and drops what is of no use to anybody any more. A newer
// answer of another process stays.
func (c *content) replay(changes []change, now time.Time) {
	for _, ch := range changes {
		if ch.put != nil {
			if other := c.find(ch.put.id()); other != nil && other.Fetched.After(ch.put.Fetched) && !other.Fetched.After(now) {
				continue
			}
		}
		c.apply(ch)
	}
	c.Entries = slices.DeleteFunc(c.Entries, func(e *entry) bool {
		return now.After(e.Until) || !e.Expires.IsZero() && !now.Before(e.Expires)
	})
	c.Seen = now.UTC()
}
