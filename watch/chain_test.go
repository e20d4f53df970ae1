package watch

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// changes are things that happen to what a path leads to. After each one the watch has to
// hold for another change, made where the path then leads.
var changes = []struct {
	name   string
	path   string
	before func(tree)
	after  func(tree)
}{
	{"a file is written in place", "a/f",
		func(d tree) { d.write("a/f", "1") },
		func(d tree) { d.write("a/f", "2") }},
	{"a file is renamed over", "a/f",
		func(d tree) { d.write("a/f", "1") },
		func(d tree) { d.replace("a/f", "2") }},
	{"a file is renamed over from elsewhere", "a/f",
		func(d tree) { d.write("a/f", "1"); d.write("b/f", "2") },
		func(d tree) { d.rename("b/f", "a/f") }},
	{"a file is removed", "a/f",
		func(d tree) { d.write("a/f", "1") },
		func(d tree) { d.remove("a/f") }},
	{"a hard link is written to", "a/f",
		func(d tree) { d.write("a/f", "1"); d.must(os.Link(d.path("a/f"), d.path("g"))); d.write("a/f", "2") },
		func(d tree) { d.replace("a/f", "3") }},
	{"the data directory of a kubernetes volume is swapped", "v/key",
		func(d tree) {
			d.write("v/..1/key", "1")
			d.link("..1", "v/..data")
			d.link("..data/key", "v/key")
		},
		func(d tree) {
			d.write("v/..2/key", "2")
			d.link("..2", "v/..data")
			d.remove("v/..1")
		}},
	{"a volume is behind a link", "app/secret",
		func(d tree) {
			d.write("v/..1/key", "1")
			d.link("..1", "v/..data")
			d.link("..data/key", "v/key")
			d.link("/v/key", "app/secret")
		},
		func(d tree) {
			d.write("v/..2/key", "2")
			d.link("..2", "v/..data")
			d.remove("v/..1")
		}},
	{"a target elsewhere is replaced", "a/link",
		func(d tree) { d.write("b/c/f", "1"); d.link("/b/c/f", "a/link") },
		func(d tree) { d.replace("b/c/f", "2") }},
	{"a directory above a target is replaced", "a/link",
		func(d tree) { d.write("b/c/f", "1"); d.write("other/c/f", "2"); d.link("/b/c/f", "a/link") },
		func(d tree) { d.rename("b", "old"); d.rename("other", "b") }},
	{"the middle of three relative links is swapped", "a/1",
		func(d tree) {
			d.write("x/f", "1")
			d.write("y/f", "2")
			d.link("../x/f", "c/3")
			d.link("../c/3", "b/2")
			d.link("../b/2", "a/1")
		},
		func(d tree) { d.link("../y/f", "b/2") }},
	{"a link goes up from where another one leads", "a/up/f",
		func(d tree) { d.write("deep/er/f", "1"); d.link("/deep/er/est/..", "a/up"); d.mkdir("deep/er/est") },
		func(d tree) { d.rename("deep", "gone"); d.write("deep/er/f", "2"); d.mkdir("deep/er/est") }},
	{"the directory is removed and made again", "a/b/f",
		func(d tree) { d.write("a/b/f", "1") },
		func(d tree) { d.remove("a"); d.write("a/b/f", "2") }},
	{"the directory is removed", "a/b/f",
		func(d tree) { d.write("a/b/f", "1") },
		func(d tree) { d.remove("a") }},
	{"the directory is moved and moved back", "a/b/f",
		func(d tree) { d.write("a/b/f", "1") },
		func(d tree) { d.rename("a", "c"); d.rename("c", "a"); d.write("a/b/f", "2") }},
	{"two directories change places", "a/f",
		func(d tree) { d.write("a/f", "1"); d.write("b/f", "2") },
		func(d tree) { d.rename("a", "c"); d.rename("b", "a"); d.rename("c", "b") }},
	{"a path begins to exist", "a/b/c/d/f",
		func(d tree) { d.mkdir("a") },
		func(d tree) { d.write("a/b/c/d/f", "1") }},
	{"a dangling link gets a target", "a/link",
		func(d tree) { d.link("/b/c/f", "a/link") },
		func(d tree) { d.write("b/c/f", "1") }},
	{"a loop is broken", "a/1",
		func(d tree) { d.link("/b/2", "a/1"); d.link("../a/1", "b/2"); d.write("f", "1") },
		func(d tree) { d.link("/f", "b/2") }},
	{"a loop is made", "a/1",
		func(d tree) { d.link("/b/2", "a/1"); d.write("b/2", "1") },
		func(d tree) { d.link("/a/1", "b/2") }},
	{"a file in the way becomes a directory", "a/b/f",
		func(d tree) { d.write("a/b", "1") },
		func(d tree) { d.remove("a/b"); d.write("a/b/f", "2") }},
	{"a name with odd characters", "a/\n ...\xff/.../f",
		func(d tree) { d.write("a/\n ...\xff/.../f", "1") },
		func(d tree) { d.replace("a/\n ...\xff/.../f", "2") }},
	{"a directory gets a file", "a",
		func(d tree) { d.write("a/f", "1") },
		func(d tree) { d.write("a/g", "2") }},
	{"a directory loses a file", "a",
		func(d tree) { d.write("a/f", "1"); d.write("a/g", "2") },
		func(d tree) { d.remove("a/g") }},
	{"a file that a directory links to is replaced", "a",
		func(d tree) { d.write("b/f", "1"); d.link("/b/f", "a/f") },
		func(d tree) { d.replace("b/f", "2") }},
	{"a directory is a volume", "v",
		func(d tree) { d.write("v/..1/key", "1"); d.link("..1", "v/..data"); d.link("..data/key", "v/key") },
		func(d tree) { d.write("v/..2/key", "2"); d.link("..2", "v/..data"); d.remove("v/..1") }},
}

