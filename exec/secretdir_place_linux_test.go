package exec_test

import (
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/pyleeai/pylee/exec"
)

func TestSecretDirGiven(t *testing.T) {
	bothUsers(t, func(t *testing.T) {
		link := func(t *testing.T) string {
			path := filepath.Join(memory(t), "link")
			must(t, os.Symlink(memory(t), path))
			return path
		}
		changed := func(mode uint32) func(t *testing.T) string {
			return func(t *testing.T) string {
				dir := memory(t)
				must(t, unix.Chmod(dir, mode))
				return dir
			}
		}
		tests := []struct {
			name, detail, hint string
			dir                func(t *testing.T) string
			disk               bool
		}{
			{name: "memory", dir: func(t *testing.T) string { return memory(t) }},
			{name: "sticky", dir: changed(0o1777)},
			{name: "disk", dir: onDisk, detail: "on a disk", hint: "--allow-disk"},
			{name: "disk allowed", dir: onDisk, disk: true},
			{name: "missing", dir: func(t *testing.T) string { return memory(t) + "/none" }, detail: "no such file"},
			{name: "relative", dir: func(*testing.T) string { return "some/dir" }, detail: "not an absolute path"},
			{name: "root", dir: func(*testing.T) string { return "/" }, detail: "the root directory"},
			{name: "file", dir: func(t *testing.T) string {
				path := memory(t) + "/file"
				must(t, os.WriteFile(path, nil, 0o600))
				return path
			}, detail: "not a directory"},
			{name: "link", dir: link, detail: "is a symbolic link"},
			{name: "below a link", dir: func(t *testing.T) string {
				path := link(t)
				must(t, os.Mkdir(path+"/sub", 0o700))
				return path + "/sub"
			}, detail: "is a symbolic link"},
			{name: "writable by group", dir: changed(0o770), detail: "can be changed by others (mode 0770)"},
			{name: "writable by all", dir: changed(0o777), detail: "can be changed by others"},
			{name: "below such", dir: func(t *testing.T) string {
				dir := changed(0o777)(t)
				must(t, os.Mkdir(dir+"/sub", 0o700))
				return dir + "/sub"
			}, detail: "can be changed by others"},
			{name: "of another", dir: func(t *testing.T) string {
				dir := memory(t)
				if err := os.Chown(dir, 4321, 4321); err != nil {
					t.Skip("not run: chown:", err)
				}
				return dir
			}, detail: "belongs to uid 4321"},
		}
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				dir := test.dir(t)
				d, err := exec.NewSecretDir(own(exec.SecretDirOptions{Given: dir, AllowDisk: test.disk}))
				if test.detail != "" {
					wantError(t, err, test.detail, test.hint)
					return
				}
				must(t, err)
				if filepath.Dir(d.Path()) != dir {
					t.Errorf("made %s, want it in %s", d.Path(), dir)
				}
				if test.disk != strings.Contains(d.Why(), "warning: on a disk") {
					t.Error("why:", d.Why())
				}
				must(t, d.Remove())
				if left := names(t, dir); left != nil {
					t.Error("left:", left)
				}
			})
		}
	})
}

func TestSecretDirLadder(t *testing.T) {
	one, two, disk := memory(t), memory(t), onDisk(t)
	tests := []struct {
		name, in, why string
		options       exec.SecretDirOptions
	}{
		{"runtime", one, "$RUNTIME_DIRECTORY: " + one, exec.SecretDirOptions{Runtime: one, Given: two, XDG: two}},
		{"first of two", one, "", exec.SecretDirOptions{Runtime: one + ":" + two}},
		{"given", two, "$RUNTIME_DIRECTORY: not set; the given directory: " + two, exec.SecretDirOptions{Given: two, XDG: one}},
		{"runtime on disk", two, "$RUNTIME_DIRECTORY: on a disk", exec.SecretDirOptions{Runtime: disk, XDG: two}},
		{"memory before disk", two, "", exec.SecretDirOptions{Runtime: disk, XDG: two, AllowDisk: true}},
		{"xdg missing", "", "$XDG_RUNTIME_DIR: no such file", exec.SecretDirOptions{XDG: one + "/none"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := makeDir(t, own(test.options))
			if test.in != "" && filepath.Dir(d.Path()) != test.in {
				t.Errorf("made %s, want it in %s", d.Path(), test.in)
			}
			if !strings.Contains(d.Why(), test.why) || strings.Contains(d.Why(), "\n") {
				t.Errorf("why %q, want %q", d.Why(), test.why)
			}
			var st unix.Stat_t
			must(t, unix.Lstat(d.Path(), &st))
			if st.Mode != unix.S_IFDIR|0o700 || int(st.Uid) != os.Geteuid() {
				t.Errorf("mode %o, uid %d", st.Mode, st.Uid)
			}
		})
	}
}

// A link that root alone can make is the system's own: /var/run, or what systemd makes
// for DynamicUser=.
func TestSecretDirFollowsTheSystemsLinks(t *testing.T) {
	dir := memory(t)
	link := filepath.Join(t.TempDir(), "link")
	must(t, os.Symlink(dir, link))
	d := makeDir(t, own(exec.SecretDirOptions{Runtime: link}))
	if os.Geteuid() == 0 && filepath.Dir(d.Path()) != dir {
		t.Errorf("made %s, want it in %s: %s", d.Path(), dir, d.Why())
	}
	must(t, unix.Chmod(filepath.Dir(link), 0o1777))
	if d := makeDir(t, own(exec.SecretDirOptions{Runtime: link})); filepath.Dir(d.Path()) == dir {
		t.Error("followed a link that another may have made")
	}
}

// In a user namespace that does not map root, the system's directories are nobody's.
func TestSecretDirInUserNamespace(t *testing.T) {
	const marker = "PYLEE_TEST_USERNS"
	if os.Getenv(marker) == "" {
		t.Setenv(marker, "1")
		attr := &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER}
		host := os.Getuid()
		if host == 0 {
			host = nobody
			attr.Credential = &syscall.Credential{Uid: 1000, Gid: 1000, NoSetGroups: true}
		}
		mapping := []syscall.SysProcIDMap{{ContainerID: 1000, HostID: host, Size: 1}}
		attr.UidMappings, attr.GidMappings = mapping, mapping
		if err := osexec.Command("unshare", "-U", "true").Run(); err != nil {
			t.Skip("not run: no user namespace:", err)
		}
		again(t, t.Name(), attr)
		return
	}
	d := makeDir(t, own(exec.SecretDirOptions{}))
	must(t, d.Write([]exec.SecretFile{secret("a", "x")}))
	must(t, d.Remove())
}

func TestSecretDirForAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not run: not root")
	}
	closed, open := memory(t), memory(t)
	must(t, os.Chmod(open, 0o711))
	options := exec.SecretDirOptions{XDG: closed, UID: nobody, GID: -1}
	if d := makeDir(t, options); !strings.Contains(d.Why(), "cannot be entered by uid 65534 (mode 0700)") {
		t.Error("why:", d.Why())
	}
	options.XDG = open
	d := makeDir(t, options)
	if filepath.Dir(d.Path()) != open {
		t.Fatal(d.Why())
	}
	must(t, d.Write([]exec.SecretFile{secret("db/password", "hunter2")}))
	cat := func(uid uint32) error {
		cmd := osexec.Command("cat", d.Path()+"/db/password")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
		return cmd.Run()
	}
	if cat(nobody) != nil || cat(4321) == nil {
		t.Error("not readable by the one user alone")
	}
	list := osexec.Command("ls", d.Path())
	list.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	if list.Run() == nil {
		t.Error("the directory can be listed")
	}
}
