package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/pyleeai/pylee/internal/atomicfile"
)

const maxList = 512 << 10 // 100 hybrid recipients take 200 KiB

// ListPath returns where the list of recipients may stand that people can read and
// review: beside the store, in the form that age -R reads. The list inside the store
// counts. Where both are there and differ, the store is not used until
// AcceptRecipients.
func (f File) ListPath() string { return strings.TrimSuffix(f.Path, ".age") + ".recipients" }

// readList returns nil if there is no list beside the store.
func (f File) readList() ([]RecipientInfo, error) {
	path := f.ListPath()
	data, _, err := readGuarded(path, guard{max: maxList})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	list := []RecipientInfo{}
	name, number := "", 0
	for line := range bytes.Lines(data) {
		number++
		line := strings.TrimSpace(string(line))
		if comment, ok := strings.CutPrefix(line, "#"); ok {
			name = strings.TrimSpace(comment)
			continue
		}
		if line != "" {
			if _, err := f.Keys.parseRecipients([]string{line}); err != nil || indexRecipient(list, line) >= 0 || !validRecipientName(name) {
				return nil, invalid(fmt.Sprintf("%s: line %d is no recipient, or one that is there twice", path, number), "the list has a recipient per line, with its name in a comment before it")
			}
			list = append(list, RecipientInfo{Recipient: line, Name: name, Added: f.now()})
		}
		name = ""
	}
	return list, nil
}

// judgeList refuses a list beside the store that is not the one inside.
func (f File) judgeList(d *document) error {
	list, err := f.readList()
	if list == nil || err != nil {
		return err
	}
	c := compareRecipients(d.recipientInfos(), list)
	if c.None() {
		return nil
	}
	return integrity(
		fmt.Sprintf("%s: differs from the recipients inside %s: %d more, %d fewer", f.ListPath(), f.Path, len(c.Added), len(c.Removed)),
		"look at it, then: "+f.command("recipients", "accept")+"; or remove the list: rm "+quotePath(f.ListPath()))
}

// writeList makes list the one beside the store, if there is one, and returns how to
// put the old one back. It comes before the store: after a crash in between the
// lists differ, and AcceptRecipients completes the change.
func (f File) writeList(list []RecipientInfo) (undo func(), err error) {
	path := f.ListPath()
	old, info, err := readGuarded(path, guard{max: maxList})
	if errors.Is(err, fs.ErrNotExist) {
		return func() {}, nil
	}
	if err != nil {
		return nil, err
	}
	var text strings.Builder
	for _, r := range list {
		if r.Name != "" {
			text.WriteString("# " + r.Name + "\n")
		}
		text.WriteString(r.Recipient + "\n")
	}
	if text.String() == string(old) {
		return func() {}, nil
	}
	put := func(data []byte) error {
		if err := atomicfile.Sweep(path); err != nil {
			return err
		}
		if err := atomicfile.Write(path, data, atomicfile.Options{}); err != nil {
			return err
		}
		return os.Chmod(path, info.Mode().Perm())
	}
	undo = func() { put(old) } //nolint:errcheck // the lists differ then, which is told
	if err := put([]byte(text.String())); err != nil {
		undo()
		return nil, ioError(path, err)
	}
	return undo, nil
}

// PendingRecipients tells what AcceptRecipients would change.
func (f File) PendingRecipients() (RecipientChange, error) {
	f, err := f.ready()
	if err != nil {
		return RecipientChange{}, err
	}
	c, err := f.readStore()
	if err != nil {
		return RecipientChange{}, err
	}
	defer clear(c.doc.plain)
	list, err := f.readList()
	if list == nil || err != nil {
		return RecipientChange{}, err
	}
	return compareRecipients(c.doc.recipientInfos(), list), nil
}

// AcceptRecipients encrypts the store to the list beside it. confirm is asked first,
// while the store is locked, what it says to the very change that follows; nil agrees
// to all. Its error is returned.
func (f File) AcceptRecipients(ctx context.Context, confirm func(RecipientChange) error) (done RecipientChange, err error) {
	err = f.update(ctx, File.readStore, func(c *content, e *Edit) error {
		list, err := e.file.readList()
		if err != nil {
			return err
		}
		if list == nil {
			return invalid(e.file.ListPath()+": there is no list to accept", f.command("recipients", "list"))
		}
		inside := c.doc.recipientInfos()
		for i, r := range list { // who stays keeps the time
			if k := indexRecipient(inside, r.Recipient); k >= 0 {
				list[i].Added = inside[k].Added
			}
		}
		change := compareRecipients(inside, list)
		if change.None() {
			return nil
		}
		if confirm != nil {
			if err := confirm(change); err != nil {
				return err
			}
		}
		done, err = e.encryptTo(list)
		return err
	})
	return done, err
}