func TestW1EveryDirectoryOfTheChainIsWatched(t *testing.T) {
	for _, c := range changes {
		t.Run(c.name, func(t *testing.T) {
			d := newTree(t)
			c.before(d)
			path := d.path(c.path)
			b := newBench(t, Options{}, nil, Target{Name: "it", Paths: []string{path}})
			was := b.now(path)
			c.after(d)
			if b.now(path) == was {
				t.Fatal("the change is none: the case tests nothing")
			}
			b.await(path)
			b.changeAgain(d, path)
		})
	}
}

// changeAgain changes what path leads to, or makes it.
func (b *bench) changeAgain(d tree, path string) {
	b.t.Helper()
	for round := range 3 {
		content := []byte("again " + string(rune('a'+round)))
		target := path
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			target = filepath.Join(path, "again")
		} else if err != nil {
			d.must(os.RemoveAll(path))
		}
		d.must(os.MkdirAll(filepath.Dir(target), 0o700))
		d.must(os.WriteFile(target, content, 0o600))
		b.await(path)
		for len(b.C()) > 0 {
			<-b.C()
		}
	}
	if names := b.Take(); !slices.Equal(names, []string{"it"}) {
		b.t.Errorf("taken: %q", names)
	}
}

// TestW1DirectoryThatMayNotBeEnteredForAWhile: what cannot be read is another state, and both
// changes of it are seen.
func TestW1DirectoryThatMayNotBeEnteredForAWhile(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may enter every directory")
	}
	d := newTree(t)
	d.write("a/b/f", "1")
	path := d.path("a/b/f")
	b := newBench(t, Options{}, nil, Target{Name: "it", Paths: []string{path}})
	for _, content := range []string{"2", "3"} {
		d.must(os.Chmod(d.path("a/b"), 0))
		b.await(path)
		d.must(os.Chmod(d.path("a/b"), 0o700))
		b.await(path)
		d.replace("a/b/f", content)
		b.await(path)
	}
}
