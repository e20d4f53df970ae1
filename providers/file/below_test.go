package file_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pyleeai/pylee/providers"
)

// TestBelow checks that a key with a directory reads nothing outside of it.
func TestBelow(t *testing.T) {
	home := t.TempDir()
	dir := filepath.Join(home, "project")
	write(t, home+"/secret", canary)
	write(t, dir+"/plain", "value")
	write(t, dir+"/sub/inner", "value")
	write(t, home+"/projectile/file", canary)
	link(t, "../secret", dir+"/out")
	link(t, home, dir+"/away")
	link(t, "sub/inner", dir+"/in")
	link(t, "sub/../../secret", dir+"/dots")
	link(t, "out", dir+"/twice")
	link(t, "/proc/self/environ", dir+"/environ")
	p := open(t, "file", providers.Settings{Home: home})
	for name, ok := range map[string]bool{
		dir + "/plain": true, dir + "/in": true, dir + "/sub/../plain": true, "~/project/plain": true,
		home + "/secret": false, "~/secret": false, dir + "/../secret": false, dir + "/out": false, dir + "/dots": false,
		dir + "/away/secret": false, dir + "/twice": false, dir + "/environ": false, home + "/projectile/file": false,
		dir: false, home: false, "/etc/passwd": false, "/proc/self/environ": false, dir + "/away": false,
	} {
		r := p.Fetch(t.Context(), []providers.Key{{Name: name, Below: dir}})[0]
		if ok {
			want(t, r, nil, "value")
			continue
		}
		if r.Err == nil || providers.KindOf(r.Err) != providers.ErrInvalid || strings.Contains(r.Err.Error(), canary) {
			t.Errorf("%s: %v", name, r.Err)
		}
	}
	want(t, p.Fetch(t.Context(), []providers.Key{{Name: dir + "/none", Below: dir}})[0], providers.ErrNotFound, "no such file")
}

// TestBelowRace swaps a file and a link out of the directory while it is read.
func TestBelowRace(t *testing.T) {
	home := t.TempDir()
	dir := filepath.Join(home, "project")
	write(t, home+"/secret", canary)
	write(t, dir+"/plain", "value")
	p := open(t, "file", providers.Settings{})
	var stop atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; !stop.Load(); i++ {
			target := []string{"plain", "../secret"}[i%2]
			os.Remove(dir + "/new")               //nolint:errcheck // the next round tries again
			os.Symlink(target, dir+"/new")        //nolint:errcheck // as above
			os.Rename(dir+"/new", dir+"/changes") //nolint:errcheck // as above
		}
	}()
	for range 2000 {
		r := p.Fetch(t.Context(), []providers.Key{{Name: dir + "/changes", Below: dir}})[0]
		if r.Err == nil && string(r.Secret.Value.Reveal()) != "value" {
			t.Error("a file outside was read")
			break
		}
	}
	stop.Store(true)
	<-done
}
