package exec_test

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/pyleeai/pylee/exec"
)

func staged(t testing.TB, d *exec.SecretDir, set string, files ...exec.SecretFile) *exec.Staged {
	t.Helper()
	s, err := d.Stage(set, files)
	must(t, err)
	return s
}

// visible are the names in a set but for the directories of generations.
func visible(t *testing.T, dir string) []string {
	t.Helper()
	return slices.DeleteFunc(names(t, dir), func(name string) bool { return strings.HasPrefix(name, "..pylee-") })
}

// Nobody sees what waits, and what waits can be put in place in any order.
func TestStage(t *testing.T) {
	bothUsers(t, func(t *testing.T) {
		for _, set := range []string{"", "db"} {
			d := makeDir(t, own(exec.SecretDirOptions{Given: memory(t)}))
			dir := strings.TrimSuffix(d.Path()+"/"+set, "/")
			first := staged(t, d, set, secret("a", "1"))
			if seen := visible(t, dir); len(seen) > 0 {
				t.Error("seen before the first swap:", seen)
			}
			old, err := first.Swap()
			must(t, err)
			if old != nil {
				t.Error("a generation before the first")
			}
			second := staged(t, d, set, secret("a", "2"), secret("b", "2"))
			third := staged(t, d, set, secret("c", "3"))
			content(t, dir, "a=1")
			if seen := visible(t, dir); !slices.Equal(seen, []string{"..data", "a"}) {
				t.Error("seen:", seen)
			}
			_, err = third.Swap()
			must(t, err)
			content(t, dir, "c=3")
			previous, err := second.Swap()
			must(t, err)
			content(t, dir, "a=2 b=2")
			if previous != third.Generation() {
				t.Error("not the one before")
			}
			must(t, previous.Remove())
			must(t, d.Remove())
			if exists(d.Path()) {
				t.Error("left:", d.Path())
			}
		}
	})
}

// A return to an earlier generation has its names, and no other.
func TestGenerationSwap(t *testing.T) {
	bothUsers(t, func(t *testing.T) {
		d := makeDir(t, own(exec.SecretDirOptions{Given: memory(t)}))
		dir := d.Path() + "/db"
		swapped(t, d, "db", secret("a", "1"), secret("only1", "1"))
		first := swapped(t, d, "db", secret("a", "2"), secret("only2", "2"))
		for range 3 {
			second, err := first.Swap()
			must(t, err)
			content(t, dir, "a=1 only1=1")
			again, err := first.Swap()
			must(t, err)
			if again != nil {
				t.Error("the one that counts was put before itself")
			}
			wantError(t, first.Remove(), "still the one that counts", "")
			back, err := second.Swap()
			must(t, err)
			if back != first {
				t.Error("not the one before")
			}
			content(t, dir, "a=2 only2=2")
		}
		must(t, first.Remove())
		_, err := first.Swap()
		wantError(t, err, "removed already", "")
		content(t, dir, "a=2 only2=2")
		if left := names(t, dir); len(left) != 4 {
			t.Error("left:", left)
		}
		must(t, d.Remove())
		_, err = first.Swap()
		wantError(t, err, "removed already", "")
		must(t, first.Remove())
	})
}

func TestDiscard(t *testing.T) {
	d := makeDir(t, own(exec.SecretDirOptions{Given: memory(t)}))
	one, two := staged(t, d, "s", secret("a", "1")), staged(t, d, "s", secret("a", "2"))
	one.Discard()
	one.Discard()
	if !exists(d.Path() + "/s") {
		t.Error("taken from under the other")
	}
	_, err := one.Swap()
	wantError(t, err, "removed already", "")
	two.Discard()
	if left := names(t, d.Path()); left != nil {
		t.Error("left:", left)
	}
	(*exec.Staged)(nil).Discard()

	used := staged(t, d, "s", secret("a", "3"))
	_, err = used.Swap()
	must(t, err)
	used.Discard()
	previous := swapped(t, d, "s", secret("a", "4"))
	used.Discard() // the generation is for who has it
	_, err = previous.Swap()
	must(t, err)
	content(t, d.Path()+"/s", "a=3")

	late := staged(t, d, "s", secret("a", "5"))
	must(t, d.Remove())
	late.Discard()
	_, err = late.Swap()
	wantError(t, err, "removed already", "")
	_, err = d.Stage("s", nil)
	wantError(t, err, "removed already", "")
}

