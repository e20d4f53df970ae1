package store

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/pyleeai/pylee/providers"
)

// RecipientInfo is somebody who can open a store.
type RecipientInfo struct {
	Recipient string    // age1...
	Name      string    // may be empty
	Added     time.Time // zero: not known
}

// RecipientChange tells what becomes of the recipients of a store.
type RecipientChange struct {
	Added, Removed []RecipientInfo
	Rotate         []string // names of the secrets that those who were removed have seen
}

// None tells that nothing changes.
func (c RecipientChange) None() bool { return len(c.Added)+len(c.Removed) == 0 }

// Recipients returns whom the store is encrypted to.
func (s *Store) Recipients() []RecipientInfo { return s.doc().recipientInfos() }

// AddRecipient lets recipient open the store from now on. name may be empty. One that
// is there already is an error.
func (f File) AddRecipient(ctx context.Context, recipient, name string) (RecipientChange, error) {
	if !validRecipientName(name) {
		return RecipientChange{}, invalid(fmt.Sprintf("recipient: the name must be one line of up to %d bytes", MaxLabel), "such as alice@example.org")
	}
	if _, err := f.Keys.parseRecipients([]string{recipient}); err != nil {
		return RecipientChange{}, err // before it is one of many
	}
	return f.changeRecipients(ctx, func(list []RecipientInfo) ([]RecipientInfo, error) {
		if i := indexRecipient(list, recipient); i >= 0 {
			return nil, invalid(f.Path+": that recipient can open the store already", "see them: "+f.command("recipients", "list"))
		}
		return append(list, RecipientInfo{Recipient: recipient, Name: name, Added: f.now()}), nil
	})
}

// RemoveRecipient encrypts the store anew without a recipient, who is named by the
// public key or by the name, marks every secret as one that must be rotated, and
// removes the backup. What the one who was removed has read stays known.
func (f File) RemoveRecipient(ctx context.Context, who string) (RecipientChange, error) {
	return f.changeRecipients(ctx, func(list []RecipientInfo) ([]RecipientInfo, error) {
		i := indexRecipient(list, who)
		if i < 0 {
			return nil, &providers.Error{
				Kind: providers.ErrNotFound, Detail: f.Path + ": no single recipient has that key or name",
				Hint: "see them: " + f.command("recipients", "list"),
			}
		}
		return slices.Delete(list, i, i+1), nil
	})
}

// changeRecipients is Update for the list of recipients.
func (f File) changeRecipients(ctx context.Context, change func([]RecipientInfo) ([]RecipientInfo, error)) (done RecipientChange, err error) {
	err = f.update(ctx, File.read, func(c *content, e *Edit) error {
		list, err := change(c.doc.recipientInfos())
		if err != nil {
			return err
		}
		done, err = e.encryptTo(list)
		return err
	})
	return done, err
}

// encryptTo makes list the recipients. When one is left out, every secret must be
// rotated.
func (e *Edit) encryptTo(list []RecipientInfo) (RecipientChange, error) {
	f, d := e.file, e.doc()
	if len(list) == 0 || len(list) > MaxRecipients {
		return RecipientChange{}, invalid(fmt.Sprintf("%s: a store has 1 to %d recipients", f.Path, MaxRecipients), "")
	}
	if _, err := f.Keys.parseRecipients(keysOf(list)); err != nil {
		return RecipientChange{}, err
	}
	change := compareRecipients(d.recipientInfos(), list)
	if change.None() {
		return change, nil
	}
	d.setRecipients(list)
	e.changed, e.relist = true, true
	if len(change.Removed) > 0 {
		e.destroy = true
		change.Rotate = d.markAll()
	}
	return change, nil
}

// markAll marks every secret as one that must be rotated and returns their names.
func (d *document) markAll() []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(d.secrets)) {
		s, ok := parseSecret(d.secrets[name])
		if !ok || s.gone() {
			continue
		}
		s.mark()
		d.secrets[name] = s.encode()
		if ValidName(name) {
			names = append(names, name)
		}
	}
	return names
}

// RekeyOptions of Rekey.
type RekeyOptions struct {
	Recipients []RecipientInfo // instead of those that there are; empty: the same
}

// Rekey gives the store a new store_secret and encrypts it anew, and removes the
// backup. Whoever knew the old store_secret cannot forge the store any more. Where
// else the store was seen it must be accepted once: see VerifyOptions.
func (f File) Rekey(ctx context.Context, o RekeyOptions) (done RecipientChange, err error) {
	err = f.update(ctx, File.read, func(c *content, e *Edit) error {
		list := o.Recipients
		if len(list) == 0 {
			list = c.doc.recipientInfos()
		}
		if done, err = e.encryptTo(list); err != nil {
			return err
		}
		secret := make([]byte, secretSize)
		defer clear(secret)
		rand.Read(secret) //nolint:errcheck // never fails since Go 1.24
		c.doc.setSecret(secret)
		e.changed, e.destroy, e.rekeyed = true, true, true
		return nil
	})
	return done, err
}

// recipientInfos reads the list of the document, which decode has judged.
func (d *document) recipientInfos() []RecipientInfo {
	var list []RecipientInfo
	eachElement(d.members.get("recipients"), func(raw []byte) bool {
		o, _ := parseObject(raw)
		r := RecipientInfo{}
		r.Recipient, _ = text(o.get("r"))
		r.Name, _ = text(o.get("name"))
		r.Added, _ = moment(o.get("added"))
		if !validRecipientName(r.Name) { // it may be a command to a terminal
			r.Name = ""
		}
		list = append(list, r)
		return true
	})
	return list
}

func (d *document) setRecipients(list []RecipientInfo) {
	raw := []byte{'['}
	for i, r := range list {
		if i > 0 {
			raw = append(raw, ',')
		}
		o := object{{"r", quote(r.Recipient)}}
		if r.Name != "" {
			o.set("name", quote(r.Name))
		}
		if !r.Added.IsZero() {
			o.set("added", quote(stamp(r.Added)))
		}
		raw = o.appendTo(raw)
	}
	d.members.set("recipients", append(raw, ']'))
	d.recipients = keysOf(list)
}

func keysOf(list []RecipientInfo) []string {
	keys := make([]string, len(list))
	for i, r := range list {
		keys[i] = r.Recipient
	}
	return keys
}

func compareRecipients(old, new []RecipientInfo) (c RecipientChange) {
	c.Added = without(new, keysOf(old))
	c.Removed = without(old, keysOf(new))
	return c
}

func without(list []RecipientInfo, keys []string) []RecipientInfo {
	var left []RecipientInfo
	for _, r := range list {
		if !slices.Contains(keys, r.Recipient) {
			left = append(left, r)
		}
	}
	return left
}

// indexRecipient finds a recipient by key, else by a name that one alone has.
func indexRecipient(list []RecipientInfo, who string) int {
	named := -1
	for i, r := range list {
		if r.Recipient == who {
			return i
		}
		if r.Name == who && who != "" {
			if named >= 0 {
				named = len(list)
			} else {
				named = i
			}
		}
	}
	if named == len(list) {
		return -1
	}
	return named
}

func validRecipientName(name string) bool {
	return len(name) <= MaxLabel && utf8.ValidString(name) && !strings.ContainsFunc(name, unicode.IsControl)
}
