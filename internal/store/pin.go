package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/pyleeai/pylee/internal/atomicfile"
	"github.com/pyleeai/pylee/providers"
)

// pin remembers a store outside of it: whoever knows a recipient can write a file
// that opens, but does not know store_secret, and old files stay valid forever.
// There is one per path, in StateDir/stores:
//
//	{"pylee_pin":1,"store":"<path>","id":"<hash of store_secret>","generation":42}
//
// While store_secret is being changed, "next" has the hash of the new one.
type pin struct {
	Format     int    `json:"pylee_pin"`
	Store      string `json:"store"`
	ID         string `json:"id"`
	Generation uint64 `json:"generation"`
	Next       string `json:"next,omitempty"`
}

// pinPath returns "" if there is no state directory, and so no pin.
func (f File) pinPath() string {
	if f.StateDir == "" {
		return ""
	}
	sum := sha256.Sum256([]byte("pylee store path\n" + f.Path))
	return filepath.Join(f.StateDir, "stores", hex.EncodeToString(sum[:16]))
}

// readPin returns nil if nothing is pinned yet. It must come before the store is
// read: a writer renews the pin after the store.
func (f File) readPin() (*pin, error) {
	path := f.pinPath()
	if path == "" {
		return nil, nil
	}
	if err := judgeDir(filepath.Dir(path)); err != nil {
		return nil, err
	}
	data, _, err := readGuarded(path, guard{max: 64 << 10, forbid: 0o022})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	p := &pin{}
	if json.Unmarshal(data, p) != nil || p.Format != 1 || p.ID == "" || p.Store != f.Path {
		return nil, integrity(path+": the pin of "+f.Path+" is damaged", "if the store is the right one: rm "+quotePath(path))
	}
	return p, nil
}

// knows tells whether a store is the one that was pinned.
func (p *pin) knows(d *document) bool { return p.ID == d.id || p.Next == d.id }

// judgePin compares a store with its pin.
func (f File) judgePin(p *pin, d *document) error {
	if d.env != f.Env {
		return integrity(
			fmt.Sprintf("%s: holds the secrets of the environment %s, not of %s", f.Path, d.env, f.Env),
			"restore the right file, or ask for that environment: --env "+d.env)
	}
	if p == nil {
		return nil
	}
	if !p.knows(d) {
		return integrity(
			f.Path+": is not the store that was used here before: it was forged or replaced",
			"restore the right file; if it was replaced or rekeyed on purpose: "+f.command("verify", "--accept-replaced"))
	}
	if d.generation < p.Generation {
		return integrity(
			fmt.Sprintf("%s: was rolled back: it has generation %d, and %d was seen before", f.Path, d.generation, p.Generation),
			"restore the newest copy; if you restored a backup on purpose: "+f.command("verify", "--accept-rollback"))
	}
	return nil
}

// vanished is the error of a store that a pin knows and that is not there any more: a
// new one in its place would hide the loss and drop the last copy.
func (f File) vanished() error {
	p, err := f.readPin()
	if p == nil || err != nil {
		return err
	}
	return &providers.Error{
		Kind:   providers.ErrNotFound,
		Detail: fmt.Sprintf("no store at %s: a store with %d changes was here, and is gone", f.Path, p.Generation),
		Hint:   "restore it from a backup, or from " + f.Path + ".bak; to begin anew: " + f.command("init"),
	}
}

// forgetPin removes the pin of a store that is gone, before a new one is made, and
// returns the last generation that was seen; 0 if there was no pin.
func (f File) forgetPin() (generation uint64, err error) {
	p, err := f.readPin()
	if p == nil || err != nil {
		return 0, err
	}
	if err := os.Remove(f.pinPath()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, ioError(f.pinPath(), err)
	}
	return p.Generation, nil
}

// raise pins a store, or its newer generation; it never lowers a pin.
func (f File) raise(ctx context.Context, d *document, wait time.Duration) error {
	return f.repin(ctx, wait, func(now *pin) *pin {
		if now != nil && (!now.knows(d) || now.ID == d.id && now.Generation >= d.generation) {
			return nil
		}
		return &pin{ID: d.id, Generation: d.generation}
	})
}

// announce lets the pin know the store_secret of d before the store has it: whichever
// of both a crash leaves is the right one.
func (f File) announce(ctx context.Context, d *document) error {
	return f.repin(ctx, f.wait(), func(now *pin) *pin {
		if now == nil {
			return nil
		}
		return &pin{ID: now.ID, Generation: now.Generation, Next: d.id}
	})
}

// accept pins a store whatever was pinned before.
func (f File) accept(ctx context.Context, d *document, wait time.Duration) error {
	return f.repin(ctx, wait, func(*pin) *pin { return &pin{ID: d.id, Generation: d.generation} })
}

// repin replaces the pin by what change makes of it; nil leaves it.
func (f File) repin(ctx context.Context, wait time.Duration, change func(now *pin) *pin) error {
	path := f.pinPath()
	if path == "" {
		return nil
	}
	if err := judgeDir(filepath.Dir(path)); err != nil {
		return err
	}
	if err := atomicfile.MkdirAll(filepath.Dir(path)); err != nil {
		return ioError(path, err)
	}
	held, err := lock(ctx, path, wait)
	if err != nil {
		return err
	}
	defer held.Close()
	now, err := f.readPin()
	if err != nil {
		return err
	}
	next := change(now)
	if next == nil {
		return nil
	}
	next.Format, next.Store = 1, f.Path
	data, err := json.Marshal(next)
	if err != nil {
		return ioError(path, err)
	}
	if err := atomicfile.Sweep(path); err != nil {
		return ioError(path, err)
	}
	if err := atomicfile.Write(path, append(data, '\n'), atomicfile.Options{}); err != nil {
		return ioError(path, err)
	}
	return nil
}
