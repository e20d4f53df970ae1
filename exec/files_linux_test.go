package exec_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/pyleeai/pylee/exec"
)

func TestSecretFileAttributes(t *testing.T) {
	bothUsers(t, func(t *testing.T) {
		defer unix.Umask(unix.Umask(0o077))
		uid, gid := os.Geteuid(), os.Getegid()
		tests := []struct {
			name string
			file exec.SecretFile
			dir  uint32 // mode of the directory
			want uint32
			uid  int
			err  string
		}{
			{"default", exec.SecretFile{UID: -1, GID: -1}, 0o700, 0o400, uid, ""},
			{"0400", exec.SecretFile{Mode: 0o400, UID: uid, GID: gid}, 0o700, 0o400, uid, ""},
			{"group", exec.SecretFile{Mode: 0o440, UID: -1, GID: gid}, 0o711, 0o440, uid, ""},
			{"own group unnamed", exec.SecretFile{Mode: 0o440, UID: -1, GID: -1}, 0, 0, 0, "mode 0440 without a group"},
			{"writable", exec.SecretFile{Mode: 0o600, UID: -1, GID: -1}, 0, 0, 0, "mode 0600: only"},
			{"world", exec.SecretFile{Mode: 0o444, UID: -1, GID: -1}, 0, 0, 0, "mode 0444: only"},
			{"setuid", exec.SecretFile{Mode: 0o400 | fs.ModeSetuid, UID: -1, GID: -1}, 0, 0, 0, "only 0400 and 0440"},
			{"another's", exec.SecretFile{UID: 4321, GID: -1}, 0o711, 0o400, 4321, "root"},
		}
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				d := makeDir(t, own(exec.SecretDirOptions{Given: memory(t)}))
				test.file.Name, test.file.Data = "set/file", []byte("content")
				err := d.Write([]exec.SecretFile{test.file})
				if test.err == "root" && uid != 0 {
					wantError(t, err, "set/file: operation not permitted", "only root")
					return
				}
				if test.err != "" && test.err != "root" {
					wantError(t, err, test.err, "")
					return
				}
				must(t, err)
				var dir, sub, file unix.Stat_t
				must(t, errors.Join(unix.Lstat(d.Path(), &dir), unix.Lstat(d.Path()+"/set", &sub), unix.Lstat(d.Path()+"/set/file", &file)))
				if dir.Mode&0o7777 != test.dir || sub.Mode&0o7777 != test.dir {
					t.Errorf("directories %o %o, want %o", dir.Mode, sub.Mode, test.dir)
				}
				if file.Mode != unix.S_IFREG|test.want || int(file.Uid) != test.uid || file.Size != 7 || file.Nlink != 1 {
					t.Errorf("file %o, uid %d, %d bytes, %d names", file.Mode, file.Uid, file.Size, file.Nlink)
				}
			})
		}
	})
}

func TestSecretFileNames(t *testing.T) {
	d := makeDir(t, own(exec.SecretDirOptions{Given: memory(t)}))
	bad := []string{"", ".", "..", "/", "/etc/passwd", "../x", "a/../x", "a/..", "./x", "a//b", "a/", "a/b/c", "a\x00b", "a\nb",
		".pylee-written", ".pylee-x/a", "a/.pylee-x", strings.Repeat("n", 256)}
	for _, name := range bad {
		if err := d.Write([]exec.SecretFile{secret("good", "x"), secret(name, "hunter2")}); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: error %v", name, err)
		}
	}
	for _, pair := range [][2]string{{"a", "a"}, {"a", "a/b"}, {"a/b", "a"}, {"a/b", "a/b"}} {
		err := d.Write([]exec.SecretFile{secret(pair[0], "x"), secret(pair[1], "y")})
		wantError(t, err, "named twice", "")
	}
	if left := names(t, d.Path()); left != nil {
		t.Error("left:", left)
	}
	must(t, d.Write([]exec.SecretFile{secret("tls.key", ""), secret("..data", "x"), secret("a b/ü", "y"), secret(strings.Repeat("n", 255), "z")}))
}

func TestSecretFileReplaced(t *testing.T) {
	bothUsers(t, func(t *testing.T) {
		d := makeDir(t, own(exec.SecretDirOptions{Given: memory(t)}))
		must(t, d.Write([]exec.SecretFile{secret("a", "one"), secret("b", "one")}))
		open, err := os.Open(d.Path() + "/a")
		must(t, err)
		defer open.Close()
		must(t, os.Remove(d.Path()+"/b")) // some programs delete what they have read
		must(t, d.Write([]exec.SecretFile{secret("a", "two"), secret("b", "two")}))
		old := make([]byte, 8)
		n, _ := open.Read(old)
		for _, name := range []string{"a", "b"} {
			data, err := os.ReadFile(d.Path() + "/" + name)
			if err != nil || string(data) != "two" || string(old[:n]) != "one" {
				t.Errorf("%s: %q, %v; open before: %q", name, data, err, old[:n])
			}
		}
		if all := names(t, d.Path()); len(all) != 2 {
			t.Error("names:", all)
		}
		// All or nothing, with files to replace.
		must(t, os.Mkdir(d.Path()+"/c", 0o700))
		wantError(t, d.Write([]exec.SecretFile{secret("a", "three"), secret("c", "three")}), "/c: in the way: a directory", "")
		data, err := os.ReadFile(d.Path() + "/a")
		if err != nil || string(data) != "two" {
			t.Errorf("after a failed write: %q, %v", data, err)
		}
		must(t, os.Link(d.Path()+"/a", d.Path()+"/second"))
		wantError(t, d.Write([]exec.SecretFile{secret("a", "four")}), "a file with a second name", "")
	})
}

