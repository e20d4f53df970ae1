package exec_test

import (
	"os"
	osexec "os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/pyleeai/pylee/exec"
)

func TestSecretDirReadable(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not run: files for two users need root")
	}
	alice := &exec.User{UID: 1000, GID: 1000, Groups: []int{7, 8}}
	root := &exec.User{}
	owner := func(uid, gid int, mode uint32) exec.SecretFile {
		return exec.SecretFile{Name: "token", UID: uid, GID: gid, Mode: os.FileMode(mode)}
	}
	tests := []struct {
		name string
		file exec.SecretFile
		user *exec.User
		want bool
	}{
		{"of root for another", owner(-1, -1, 0), alice, false},
		{"of root by name", owner(0, 0, 0o400), alice, false},
		{"own", owner(1000, -1, 0), alice, true},
		{"another's", owner(1001, 1000, 0o400), alice, false},
		{"group", owner(-1, 1000, 0o440), alice, true},
		{"supplementary group", owner(-1, 8, 0o440), alice, true},
		{"another group", owner(-1, 9, 0o440), alice, false},
		{"group without the mode", owner(-1, 8, 0), alice, false},
		{"root reads all", owner(1000, -1, 0), root, true},
		{"this process", owner(-1, -1, 0), nil, true},
	}
	for _, test := range tests {
		d := makeDir(t, own(exec.SecretDirOptions{Given: memory(t)}))
		err := d.Readable([]exec.SecretFile{test.file}, test.user)
		if test.want {
			if err != nil {
				t.Errorf("%s: %v", test.name, err)
			}
			continue
		}
		wantError(t, err, "/token: mode 04", "leave out its owner")
		wantError(t, err, "the command runs as uid 1000 and cannot read it", "")
	}
	top := memory(t)
	must(t, os.Chmod(top, 0o711))
	d := makeDir(t, exec.SecretDirOptions{Given: top, UID: 1000, GID: 1000})
	if err := d.Readable([]exec.SecretFile{secret("token", "x")}, alice); err != nil {
		t.Error(err)
	}
}

// Root without capabilities is a user like others.
func TestSecretDirReadableByWeakRoot(t *testing.T) {
	if os.Getenv("PYLEE_TEST_WEAK") != "" {
		d := makeDir(t, own(exec.SecretDirOptions{Given: memory(t)}))
		err := d.Readable([]exec.SecretFile{{Name: "token", UID: 1000, GID: -1}}, nil)
		wantError(t, err, "the command runs as uid 0 and cannot read it", "")
		return
	}
	if os.Geteuid() != 0 {
		t.Skip("not run: root can take rights away")
	}
	cmd := osexec.Command("setpriv", "--bounding-set", "-all", "/proc/self/fd/3", "-test.run=^TestSecretDirReadableByWeakRoot$", "-test.v")
	file, err := os.Open(binary(t))
	must(t, err)
	defer file.Close()
	cmd.ExtraFiles, cmd.Env = []*os.File{file}, append(os.Environ(), "PYLEE_TEST_WEAK=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// Both layouts are what programs for systemd credentials read.
func TestSecretDirCredentials(t *testing.T) {
	tool, err := osexec.LookPath("systemd-creds")
	if err != nil || os.Geteuid() != 0 {
		t.Skip("not run: needs systemd-creds and root")
	}
	for _, uid := range []int{0, nobody} {
		for _, set := range []string{"", "db"} {
			top := memory(t)
			must(t, os.Chmod(top, 0o755))
			d := makeDir(t, exec.SecretDirOptions{Given: top, UID: uid, GID: uid})
			files := []exec.SecretFile{secret("token", "canary"), secret("tls.key", "k")}
			must(t, exec.CheckCredentials(files))
			must(t, d.Write([]exec.SecretFile{secret("plain/token", "canary"), secret("plain/tls.key", "k")}))
			swapped(t, d, set, files...)
			for _, dir := range []string{d.Credentials(set), d.Credentials("plain")} {
				ask := func(args ...string) string {
					cmd := osexec.Command(tool, args...)
					cmd.Dir, cmd.Env = "/", []string{"CREDENTIALS_DIRECTORY=" + dir}
					cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
					out, err := cmd.CombinedOutput()
					if err != nil {
						t.Errorf("uid %d, %s: %q: %v", uid, dir, args, err)
					}
					return string(out)
				}
				if out := ask("cat", "token"); out != "canary" {
					t.Errorf("cat: %q", out)
				}
				out := ask("list", "--no-legend")
				if !strings.Contains(out, "token") || !strings.Contains(out, "tls.key") || strings.Contains(out, "insecure") {
					t.Errorf("uid %d: %s: list: %s", uid, dir, out)
				}
			}
		}
	}
}

func TestCheckCredentials(t *testing.T) {
	group := secret("a", "")
	group.Mode = 0o440
	tests := []struct {
		files []exec.SecretFile
		want  string
	}{
		{[]exec.SecretFile{secret("db/a", "")}, "no directory in front"},
		{[]exec.SecretFile{secret("a:b", "")}, "without a colon"},
		{[]exec.SecretFile{secret("ü", "")}, "is ASCII"},
		{[]exec.SecretFile{secret(strings.Repeat("n", 256), "")}, "is ASCII"},
		{[]exec.SecretFile{secret("..", "")}, "not a plain name"},
		{[]exec.SecretFile{group}, "a credential has 0400"},
		{[]exec.SecretFile{secret("a", strings.Repeat("x", 1<<19)), secret("b", strings.Repeat("x", 1<<19)+"y")}, "larger than 1 MiB"},
	}
	for _, test := range tests {
		wantError(t, exec.CheckCredentials(test.files), test.want, "")
	}
	must(t, exec.CheckCredentials([]exec.SecretFile{secret("tls.key", "x"), secret("A B", "")}))
}
