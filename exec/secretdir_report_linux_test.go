package exec_test

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/pyleeai/pylee/exec"
)

func TestPlaces(t *testing.T) {
	bothUsers(t, func(t *testing.T) {
		dir, disk := memory(t), onDisk(t)
		live := makeDir(t, own(exec.SecretDirOptions{Given: dir}))
		dead := dir + "/pylee-1-" + strings.Repeat("a", 26)
		must(t, os.Mkdir(dead, 0o700))
		before := names(t, dir)
		for _, c := range []struct {
			name   string
			o      exec.SecretDirOptions
			chosen string
			errors map[string]string
		}{
			{"first in memory", exec.SecretDirOptions{XDG: dir}, dir, map[string]string{"$RUNTIME_DIRECTORY": "not set"}},
			{"runtime directory", exec.SecretDirOptions{Runtime: dir + ":/other", XDG: dir}, dir, nil},
			{"disk refused", exec.SecretDirOptions{Given: disk}, "", map[string]string{"the given directory": "on a disk ("}},
			{"disk allowed", exec.SecretDirOptions{Given: disk, AllowDisk: true}, disk, nil},
			{"relative", exec.SecretDirOptions{Given: "x"}, "", map[string]string{"the given directory": "not an absolute path"}},
			{"missing", exec.SecretDirOptions{Given: dir + "/none"}, "", map[string]string{"the given directory": "no such file"}},
		} {
			t.Run(c.name, func(t *testing.T) {
				checkPlaces(t, exec.Places(own(c.o)), c.chosen, c.errors)
			})
		}
		for _, r := range exec.Places(own(exec.SecretDirOptions{Given: dir})) {
			if r.Path == dir && (r.Dead != 1 || !r.Memory || r.System != "tmpfs") {
				t.Errorf("%+v", r)
			}
		}
		if after := names(t, dir); len(after) != len(before) || !exists(live.Path()) || !exists(dead) {
			t.Errorf("changed: %v, then %v", before, after)
		}
	})
}

// checkPlaces checks which place is chosen, and that NewSecretDir agrees.
func checkPlaces(t *testing.T, reports []exec.PlaceReport, chosen string, errors map[string]string) {
	t.Helper()
	got, labels := "", map[string]bool{}
	for _, r := range reports {
		if labels[r.Label] {
			t.Errorf("%s: twice", r.Label)
		}
		labels[r.Label] = true
		if r.Chosen {
			got += r.Path
		}
		if want, ok := errors[r.Label]; ok && (r.Err == nil || !strings.Contains(r.Err.Error(), want)) {
			t.Errorf("%s: %v, want %q", r.Label, r.Err, want)
		}
	}
	for label := range errors {
		if !labels[label] {
			t.Errorf("%s: missing", label)
		}
	}
	if got != chosen {
		t.Errorf("chosen %q, want %q", got, chosen)
	}
}

func TestPlacesCannotBeWritten(t *testing.T) {
	dir := mounted(t, "size=64k,mode=0700")
	must(t, unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	reports := exec.Places(own(exec.SecretDirOptions{Given: dir}))
	if last := reports[len(reports)-1]; last.Err != unix.EROFS || last.Chosen {
		t.Errorf("%+v", last)
	}
}
