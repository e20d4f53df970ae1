package watch

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// spots are where random operations happen: directories, files and links change places.
var spots = []string{"a", "b", "a/c", "b/c", "a/c/f", "b/c/f", "a/f", "f", "l", "l/f", "l/c", "a/l", "a/l/f", "..."}

// leads is what random links say.
var leads = []string{"a", "b", "b/c", "../b", "../b/c/f", "c/../f", "l", "../l", "f", ".", "/", "/a/c", "/b", "..."}

// routes are the paths that are watched while that happens.
var routes = []string{"l/c/f", "a/l/f", "a", "l/../f", "b/c", ".../f"}

// operate does one of many things, most of which fail.
func operate(d tree, kind, x, y byte) {
	p, q := d.path(spots[int(x)%len(spots)]), d.path(spots[int(y)%len(spots)])
	content := []byte{'0' + y%10}
	beside := d.path("beside")
	switch kind % 9 {
	case 0:
		os.Mkdir(p, 0o700) //nolint:errcheck // so is it in life
	case 1:
		os.WriteFile(p, content, 0o600) //nolint:errcheck
	case 2:
		os.WriteFile(beside, content, 0o600) //nolint:errcheck
		os.Rename(beside, p)                 //nolint:errcheck
	case 3:
		lead := leads[int(y)%len(leads)]
		if filepath.IsAbs(lead) {
			lead = d.path(lead)
		}
		os.Symlink(lead, beside) //nolint:errcheck
		if os.Rename(beside, p) != nil {
			os.Remove(beside) //nolint:errcheck
		}
	case 4:
		os.RemoveAll(p) //nolint:errcheck
	case 5:
		os.Rename(p, q) //nolint:errcheck
	case 6:
		os.Rename(p, beside) //nolint:errcheck
		os.Rename(q, p)      //nolint:errcheck
		os.Rename(beside, q) //nolint:errcheck
		os.RemoveAll(beside) //nolint:errcheck
	case 7:
		os.MkdirAll(p, 0o700)                               //nolint:errcheck
		os.WriteFile(filepath.Join(p, "f"), content, 0o600) //nolint:errcheck
	case 8:
		os.Link(q, p) //nolint:errcheck
	}
}

// disturb runs a script of operations beside a Watcher. Whatever happens to the directories,
// links and files of a path, after the last of it a hint comes, if there was none yet for
// what is there then.
func disturb(t *testing.T, script []byte) {
	d := newTree(t)
	var paths []string
	for _, route := range routes {
		paths = append(paths, d.dir+"/"+route) // not cleaned
	}
	d.write("a/c/f", "1")
	d.link("a", "l")
	b := newBench(t, Options{}, nil, Target{Name: "it", Paths: paths})
	await := func() {
		for _, path := range paths {
			b.await(path)
		}
	}
	for n := 0; len(script) >= 3 && n < 200; n++ {
		operate(d, script[0], script[1], script[2])
		if script[0]&0x30 == 0 { // now and then wait, so that changes meet a watch at rest
			await()
		}
		script = script[3:]
	}
	await()
}

func TestW1RandomChanges(t *testing.T) {
	for seed := range byte(12) {
		t.Run(strconv.Itoa(int(seed)), func(t *testing.T) {
			script := make([]byte, 450)
			rand.NewChaCha8([32]byte{seed}).Read(script) //nolint:errcheck // never returns an error
			disturb(t, script)
		})
	}
}

func FuzzW1RandomChanges(f *testing.F) { f.Fuzz(disturb) }
