package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"
)

// Format is the number of the document's format that this package reads and
// writes.
const Format = 1

// document is what a store file holds, decrypted:
//
//	{"pylee_store":1,"store_secret":"<32 random bytes, base64>","env":"production",
//	 "generation":42,"prev":"<SHA-256 of the previous ciphertext, hex>","updated":"<time>",
//	 "recipients":[{"r":"age1...","name":"alice","added":"<time>"}],
//	 "secrets":{"db/password":{"active":3,"latest":3,"rotate_after":"90d","labels":{},
//	   "rotate_required":2,
//	   "versions":{"3":{"v":"<base64>","created":"<time>","expires":"<time>",
//	     "state":"ok","by":"uid:1000","note":"...","staged":true}}}}}
//
// Versions up to rotate_required are known to a recipient who was removed. A state
// is ok or revoked; staged stands in a version until it is activated. Times are RFC 3339 in UTC. A secret that was removed stays as
// {"active":0,"latest":3,"versions":{}}, because numbers are never used again.
// Members that are not drawn here are kept when the document is rewritten.
type document struct {
	plain      []byte // what all raw bytes below are part of
	members    object
	id         string // public name of store_secret
	env        string
	generation uint64
	prev       string    // what the document says of the file before it
	updated    time.Time // of the last write; zero: not said
	recipients []string
	secrets    map[string][]byte
}

// newDocument returns generation 0 of a store; the first encode makes it 1.
func newDocument(secret []byte, env string, recipients []string, now time.Time) *document {
	d := &document{env: env, secrets: map[string][]byte{}}
	d.members.set("pylee_store", []byte(strconv.Itoa(Format)))
	d.setSecret(secret)
	d.members.set("env", quote(env))
	d.members.set("generation", []byte("0"))
	d.members.set("prev", quote(""))
	d.members.set("updated", quote(stamp(now)))
	var list []RecipientInfo
	for _, r := range recipients {
		list = append(list, RecipientInfo{Recipient: r, Added: now})
	}
	d.setRecipients(list)
	d.members.set("secrets", []byte("{}"))
	return d
}

func (d *document) setSecret(secret []byte) {
	d.id = storeID(secret)
	d.members.set("store_secret", quoteBytes(secret))
}

// decode takes a document apart. It is strict about what it needs: a fault is a
// short text that names the member and never its content. The result refers to
// plain. A newer format is reported by its number alone.
func decode(plain []byte) (d *document, newer uint64, fault string) {
	if !json.Valid(plain) {
		return nil, 0, "not a JSON document"
	}
	d = &document{plain: plain}
	var ok bool
	if d.members, ok = parseObject(plain); !ok {
		return nil, 0, "not a JSON object, or a member twice"
	}
	format, ok := number(d.members.get("pylee_store"))
	if !ok || format == 0 {
		return nil, 0, "no pylee_store number"
	}
	if format != Format {
		return nil, format, ""
	}
	for _, step := range []func() string{d.decodeHead, d.decodeRecipients, d.decodeSecrets} {
		if fault := step(); fault != "" {
			return nil, 0, fault
		}
	}
	return d, 0, ""
}

func (d *document) decodeHead() string {
	secret, ok := secretBytes(d.members.get("store_secret"))
	if !ok || len(secret) != secretSize {
		return "store_secret is not 32 bytes in base64"
	}
	d.id = storeID(secret)
	clear(secret)
	if d.env, ok = text(d.members.get("env")); !ok || !ValidEnvironment(d.env) {
		return "env is not the name of an environment"
	}
	if d.generation, ok = number(d.members.get("generation")); !ok || d.generation == 0 {
		return "generation is not a number from 1 on"
	}
	d.prev, _ = text(d.members.get("prev")) // what they hold is of use, not needed
	d.updated, _ = moment(d.members.get("updated"))
	return ""
}

func (d *document) decodeRecipients() string {
	ok := eachElement(d.members.get("recipients"), func(raw []byte) bool {
		o, ok := parseObject(raw)
		if !ok || len(d.recipients) >= MaxRecipients {
			return false
		}
		r, ok := text(o.get("r"))
		d.recipients = append(d.recipients, r)
		return ok && r != ""
	})
	if !ok || len(d.recipients) == 0 {
		return "recipients is not a list of 1 to 100 recipients"
	}
	return ""
}

func (d *document) decodeSecrets() string {
	raw := d.members.get("secrets")
	// A secret takes some 150 bytes: the guess saves growing the map.
	d.secrets = make(map[string][]byte, min(len(raw)/128, MaxSecrets))
	twice := false
	ok := eachMember(raw, func(name string, raw []byte) bool {
		_, twice = d.secrets[name]
		d.secrets[name] = raw
		return !twice
	})
	if !ok {
		return "secrets is not an object, or a name is there twice"
	}
	return ""
}

// encode writes the next generation of the document; previous is the hash of the
// ciphertext that it replaces, "" for none.
func (d *document) encode(previous string, now time.Time) []byte {
	size := 0
	for name, raw := range d.secrets {
		size += len(name) + len(raw) + 4
	}
	secrets := make([]byte, 0, size+2)
	secrets = append(secrets, '{')
	for i, name := range slices.Sorted(maps.Keys(d.secrets)) {
		if i > 0 {
			secrets = append(secrets, ',')
		}
		secrets = append(secrets, quote(name)...)
		secrets = append(secrets, ':')
		secrets = append(secrets, d.secrets[name]...)
	}
	secrets = append(secrets, '}')
	defer clear(secrets)

	d.generation++
	d.prev, d.updated = previous, now
	next := slices.Clone(d.members)
	next.set("generation", strconv.AppendUint(nil, d.generation, 10))
	next.set("prev", quote(previous))
	next.set("updated", quote(stamp(now)))
	next.set("secrets", secrets)
	return next.appendTo(make([]byte, 0, len(secrets)+4096))
}

// clock returns the time that counts for what the store holds: now, but not before
// the last write. A clock that was set back does not bring back what had expired.
func (d *document) clock(now time.Time) time.Time {
	if d.updated.After(now) {
		return d.updated
	}
	return now
}

// same tells whether o holds what d holds.
func (d *document) same(o *document) bool {
	return d.id == o.id && d.env == o.env && d.generation == o.generation &&
		slices.Equal(d.recipients, o.recipients) && maps.EqualFunc(d.secrets, o.secrets, bytes.Equal)
}

// storeID is the public name of a store: nobody who can only encrypt to its
// recipients knows the secret behind it.
func storeID(secret []byte) string {
	sum := sha256.Sum256(append([]byte("pylee store 1\n"), secret...))
	return hex.EncodeToString(sum[:])
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
