//go:build linux

package integration

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const fileCanary = "K9vQ2xWm7TzL4pRb"

// filesRun is a pylee whose command shows where its files are and waits.
type filesRun struct {
	cmd *exec.Cmd
	dir string
}

func startFiles(t *testing.T, pylee, config, runtime string) filesRun {
	t.Helper()
	cmd := exec.Command(pylee, "run", "-c", config, "--set", "CANARY="+fileCanary, "--", "sh", "-c", "echo $PYLEE_SECRETS_DIR; read end")
	cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+runtime, "HOME="+filepath.Dir(config), "RUNTIME_DIRECTORY=")
	cmd.Stderr = os.Stderr
	input, err := cmd.StdinPipe() // its end is the command's, if nobody else ends it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { input.Close() })
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() }) //nolint:errcheck // ended before, in most cases
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return filesRun{cmd, strings.TrimSpace(line)}
}

// memory returns a directory of its own on a tmpfs.
func memory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "pylee-test-")
	if err != nil {
		t.Skip("not run: no directory in /dev/shm: ", err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func writeConfig(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "c.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// F4: after SIGKILL the files stay until the next start, which removes them, and does
// not touch those of a run that lives.
func TestFilesOfAKilledRun(t *testing.T) {
	pylee := filepath.Join(build(t), "pylee")
	config := writeConfig(t, `files: {key: "${CANARY}", set: {entries: {a: "${CANARY}"}}}`)
	runtime := memory(t)
	alive := startFiles(t, pylee, config, runtime)
	killed := startFiles(t, pylee, config, runtime)
	if err := killed.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	killed.cmd.Wait() //nolint:errcheck // killed
	if data, err := os.ReadFile(filepath.Join(killed.dir, "key")); err != nil || string(data) != fileCanary {
		t.Fatalf("the killed run left %q, %v: nothing to test", data, err)
	}
	next := startFiles(t, pylee, config, runtime)
	if _, err := os.Stat(killed.dir); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", killed.dir, err)
	}
	for _, run := range []filesRun{alive, next} {
		if data, err := os.ReadFile(filepath.Join(run.dir, "set", "a")); err != nil || string(data) != fileCanary {
			t.Errorf("a run that lives has %q, %v", data, err)
		}
		if err := run.cmd.Process.Signal(os.Interrupt); err != nil {
			t.Error(err)
		}
		run.cmd.Wait() //nolint:errcheck // interrupted
	}
	if left := names(t, runtime); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// A signal at any moment of a start leaves neither files nor a command, whichever it is
// and wherever the files go.
func TestSignalWhileFilesAreWritten(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGUSR1, syscall.SIGALRM, syscall.Signal(40)} {
		signalWhileWriting(t, sig)
	}
}

func signalWhileWriting(t *testing.T, sig syscall.Signal) {
	pylee := filepath.Join(build(t), "pylee")
	var text bytes.Buffer
	text.WriteString("files:\n")
	for i := range 200 {
		text.WriteString("  f" + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + string(rune('a'+i/26)) + ": \"${CANARY}\"\n")
	}
	config := writeConfig(t, text.String())
	runtime := memory(t)
	for i := range 40 {
		cmd := exec.Command(pylee, "run", "-c", config, "--set", "CANARY="+fileCanary, "--", "sleep", "60")
		cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+runtime, "HOME="+filepath.Dir(config), "RUNTIME_DIRECTORY=")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Duration(i) * 500 * time.Microsecond) // the moment is what is tested
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		// Before pylee's first line some signals have no effect, but for this one.
		last := time.AfterFunc(100*time.Millisecond, func() { cmd.Process.Signal(syscall.SIGTERM) }) //nolint:errcheck // it may have ended
		cmd.Wait()                                                                                   //nolint:errcheck // interrupted
		last.Stop()
		for _, name := range names(t, runtime) {
			if left := names(t, filepath.Join(runtime, name)); len(left) > 0 {
				t.Fatalf("%v after %d00 us: %s holds %d files", sig, 5*i, name, len(left))
			}
		}
	}
}