// A file has its owner, mode and content from the moment it has its name.
func TestSecretFileIsNeverHalf(t *testing.T) {
	o := own(exec.SecretDirOptions{Given: memory(t)})
	if os.Geteuid() == 0 {
		must(t, os.Chmod(o.Given, 0o711))
		o.UID = nobody
	}
	d := makeDir(t, o)
	uid := uint32(max(o.UID, 0))
	if o.UID < 0 {
		uid = uint32(os.Geteuid())
	}
	long := func(i int) string { return strings.Repeat(string(rune('a'+i%26)), 64<<10) }
	must(t, d.Write([]exec.SecretFile{secret("file", long(0))}))
	var stop atomic.Bool
	var polls int
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ; !stop.Load(); polls++ {
			pollFile(t, d.Path(), "file", uid)
		}
	}()
	for i := range 300 {
		must(t, d.Write([]exec.SecretFile{secret("file", long(i))}))
	}
	stop.Store(true)
	<-done
	t.Log(polls, "looks at the directory")
}

// pollFile looks at all names of a directory once.
func pollFile(t *testing.T, dir, final string, uid uint32) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Error(err)
	}
	if !slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == final }) {
		// A listing is no snapshot: the name itself decides.
		entries = nil
	}
	for _, name := range append(entryNames(entries), final) {
		fd, err := unix.Open(dir+"/"+name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err == syscall.ENOENT && name != final {
			continue
		}
		if err != nil {
			t.Error(name, err)
			return
		}
		var st unix.Stat_t
		err = unix.Fstat(fd, &st)
		unix.Close(fd)
		mode := st.Mode & 0o7777
		if name != final && mode == 0 {
			continue
		}
		if err != nil || mode != 0o400 || st.Uid != uid || st.Size != 64<<10 {
			t.Errorf("%s: mode %o, uid %d, %d bytes, %v", name, mode, st.Uid, st.Size, err)
		}
	}
	if data, err := os.ReadFile(dir + "/" + final); os.Geteuid() == 0 && (err != nil || len(bytes.TrimLeft(data, string(data[:1]))) > 0) {
		t.Error("torn content", err)
	}
}

func entryNames(entries []fs.DirEntry) (names []string) {
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// Whoever swaps the directory for a link while files are written gets none of them.
func TestSecretFileDirectorySwapped(t *testing.T) {
	for _, what := range []string{"", "/db"} {
		t.Run("directory"+what, func(t *testing.T) {
			top := memory(t)
			must(t, os.Mkdir(top+"/theirs", 0o700))
			must(t, os.Mkdir(top+"/ours", 0o700))
			d := makeDir(t, own(exec.SecretDirOptions{Given: top + "/ours"}))
			must(t, d.Write([]exec.SecretFile{secret("db/file", "x")}))
			target := d.Path() + what
			var stop atomic.Bool
			done := make(chan struct{})
			go func() {
				defer close(done)
				for !stop.Load() {
					os.Rename(target, top+"/aside")
					os.Symlink(top+"/theirs", target)
					os.Remove(target)
					os.Rename(top+"/aside", target)
				}
			}()
			var refused int
			for range 3000 {
				if d.Write([]exec.SecretFile{secret("db/file", "x")}) != nil {
					refused++
				}
			}
			stop.Store(true)
			<-done
			if got := names(t, top+"/theirs"); got != nil {
				t.Error("written elsewhere:", got)
			}
			t.Log(refused, "of 3000 refused")
			if got := names(t, d.Path()+"/db"); len(got) > 1 {
				t.Error("left:", got)
			}
			must(t, d.Remove())
			if got := names(t, top+"/ours"); got != nil {
				t.Error("left:", got)
			}
		})
	}
}

func TestSecretFileFullFileSystem(t *testing.T) {
	for name, options := range map[string]string{"bytes": "size=64k", "inodes": "nr_inodes=12"} {
		t.Run(name, func(t *testing.T) {
			dir := mounted(t, options+",mode=0700")
			d := makeDir(t, own(exec.SecretDirOptions{Given: dir}))
			must(t, d.Write([]exec.SecretFile{secret("kept", "old")}))
			var files []exec.SecretFile
			for i := range 20 {
				files = append(files, secret(fmt.Sprintf("set%d/file", i%3), strings.Repeat("hunter2", 1500)))
				files[i].Name += fmt.Sprint(i)
			}
			err := d.Write(append(files, secret("kept", "new")))
			wantError(t, err, "no space left on device", "")
			if !errors.Is(err, syscall.ENOSPC) || strings.Contains(err.Error(), "hunter2") {
				t.Error(err)
			}
			if left := names(t, d.Path()); !slices.Equal(left, []string{"kept"}) {
				t.Error("left:", left)
			}
			data, err := os.ReadFile(d.Path() + "/kept")
			if err != nil || string(data) != "old" {
				t.Errorf("%q, %v", data, err)
			}
			must(t, d.Write([]exec.SecretFile{secret("after", "x")}))
			must(t, d.Remove())
		})
	}
}

func BenchmarkSecretDirWrite100(b *testing.B) {
	o := own(exec.SecretDirOptions{Given: memory(b)})
	var files []exec.SecretFile
	for i := range 100 {
		files = append(files, secret(fmt.Sprintf("file%d", i), strings.Repeat("x", 100)))
	}
	for b.Loop() {
		b.StopTimer()
		d, err := exec.NewSecretDir(o)
		must(b, err)
		b.StartTimer()
		must(b, d.Write(files))
		b.StopTimer()
		must(b, d.Remove())
		b.StartTimer()
	}
}

func BenchmarkSecretDir(b *testing.B) {
	o := own(exec.SecretDirOptions{Given: memory(b)})
	for b.Loop() {
		d, err := exec.NewSecretDir(o)
		must(b, err)
		must(b, d.Remove())
	}
}
