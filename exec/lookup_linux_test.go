package exec_test

import (
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pyleeai/pylee/exec"
)

// write makes a file in dir.
func write(t *testing.T, dir, name, text string, mode os.FileMode) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// zoo makes a directory with all kinds of commands.
func zoo(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	const script = "#!/bin/sh\necho \"script $0 $*\"\nexit 3\n"
	write(t, dir, "script", script, 0o755)
	write(t, dir, "plain", script, 0o644)
	write(t, dir, "bare", "echo \"bare $0 $*\"\nexit 4\n", 0o755)
	write(t, dir, "empty", "", 0o755)
	write(t, dir, "badinterp", "#!/no/such/interpreter -x\n", 0o755)
	write(t, dir, "crlf", "#!/bin/sh\r\necho\r\n", 0o755)
	write(t, dir, "weakinterp", "#!"+dir+"/plain\n", 0o755)
	write(t, dir, "dir/keep", "", 0o644)
	write(t, dir, "first/both", "#!/bin/sh\necho first\n", 0o644)
	write(t, dir, "second/both", "#!/bin/sh\necho second\n", 0o755)
	write(t, dir, "first/lost", "#!/no/such/interpreter\n", 0o755)
	write(t, dir, "second/lost", "#!/bin/sh\necho found\n", 0o755)
	write(t, dir, "first/plain", script, 0o644)
	write(t, dir, "first/dir/keep", "", 0o644)
	write(t, dir, "second/broken", "#!/no/such/interpreter\n", 0o755)
	write(t, dir, "second/bare", "echo \"bare $0 $*\"\nexit 4\n", 0o755)
	if err := os.Symlink("loop", filepath.Join(dir, "loop")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// E2, E15: env(1) is the oracle for the exit status and the output.
func TestLookupAsEnv(t *testing.T) {
	dir := zoo(t)
	tests := []struct{ name, path, command, message string }{
		{"missing", "/bin", "no-such-command", "no-such-command: command not found"},
		{"missing path", "/bin", "./no-such-command", "./no-such-command: no such file or directory"},
		{"through a file", "/bin", "./script/x", "./script/x: not a directory"},
		{"empty name", "/bin", "", `"": command not found`},
		{"directory", "/bin", "./dir", "./dir: is a directory"},
		{"not executable", "/bin", "./plain", "./plain: is not executable\nhint: chmod +x ./plain"},
		{"bad interpreter", "/bin", "./badinterp", `./badinterp: its interpreter "/no/such/interpreter" does not exist`},
		{"carriage return", "/bin", "./crlf", `./crlf: its interpreter "/bin/sh\r" does not exist` + "\n" + `hint: sed -i 's/\r$//' ./crlf`},
		{"interpreter not executable", "/bin", "./weakinterp", `plain" cannot be executed`},
		{"symbolic link loop", "/bin", "./loop", "./loop: too many levels of symbolic links"},
		{"script", "/bin", "./script", ""},
		{"no interpreter line", "/bin", "./bare", ""},
		{"empty file", "/bin", "./empty", ""},
		{"from PATH", "/bin:" + dir, "script", ""},
		{"no interpreter line, from PATH", "first:second", "bare", ""},
		{"trailing slash in PATH", "second/", "both", ""},
		{"not executable first", "first:second", "both", ""},
		{"not executable only", "first:second", "plain", "first/plain: is not executable\nhint: chmod +x first/plain"},
		{"directory only", "first:second", "dir", "first/dir: is a directory"},
		{"bad interpreter first", "first:second", "lost", ""},
		{"bad interpreter only", "first:second", "broken", `second/broken: its interpreter "/no/such/interpreter" does not exist`},
		{"empty element is here", "/bin:", "script", ""},
		{"empty PATH is here", "", "bare", ""},
		{"dot is here", "/bin:.", "script", ""},
		{"no PATH", "unset", "true", ""},
	}
	bothModes(t, func(t *testing.T, mode string) {
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				var env []string
				if tt.path != "unset" {
					env = append(env, "PATH="+tt.path)
				}
				run := func(program string, more ...string) outcome {
					cmd := osexec.Command(program, tt.command, "a", "b c")
					cmd.Env, cmd.Dir = append(more, env...), dir
					return run(t, cmd)
				}
				want, got := run("/usr/bin/env"), run(binary(t), modeVar+"="+mode, "GORACE="+quickExit)
				if got.status != want.status || got.stdout != want.stdout {
					t.Errorf("got\n%v\nwant\n%v", got, want)
				}
				if !strings.Contains(got.stderr, tt.message) {
					t.Errorf("stderr %q lacks %q", got.stderr, tt.message)
				}
			})
		}
	})
}

func TestLookupUsesTheChildsPath(t *testing.T) {
	dir := zoo(t)
	bothModes(t, func(t *testing.T, mode string) {
		cmd := self(t, mode, "both")
		cmd.Env = append(cmd.Env, "PYLEE_TEST_SET=PATH="+dir+"/second")
		if got := run(t, cmd); got.stdout != "second\n" {
			t.Error(got)
		}
	})
}

