package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/pyleeai/pylee/internal/atomicfile"
	"golang.org/x/sys/unix"
)

// checkPermissions looks at the directories that hold what is pylee's.
func (inv *invocation) checkPermissions(f *findings, project, state string) {
	inv.checkHome(f)
	if inv.home != "" {
		own := filepath.Join(inv.home, ".pylee")
		inv.checkDir(f, own, true)
		inv.checkDir(f, filepath.Join(own, "secrets"), true)
	}
	if beside := inProject(project, ".pylee"); beside != "" && project != inv.home {
		inv.checkDir(f, beside, false)
		inv.checkDir(f, filepath.Join(beside, "secrets"), false)
	}
	if state == "" {
		f.warn("export HOME, or XDG_STATE_HOME", "there is no state directory: nothing can be allowed, and stores are not pinned")
		return
	}
	if given := inv.env["XDG_STATE_HOME"]; given != "" && !filepath.IsAbs(given) {
		f.warn("unset XDG_STATE_HOME", "XDG_STATE_HOME is not an absolute path and is ignored")
	}
	inv.checkDir(f, state, true)
	inv.checkDir(f, filepath.Join(state, "stores"), true)
	inv.checkDir(f, filepath.Join(state, "allow"), true)
	if len(f.list) == 0 {
		f.ok("no directory of pylee's is there yet")
	}
}

func (inv *invocation) checkHome(f *findings) {
	switch info, err := os.Stat(inv.home); {
	case inv.home == "":
		f.warn("export HOME=/path/to/home", "there is no home directory: no config of the user, no identity and no store in it")
	case err != nil:
		f.warn("ls -ld "+shellWord(inv.home), "the home directory %s: %s", printable(inv.home), causeOf(err))
	case ownerOf(info) != inv.uid() && ownerOf(info) != 0:
		f.warn("sudo -H pylee doctor, which sets HOME", "the home directory %s belongs to uid %d, and pylee runs as uid %d", printable(inv.home), ownerOf(info), inv.uid())
	case !filepath.IsAbs(inv.env["HOME"]):
		f.ok("HOME is not set, or not to an absolute path; the home directory is %s", printable(inv.home))
	}
}

// checkDir tells what others can do to a directory and to what is in it. Others may
// list one that is not private, as the working tree of a project is.
func (inv *invocation) checkDir(f *findings, dir string, private bool) {
	name := printable(dir)
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return
	case err != nil:
		f.fail("ls -ld "+shellWord(dir), "%s: %s", name, causeOf(err))
		return
	case !info.IsDir():
		f.fail("ls -ld "+shellWord(dir), "%s: not a directory", name)
		return
	}
	mode, before := info.Mode().Perm(), len(f.list)
	if by := ownerOf(info); by != inv.uid() && by != 0 {
		f.fail(fmt.Sprintf("chown -R %d %s", inv.uid(), shellWord(dir)), "%s: belongs to uid %d, neither to this user (uid %d) nor to root", name, by, inv.uid())
	} else if unix.Access(dir, unix.W_OK|unix.X_OK) != nil {
		f.warn(fmt.Sprintf("ls -ld %s; chown -R %d %s", shellWord(dir), inv.uid(), shellWord(dir)), "%s: uid %d cannot write there (mode %04o, owner %d)", name, inv.uid(), mode, by)
	}
	switch {
	case mode&0o022 != 0:
		f.fail("chmod go-w "+shellWord(dir), "%s: mode %04o lets others exchange what is in it", name, mode)
	case mode&0o077 != 0 && private:
		f.warn("chmod 700 "+shellWord(dir), "%s: mode %04o lets others see what is in it", name, mode)
	}
	inv.checkParents(f, levelFail, dir)
	inv.checkFiles(f, dir)
	if len(f.list) == before {
		f.ok("%s: mode %04o, owner %d", name, mode, ownerOf(info))
	}
}

// checkParents tells of a directory on the way to path that others can change.
func (inv *invocation) checkParents(f *findings, level, path string) {
	var parent *atomicfile.ParentError
	if err := atomicfile.JudgeParents(path, inv.uid()); errors.As(err, &parent) {
		hint := "ls -ld " + shellWord(parent.Path)
		if parent.Writable {
			hint = "chmod go-w " + shellWord(parent.Path)
		}
		f.add(level, hint, printable(path)+": on the way to it, "+printable(parent.Error()))
	}
}

// checkFiles looks at the stores and identities in dir.
func (inv *invocation) checkFiles(f *findings, dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		f.fail("ls -ld "+shellWord(dir), "%s: %s", printable(dir), causeOf(err))
	}
	var open []string
	for _, e := range entries {
		info, err := e.Info()
		name := e.Name()
		kept := name == "identity" || strings.Contains(name, ".age") && !strings.HasSuffix(name, ".lock")
		if err == nil && kept && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
			open = append(open, filepath.Join(dir, name))
		}
	}
	if len(open) > 0 {
		f.fail("chmod 600 "+shellWords(open), "%s: others can use %s in it", printable(dir), plural(len(open), "file"))
	}
}

func ownerOf(info fs.FileInfo) int {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(stat.Uid)
	}
	return -1
}

// causeOf is the text of an error of the system without the path in it.
func causeOf(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return err.Error()
}
