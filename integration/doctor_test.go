package integration

import (
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/tools/txtar"
)

// TestDoctorDoesNothing runs doctor under strace in a project that nobody allowed.
func TestDoctorDoesNothing(t *testing.T) {
	if runtime.GOOS != "linux" || !hasStrace(t) {
		t.Skip("not run: needs strace")
	}
	bin, home := build(t), t.TempDir()
	for _, f := range txtar.Parse([]byte(clone)).Files {
		if err := os.WriteFile(filepath.Join(home, f.Name), f.Data, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	env := []string{"HOME=" + home, "PATH=" + bin + ":/usr/bin:/bin"}
	secret := exec.Command(filepath.Join(bin, "pylee"), "secret", "set", "prod", "K9vQ2xWm7TzL4pRb")
	secret.Dir, secret.Env = home, env
	if out, err := secret.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.RemoveAll(filepath.Join(home, ".local")); err != nil { // not pinned
		t.Fatal(err)
	}
	before := listing(t, home)
	for _, args := range [][]string{{"doctor"}, {"doctor", "--json"}} {
		trace := filepath.Join(t.TempDir(), "trace")
		cmd := exec.Command("strace", append([]string{"-f", "-qq", "-s", "4096", "-e", "signal=none", "-e", "trace=" + tracedCalls, "-o", trace, "pylee"}, args...)...)
		cmd.Dir, cmd.Env = home, env
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil {
			t.Fatal(err)
		}
		if code := cmd.ProcessState.ExitCode(); code != 3 || !strings.Contains(string(out), "it opens: 1 secret") || strings.Contains(string(out), "K9vQ2x") {
			t.Errorf("exit status %d\n%s", code, out)
		}
		for _, fault := range sideEffects(t, trace, "") {
			t.Error(fault)
		}
	}
	if after := listing(t, home); !maps.Equal(before, after) {
		t.Errorf("changed: %v, then %v", before, after)
	}
}

// TestDoctorAsSomebodyElse runs doctor as a user who may read nothing of what is there.
func TestDoctorAsSomebodyElse(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not run: only root can become another user")
	}
	const nobody = 65534
	home, err := os.MkdirTemp("", "pylee-doctor-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	bin := filepath.Join(home, "pylee")
	data, err := os.ReadFile(filepath.Join(build(t), "pylee"))
	if err := errors.Join(err, os.WriteFile(bin, data, 0o755), os.Chmod(home, 0o755)); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (string, int) {
		cmd := exec.Command(bin, args...)
		cmd.Dir, cmd.Env = "/", []string{"HOME=" + home, "PATH=/usr/bin:/bin"}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil {
			t.Fatal(err)
		}
		return string(out), cmd.ProcessState.ExitCode()
	}
	store := filepath.Join(home, ".pylee", "secrets")
	for _, c := range []struct {
		name string
		set  func() error
		code int
		want []string
	}{
		{"nothing", func() error { return nil }, 0, []string{"it runs as uid 65534", "no directory of pylee's is there yet"}},
		{"secrets of root", func() error {
			return errors.Join(os.MkdirAll(store, 0o755), os.WriteFile(filepath.Join(store, "default.age"), nil, 0o600), os.WriteFile(filepath.Join(home, ".pylee", "identity"), nil, 0o600))
		}, 3, []string{"fail  ~/.pylee/identity (" + home, "permission denied", "pylee runs as uid 65534", "secrets: uid 65534 cannot write there", "chown -R 65534"}},
		{"a closed directory", func() error { return os.Chmod(filepath.Join(home, ".pylee"), 0o700) }, 3, []string{"fail  " + store, "permission denied"}},
		{"a closed home", func() error { return os.Chmod(home, 0o711) }, 3, []string{"permission denied"}},
		{"a home of somebody else", func() error {
			return errors.Join(os.RemoveAll(filepath.Join(home, ".pylee")), os.Chown(home, 65533, 65533), os.Chmod(home, 0o755))
		},
			3, []string{"belongs to uid 65533, and pylee runs as uid 65534", "sudo -H"}},
	} {
		if err := c.set(); err != nil {
			t.Fatal(err)
		}
		out, code := run("doctor")
		if code != c.code {
			t.Errorf("%s: exit status %d\n%s", c.name, code, out)
		}
		for _, want := range c.want {
			if !strings.Contains(out, want) {
				t.Errorf("%s: no %q in\n%s", c.name, want, out)
			}
		}
	}
}