func TestLookupStartsFromTheDirectory(t *testing.T) {
	dir := zoo(t)
	bothModes(t, func(t *testing.T, mode string) {
		for _, tt := range []struct {
			dir, command, path, stdout, stderr string
			code                               int
		}{
			{dir, "./second/both", "/bin", "second\n", "", 0},
			{dir, "both", "first:second", "second\n", "", 0},
			{dir, "pwd", "/bin", dir + "\n", "", 0},
			{dir, "./broken", "/bin", "", "./broken: no such file", 127},
			{dir + "/second", "./broken", "/bin", "", "its interpreter", 127},
			{dir + "/none", "pwd", "/bin", "", "working directory: " + dir + "/none: no such file", 125},
			{dir + "/script", "pwd", "/bin", "", "working directory: " + dir + "/script: not a directory", 125},
		} {
			cmd := self(t, mode, tt.command)
			cmd.Env = append(cmd.Env, "PYLEE_TEST_DIR="+tt.dir, "PYLEE_TEST_SET=PATH="+tt.path)
			got := run(t, cmd)
			if got.stdout != tt.stdout || got.status.ExitStatus() != tt.code || !strings.Contains(got.stderr, tt.stderr) {
				t.Errorf("%s in %s: %v", tt.command, tt.dir, got)
			}
		}
	})
}

// A directory that may not be searched hides nothing from the message and is no
// reason to say that something was found.
func TestUnsearchableDirectory(t *testing.T) {
	dir := zoo(t)
	if err := os.Mkdir(filepath.Join(dir, "closed"), 0o000); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		command, path string
		code          int
		message       string
	}{
		{"no-such-command", "closed:second", 127, "no-such-command: command not found, and closed in PATH cannot be searched"},
		{"plain", "closed:first", 126, "first/plain: is not executable"},
		{"both", "closed:second", 0, ""},
	}
	asNobody := []string{}
	if os.Getuid() == 0 {
		asNobody = []string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"}
		openUp(t, dir)
	}
	bothModes(t, func(t *testing.T, mode string) {
		for _, tt := range tests {
			args := append(asNobody, programFor(t, dir), tt.command)
			cmd := osexec.Command(args[0], args[1:]...)
			cmd.Dir, cmd.Env = dir, []string{"PATH=" + tt.path, modeVar + "=" + mode, "GORACE=" + quickExit}
			if got := run(t, cmd); got.status.ExitStatus() != tt.code || !strings.Contains(got.stderr, tt.message) {
				t.Errorf("%s in %s: %v", tt.command, tt.path, got)
			}
		}
	})
}

// openUp lets everybody reach dir, which a test may have below a private one.
func openUp(t *testing.T, dir string) {
	t.Helper()
	for ; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// programFor copies the wrapper to where everybody may run it.
func programFor(t *testing.T, dir string) string {
	t.Helper()
	b, err := os.ReadFile(binary(t))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "wrapper")
	if _, err := os.Stat(path); err != nil {
		write(t, dir, "wrapper", string(b), 0o755)
	}
	return path
}

func TestForeignProgram(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "foreign", "\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xff\xff", 0o755)
	bothModes(t, func(t *testing.T, mode string) {
		got := run(t, self(t, mode, dir+"/foreign"))
		if got.status.ExitStatus() != exec.CodeNotRun || !strings.Contains(got.stderr, "foreign: is not a program that this machine can run") {
			t.Error(got)
		}
	})
}

// The loader of a dynamic program is named as the interpreter of a script is.
func TestMissingLoader(t *testing.T) {
	program, err := os.ReadFile("/bin/true")
	if err != nil {
		t.Fatal(err)
	}
	at := strings.Index(string(program), "/lib64/ld-linux")
	if at < 0 {
		t.Skip("/bin/true names no /lib64/ld-linux loader here")
	}
	copy(program[at:], "/nix64/ld-linux")
	dir := t.TempDir()
	write(t, dir, "lost", string(program), 0o755)
	bothModes(t, func(t *testing.T, mode string) {
		got := run(t, self(t, mode, dir+"/lost"))
		if got.status.ExitStatus() != exec.CodeNotFound || !strings.Contains(got.stderr, `its interpreter "/nix64/ld-linux`) {
			t.Error(got)
		}
	})
}

func TestRefusedBeforeExec(t *testing.T) {
	const canary = "c4nary"
	for _, tt := range []struct {
		name string
		spec exec.Spec
		want string
	}{
		{"no command", exec.Spec{}, "no command"},
		{"NUL in the command", exec.Spec{Argv: []string{"a\x00b"}}, "command: holds a NUL byte"},
		{"NUL in an argument", exec.Spec{Argv: []string{"true", "x", canary + "\x00"}}, "argument 2: holds a NUL byte"},
		{"NUL in a value", exec.Spec{Argv: []string{"true"}, Env: []string{"A=1", "B=" + canary + "\x00"}}, "environment: B: holds a NUL byte"},
		{"NUL in an entry", exec.Spec{Argv: []string{"true"}, Env: []string{canary + "\x00"}}, "environment: entry 1: holds a NUL byte"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, started := exec.Start(tt.spec)
			for _, err := range []error{exec.Replace(tt.spec), started} {
				e, ok := err.(*exec.Error)
				if !ok || e.Code != exec.CodeFailed || e.Error() != tt.want {
					t.Errorf("got %v, want %q", err, tt.want)
				}
			}
		})
	}
}
