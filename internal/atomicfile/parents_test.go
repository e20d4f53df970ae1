package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// tree makes root/a/b/file and root/link -> a/b, and returns root.
func tree(t *testing.T) string {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	must(t, os.Chmod(root, 0o755))
	must(t, MkdirAll(filepath.Join(root, "a", "b")))
	must(t, os.WriteFile(filepath.Join(root, "a", "b", "file"), nil, 0o600))
	must(t, os.Symlink("a/b", filepath.Join(root, "link")))
	return root
}

func TestJudgeParents(t *testing.T) {
	for _, c := range []struct {
		name, path, bad string // bad: what is refused, below root
		change          func(root string) error
	}{
		{name: "as made", path: "a/b/file"},
		{name: "missing", path: "a/b/x/y/z"},
		{name: "below a file", path: "a/b/file/x"},
		{name: "through a link", path: "link/file"},
		{name: "the last is not judged", path: "a/b", change: mode("a/b", 0o777)},
		{name: "dots", path: "a/./b/../../a/b/file"},
		{name: "last parent", path: "a/b/file", bad: "a/b", change: mode("a/b", 0o770)},
		{name: "first parent", path: "a/b/file", bad: "a", change: mode("a", 0o707)},
		{name: "of a missing file", path: "a/x/y", bad: "a", change: mode("a", 0o777)},
		{name: "of a link's target", path: "link/file", bad: "a", change: mode("a", 0o777)},
		{name: "after dots", path: "link/../x", bad: "a", change: mode("a", 0o777)},
		{name: "of the last link's target", path: "to", bad: "a", change: func(root string) error {
			return errors.Join(mode("a", 0o777)(root), os.Symlink(filepath.Join(root, "a/b/file"), filepath.Join(root, "to")))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := tree(t)
			if c.change != nil {
				must(t, c.change(root))
			}
			err := JudgeParents(root+"/"+c.path, os.Getuid())
			var p *ParentError
			if c.bad == "" {
				must(t, err)
			} else if !errors.As(err, &p) || p.Path != filepath.Join(root, c.bad) || !p.Writable || p.Mode&0o022 == 0 {
				t.Errorf("error %v", err)
			}
		})
	}
}

func mode(path string, mode fs.FileMode) func(root string) error {
	return func(root string) error { return os.Chmod(filepath.Join(root, path), mode) }
}

func TestJudgeParentsLoop(t *testing.T) {
	loop := filepath.Join(tree(t), "loop")
	must(t, os.Symlink("loop", loop))
	if err := JudgeParents(loop, os.Getuid()); !errors.Is(err, syscall.ELOOP) {
		t.Errorf("error %v", err)
	}
}

func TestJudgeParentsRelative(t *testing.T) {
	root := tree(t)
	must(t, mode("a", 0o777)(root))
	t.Chdir(filepath.Join(root, "a", "b"))
	if err := JudgeParents("file", os.Getuid()); !errors.As(err, new(*ParentError)) {
		t.Errorf("error %v", err)
	}
}

func TestJudgeParentsOwner(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("not run: only root can give a file away")
	}
	const other = 65533
	root := tree(t)
	file := filepath.Join(root, "a", "b", "file")
	refused := func(path, bad string, uid int) {
		t.Helper()
		var p *ParentError
		if err := JudgeParents(path, uid); !errors.As(err, &p) || p.Path != filepath.Join(root, bad) || p.Owner != other || p.Writable {
			t.Errorf("%s for uid %d: error %v", path, uid, err)
		}
	}
	must(t, os.Chown(filepath.Join(root, "a"), other, other))
	refused(file, "a", 0)
	refused(file, "a", 65532)
	must(t, JudgeParents(file, other)) // the others belong to root
	must(t, os.Chown(filepath.Join(root, "a"), 0, 0))
	must(t, os.Lchown(filepath.Join(root, "link"), other, other))
	refused(filepath.Join(root, "link", "file"), "link", 0)

	// Only root's sticky bit keeps others from exchanging files.
	must(t, os.Chmod(filepath.Join(root, "a"), 0o777|fs.ModeSticky))
	must(t, JudgeParents(file, other))
	must(t, os.Chown(filepath.Join(root, "a"), other, other))
	refused(file, "a", 0)
}
