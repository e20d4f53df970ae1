package cache

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/pyleeai/pylee/providers"
)

const format = 1

// content is what the file holds, encrypted:
//
//	{"pylee_cache":1,"salt":"<base64>","seen":"<time>","entries":[...]}
type content struct {
	Format  int       `json:"pylee_cache"`
	Salt    []byte    `json:"salt"` // keys the hashes of logins
	Seen    time.Time `json:"seen"` // of the last write
	Entries []*entry  `json:"entries"`
}

// entry is the last good answer to one key under one login.
type entry struct {
	Instance string    `json:"instance"`
	Kind     string    `json:"kind"`
	Key      string    `json:"key"`    // canonical
	Login    string    `json:"login"`  // hash of what says who asks whom
	Config   string    `json:"config"` // hash of the config that asked
	Version  string    `json:"version,omitempty"`
	Text     bool      `json:"text,omitempty"`
	Created  time.Time `json:"created,omitzero"`
	Expires  time.Time `json:"expires,omitzero"`
	Due      time.Time `json:"due,omitzero"`
	Fetched  time.Time `json:"fetched_at"`
	Until    time.Time `json:"until"` // it is dropped from then on
	Secret   hidden    `json:"secret"`
}

// hidden is the value of an entry. Only its encoding, which goes into the encrypted
// file, reveals it; it prints as [redacted].
type hidden struct {
	value  providers.Value
	fields func() map[string]providers.Value // a closure, which nothing prints
}

type plainSecret struct {
	Value  []byte            `json:"value"`
	Fields map[string][]byte `json:"fields,omitempty"`
}

// MarshalJSON writes the bytes.
func (h hidden) MarshalJSON() ([]byte, error) {
	p := plainSecret{Value: h.value.Reveal()}
	if fields := h.fields(); fields != nil {
		p.Fields = make(map[string][]byte, len(fields))
		for name, v := range fields {
			p.Fields[name] = v.Reveal()
		}
	}
	return json.Marshal(p)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (h *hidden) UnmarshalJSON(data []byte) error {
	var p plainSecret
	if json.Unmarshal(data, &p) != nil {
		return errShape
	}
	h.value = providers.NewValue(p.Value)
	var fields map[string]providers.Value
	if p.Fields != nil {
		fields = make(map[string]providers.Value, len(p.Fields))
		for name, b := range p.Fields {
			fields[name] = providers.NewValue(b)
		}
	}
	h.fields = func() map[string]providers.Value { return fields }
	return nil
}

// newEntry returns what is kept of a secret.
func newEntry(id entryID, kind, config string, s providers.Secret, now time.Time, maxStale time.Duration) *entry {
	fields := s.Fields
	return &entry{
		Instance: id.instance, Kind: kind, Key: id.key, Login: id.login, Config: config,
		Version: s.Version, Text: s.Text, Created: s.Created, Expires: s.Expires, Due: s.Due,
		Fetched: now.UTC(), Until: now.Add(maxStale).UTC(),
		Secret: hidden{s.Value, func() map[string]providers.Value { return fields }},
	}
}

// entryID tells entries apart.
type entryID struct{ instance, key, login string }

func (e *entry) id() entryID { return entryID{e.Instance, e.Key, e.Login} }

// secret returns the entry as the provider gave it.
func (e *entry) secret() providers.Secret {
	return providers.Secret{
		Value: e.Secret.value, Fields: e.Secret.fields(), Text: e.Text, Version: e.Version,
		Created: e.Created, Expires: e.Expires, Due: e.Due,
	}
}

// same tells whether both give the same.
func (e *entry) same(o *entry) bool {
	x, y := e.secret(), o.secret()
	if !x.Value.Equal(y.Value) || len(x.Fields) != len(y.Fields) || x.Text != y.Text || x.Version != y.Version || !x.Expires.Equal(y.Expires) {
		return false
	}
	for name, v := range x.Fields {
		if w, ok := y.Fields[name]; !ok || !v.Equal(w) {
			return false
		}
	}
	return true
}

// parse reads content; nil is an empty cache, and so is one of another format.
func parse(data []byte) *content {
	c := &content{}
	if data == nil || json.Unmarshal(data, c) != nil || c.Format != format || len(c.Salt) != saltSize {
		return newContent()
	}
	for _, e := range c.Entries {
		if e == nil || e.Secret.fields == nil {
			return newContent()
		}
	}
	return c
}

func (c *content) find(id entryID) *entry {
	for _, e := range c.Entries {
		if e.id() == id {
			return e
		}
	}
	return nil
}

func itoa(n time.Duration) string { return strconv.FormatInt(int64(n), 10) }
