package integration

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// TestScenarios runs each script of testdata/scenarios against the real binary, in a
// work directory and a home of its own.
//
// Besides the commands of testscript a script has:
//
//	exitcode N PROGRAM [ARG...]   runs PROGRAM and wants the exit status N, or the
//	                              name of the signal that ends it, as in SIGTERM
//	nowhere TEXT [FILE...]        wants TEXT, also in hex and base64, in the content
//	                              and the name of no file below $WORK, but in FILE
func TestScenarios(t *testing.T) {
	old := syscall.Umask(0o022)
	t.Cleanup(func() { syscall.Umask(old) })
	root := t.TempDir()
	if err := os.Chmod(root, 0o700); err != nil {
		t.Fatal(err)
	}
	bin := build(t)
	testscript.Run(t, testscript.Params{
		Dir:         filepath.Join("testdata", "scenarios"),
		WorkdirRoot: root,
		Setup:       func(e *testscript.Env) error { return setup(e, bin) },
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exitcode": exitcode,
			"nowhere":  nowhere,
		},
		Condition: func(name string) (bool, error) {
			if name != "root" {
				return false, errors.New("no such condition")
			}
			return os.Geteuid() == 0, nil
		},
	})
}

// build builds pylee with the tags of a release and returns the directory it lies in.
func build(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	tags := "urfave_cli_no_docs"
	if runtime.GOOS == "linux" {
		tags += ",pylee_fwdsig"
	}
	cmd := exec.Command("go", "build", "-tags", tags, "-ldflags=-checklinkname=0", "-o", filepath.Join(dir, "pylee"), ".")
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return dir
}

// setup gives a script a home and an environment that nothing of the machine reaches.
func setup(e *testscript.Env, bin string) error {
	home := filepath.Join(e.WorkDir, "home")
	e.Setenv("HOME", home)
	e.Setenv("XDG_STATE_HOME", filepath.Join(home, ".local", "state"))
	e.Setenv("PATH", bin+string(os.PathListSeparator)+e.Getenv("PATH"))
	e.Setenv("GOTRACEBACK", "single") // testscript asks for more, which is the child's as well
	if err := os.Mkdir(home, 0o700); err != nil {
		return err
	}
	if runtime, err := os.MkdirTemp("/dev/shm", "pylee-test-"); err == nil { // without one files are refused
		e.Defer(func() { os.RemoveAll(runtime) })
		e.Setenv("XDG_RUNTIME_DIR", runtime)
	}
	return allowAll(e, filepath.Join(bin, "pylee"))
}

// allowAll allows the configs of a script for a user who is not root. Root's lie
// outside of the home directory and need no consent. Scripts that write a config later
// on allow it themselves, and those about consent all.
func allowAll(e *testscript.Env, pylee string) error {
	if os.Geteuid() == 0 || strings.HasPrefix(filepath.Base(e.WorkDir), "script-trust_") {
		return nil
	}
	return filepath.WalkDir(e.WorkDir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !slices.Contains([]string{"pylee.yaml", "pylee.yml", "pylee.json", "pylee.config.json"}, entry.Name()) {
			return err
		}
		run := func(args ...string) string {
			cmd := exec.Command(pylee, args...)
			cmd.Dir, cmd.Env = filepath.Dir(path), e.Vars
			out, _ := cmd.Output() //nolint:errcheck // a broken config is for the script to tell
			return string(out)
		}
		run("allow", "--yes")
		for _, name := range strings.Fields(run("__names", "environments")) {
			run("allow", "--yes", "--env", name)
		}
		return nil
	})
}

func exitcode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exitcode N|SIGNAL PROGRAM [ARG...]")
	}
	err := ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		ts.Fatalf("%s: %v", args[1], err)
	}
	if got := status(exit); got != args[0] {
		ts.Fatalf("exit status %s, want %s", got, args[0])
	}
}

// status returns the exit status as text, or the name of the signal.
func status(exit *exec.ExitError) string {
	if exit == nil {
		return "0"
	}
	if ws, ok := exit.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return unix.SignalName(ws.Signal())
	}
	return strconv.Itoa(exit.ExitCode())
}

func nowhere(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args[0]) < 8 {
		ts.Fatalf("usage: nowhere TEXT [FILE...], TEXT of 8 bytes or more")
	}
	var allowed []string
	for _, file := range args[1:] {
		allowed = append(allowed, ts.MkAbs(file))
	}
	found, err := holders(ts.Getenv("WORK"), args[0])
	ts.Check(err)
	for _, path := range found {
		if !slices.Contains(allowed, path) {
			ts.Fatalf("%s holds %s", path, args[0])
		}
	}
}

// holders returns the files below root that hold text in their content or their name.
func holders(root, text string) ([]string, error) {
	forms := [][]byte{[]byte(text), []byte(hex.EncodeToString([]byte(text))), []byte(strings.ToUpper(hex.EncodeToString([]byte(text))))}
	for from := range 3 {
		whole := text[from:]
		whole = whole[:len(whole)/3*3]
		forms = append(forms, []byte(base64.StdEncoding.EncodeToString([]byte(whole))), []byte(base64.URLEncoding.EncodeToString([]byte(whole))))
	}
	var found []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		content := []byte(entry.Name())
		if entry.Type().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			content = append(append(content, 0), data...)
		}
		if slices.ContainsFunc(forms, func(form []byte) bool { return bytes.Contains(content, form) }) {
			found = append(found, path)
		}
		return nil
	})
	return found, err
}

func TestHolders(t *testing.T) {
	dir := t.TempDir()
	const text = "K9vQ2xWm7TzL4pRb"
	want := []string{}
	for name, content := range map[string]string{
		"1_raw": "x" + text, "2_hex": hex.EncodeToString([]byte(text)), "3_base64": base64.StdEncoding.EncodeToString([]byte("ab" + text)),
		"4_" + text: "", "5_clean": "nothing",
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if name != "5_clean" {
			want = append(want, path)
		}
	}
	slices.Sort(want)
	if got, err := holders(dir, text); err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}
