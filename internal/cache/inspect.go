package cache

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/pyleeai/pylee/internal/store"
	"github.com/pyleeai/pylee/providers"
)

// Info is what can be shown of an answer that is kept.
type Info struct {
	Reference string        `json:"reference"` // instance:key, without a field
	Version   string        `json:"version,omitempty"`
	Fetched   time.Time     `json:"fetched_at"`
	Expires   time.Time     `json:"expires,omitzero"`
	Refused   time.Time     `json:"refused_after"` // from then on it is not served
	Login     string        `json:"login"`         // a hash: the same for the same login
	Config    string        `json:"config,omitempty"`
	Age       time.Duration `json:"-"`
	Why       string        `json:"why_refused,omitempty"` // empty: it may be served
}

// List returns what is kept, sorted by reference.
func (c *Cache) List() []Info {
	c.mu.Lock()
	defer c.mu.Unlock()
	kept, now := c.now(), c.o.Now()
	list := make([]Info, 0, len(kept.Entries))
	for _, e := range kept.Entries {
		refused := e.Until
		if at := e.Fetched.Add(c.o.MaxStale); at.Before(refused) {
			refused = at
		}
		if !e.Expires.IsZero() && e.Expires.Before(refused) {
			refused = e.Expires
		}
		list = append(list, Info{
			Reference: e.Instance + ":" + e.Key, Version: e.Version, Fetched: e.Fetched, Expires: e.Expires,
			Refused: refused, Login: e.Login[:min(8, len(e.Login))], Config: e.Config, Age: now.Sub(e.Fetched),
			Why: e.refusal(now, kept.Seen, c.o.MaxStale),
		})
	}
	slices.SortFunc(list, func(a, b Info) int {
		return cmp.Or(strings.Compare(a.Reference, b.Reference), strings.Compare(a.Login, b.Login))
	})
	return list
}

// Purge removes every answer to a reference from file, of all logins, and returns how
// many there were. The reference may have ${ } and a field, which do not count: all
// fields are of one answer.
func Purge(ctx context.Context, file *store.Sealed, reference string) (removed int, err error) {
	if _, err := file.Read(); err != nil {
		return 0, err
	}
	name := strings.TrimSuffix(strings.TrimPrefix(reference, "${"), "}")
	name, _, _ = strings.Cut(name, "#")
	if !strings.Contains(name, ":") {
		return 0, &providers.Error{Kind: providers.ErrInvalid, Detail: "not a reference: " + providers.QuoteName(reference), Hint: "see what is kept: pylee cache status"}
	}
	err = file.Update(ctx, func(data []byte) ([]byte, error) {
		if data == nil {
			return nil, nil
		}
		c := parse(data)
		before := len(c.Entries)
		c.Entries = slices.DeleteFunc(c.Entries, func(e *entry) bool { return e.Instance+":"+e.Key == name })
		if removed = before - len(c.Entries); removed == 0 {
			return nil, nil
		}
		return c.encode()
	})
	return removed, err
}
