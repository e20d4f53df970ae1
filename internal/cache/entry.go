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
	Secret   hidden    `json:"-"`     // written by encode alone, into the encrypted file
}

// hidden is the value of an entry. It prints as [redacted], and no encoder sees it.
type hidden struct {
	value  providers.Value
	fields func() map[string]providers.Value // a closure, which nothing prints
}

type plainSecret struct {
	Value  []byte            `json:"value"`
	Fields map[string][]byte `json:"fields,omitempty"`
}

// written is an entry as it stands in the file.
type written struct {
	*entry
	Plain plainSecret `json:"secret"`
}

// encode returns what the file is to hold before it is encrypted.
func (c *content) encode() ([]byte, error) {
	plain := struct {
		*content
		Entries []written `json:"entries"`
	}{c, make([]written, len(c.Entries))}
	for i, e := range c.Entries {
		plain.Entries[i] = written{e, e.Secret.plain()}
	}
	return json.Marshal(plain)
}

// plain returns the bytes.
func (h hidden) plain() plainSecret {
	p := plainSecret{Value: h.value.Reveal()}
	if fields := h.fields(); fields != nil {
		p.Fields = make(map[string][]byte, len(fields))
		for name, v := range fields {
			p.Fields[name] = v.Reveal()
		}
	}
	return p
}

// hide is the opposite of plain.
func hide(p plainSecret) hidden {
	var fields map[string]providers.Value
	if p.Fields != nil {
		fields = make(map[string]providers.Value, len(p.Fields))
		for name, b := range p.Fields {
			fields[name] = providers.NewValue(b)
		}
	}
	return hidden{providers.NewValue(p.Value), func() map[string]providers.Value { return fields }}
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
	plain := struct {
		*content
		Entries []*struct {
			entry
			Plain *plainSecret `json:"secret"`
		} `json:"entries"`
	}{content: c}
	if data == nil || json.Unmarshal(data, &plain) != nil || c.Format != format || len(c.Salt) != saltSize {
		return newContent()
	}
	for _, e := range plain.Entries {
		if e == nil || e.Plain == nil {
			return newContent()
		}
		e.Secret = hide(*e.Plain)
		c.Entries = append(c.Entries, &e.entry)
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