// A failed Stage leaves nothing, and a failed Swap the set as it was.
func TestStageAllOrNothing(t *testing.T) {
	dir := mounted(t, "size=64k,mode=0700")
	d := makeDir(t, own(exec.SecretDirOptions{Given: dir}))
	large := secret("b", strings.Repeat("x", 1<<20))
	_, err := d.Stage("s", []exec.SecretFile{secret("a", "1"), large})
	wantError(t, err, "/s/b: no space left", "no room left")
	if left := names(t, d.Path()); left != nil {
		t.Error("left:", left)
	}
	must(t, os.WriteFile(d.Path()+"/t", nil, 0o600))
	_, err = d.Stage("t", nil)
	wantError(t, err, "t is in the way: not a directory", "")

	swapped(t, d, "s", secret("a", "1"))
	before := names(t, d.Path()+"/s")
	next := staged(t, d, "s", secret("a", "2"), secret("b", "2"))
	must(t, os.WriteFile(d.Path()+"/s/b", []byte("mine"), 0o600))
	_, err = next.Swap()
	wantError(t, err, "s/b: in the way", "")
	content(t, d.Path()+"/s", "a=1 b=mine")
	must(t, os.Remove(d.Path()+"/s/b"))
	_, err = next.Swap() // it can be tried again
	must(t, err)
	content(t, d.Path()+"/s", "a=2 b=2")
	must(t, errors.Join(os.Rename(d.Path(), dir+"/moved")))
	_, err = d.Stage("s", []exec.SecretFile{secret("a", "3")})
	wantError(t, err, "no such file", "")
	if after := names(t, dir+"/moved/s"); len(after) != len(before)+2 { // a second generation, and b
		t.Errorf("before %v, after %v", before, after)
	}
}

// What somebody put in the place of a generation is not made the one that counts.
func TestStageReplaced(t *testing.T) {
	d := makeDir(t, own(exec.SecretDirOptions{Given: memory(t)}))
	swapped(t, d, "", secret("a", "1"))
	link, err := os.Readlink(d.Path() + "/..data")
	must(t, err)
	next := staged(t, d, "", secret("a", "2"))
	for _, name := range names(t, d.Path()) {
		if strings.HasPrefix(name, "..pylee-") && name != link {
			must(t, errors.Join(os.Rename(d.Path()+"/"+name, d.Path()+"/aside"), os.Mkdir(d.Path()+"/"+name, 0o700)))
		}
	}
	_, err = next.Swap()
	wantError(t, err, "removed already", "")
	content(t, d.Path()+"/..data", "a=1")
}

// What waits in the user's own directory goes with the run, also if nothing was ever
// swapped, and also with one that was killed.
func TestOpenSetStage(t *testing.T) {
	bothUsers(t, func(t *testing.T) {
		dir := memory(t)
		must(t, os.WriteFile(dir+"/mine", []byte("keep"), 0o600))
		d, err := exec.OpenSet(dir, own(exec.SecretDirOptions{}))
		must(t, err)
		staged(t, d, "", secret("a", "1"))
		must(t, d.Remove())
		if left := names(t, dir); !slices.Equal(left, []string{"mine"}) {
			t.Error("left:", left)
		}
		must(t, os.Mkdir(dir+"/..pylee-dead", 0o700)) // as a killed run leaves it
		must(t, os.WriteFile(dir+"/..pylee-dead/a", []byte("1"), 0o400))
		d, err = exec.OpenSet(dir, own(exec.SecretDirOptions{}))
		must(t, err)
		if left := names(t, dir); !slices.Equal(left, []string{"mine"}) {
			t.Error("left:", left)
		}
		must(t, d.Remove())
	})
}

// What waits is closed to others until it counts; then they find their files.
func TestStageModes(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not run: files for two users need root")
	}
	given := memory(t)
	must(t, os.Chmod(given, 0o711))
	d := makeDir(t, exec.SecretDirOptions{Given: given, UID: nobody, GID: -1})
	mode := func(name string) uint32 {
		var st unix.Stat_t
		must(t, unix.Stat(d.Path()+name, &st))
		return st.Mode & 0o7777
	}
	next := staged(t, d, "db", secret("a", "1"))
	if mode("") != 0o700 || mode("/db") != 0o700 {
		t.Errorf("before: %o %o", mode(""), mode("/db"))
	}
	_, err := next.Swap()
	must(t, err)
	if mode("") != 0o711 || mode("/db") != 0o711 || mode("/db/..data/.") != 0o711 {
		t.Errorf("after: %o %o %o", mode(""), mode("/db"), mode("/db/..data/."))
	}
}
