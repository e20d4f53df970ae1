package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// clone is a project that does what it can to be noticed too late.
const clone = `-- pylee.yaml --
version: 1
extends: base.yaml
secret_provider: vault
env_files: [.env]
env_refs: true
env:
  A: ${file:/etc/hostname}
  B: {template: a.tmpl}
  C: ${vault:secret/db#password}
  D: {value: x, on_change: {exec: [touch, started]}}
providers:
  vault: {address: "http://127.0.0.1:1", auth: {method: token, token_file: /etc/hostname}}
commands: {web: {command: [touch, started], args: ["${cred:x}"]}}
-- base.yaml --
mcpServers: {db: {command: ./evil.sh, cwd: ., env: {X: "${local:prod}"}}}
-- a.tmpl --
${aws:prod?endpoint=http://169.254.169.254}
-- .env --
E=${secret:prod}
-- evil.sh --
#!/bin/sh
touch started
`

// TestCloneDoesNothing runs every command that resolves in a project that was never
// allowed, under strace: nothing is executed, connected to or written. Then the
// project is allowed, which writes below the directory of the records alone.
func TestCloneDoesNothing(t *testing.T) {
	if runtime.GOOS != "linux" || !hasStrace(t) {
		t.Skip("not run: needs strace")
	}
	bin := build(t)
	home := t.TempDir()
	project := filepath.Join(home, "project")
	if err := os.Mkdir(project, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, f := range txtar.Parse([]byte(clone)).Files {
		if err := os.WriteFile(filepath.Join(project, f.Name), f.Data, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	state := filepath.Join(home, "state", "pylee", "allow") + "/"
	run := func(allowed string, args ...string) (string, int) {
		trace := filepath.Join(t.TempDir(), "trace")
		cmd := exec.Command("strace", append([]string{"-f", "-qq", "-s", "4096", "-e", "signal=none", "-e", "trace=" + tracedCalls, "-o", trace, "pylee"}, args...)...)
		cmd.Dir = project
		cmd.Env = []string{"HOME=" + home, "XDG_STATE_HOME=" + filepath.Join(home, "state"), "PATH=" + bin + ":/usr/bin:/bin"}
		out, err := cmd.CombinedOutput()
		if err != nil && cmd.ProcessState == nil {
			t.Fatal(err)
		}
		for _, fault := range sideEffects(t, trace, allowed) {
			t.Errorf("pylee %s: %s", strings.Join(args, " "), fault)
		}
		return string(out), cmd.ProcessState.ExitCode()
	}
	before := listing(t, home)
	for _, args := range [][]string{
		{"run", "--", "touch", "started"}, {"run", "--target", "web"}, {"run", "--server", "db"}, {"run", "--supervise", "--", "touch", "started"},
		{"run", "--env-refs", "--env-file", ".env", "--set", "Z=${secret:z}", "--", "touch", "started"},
		{"check"}, {"check", "--json"}, {"env"}, {"env", "--reveal", "--format", "shell"},
	} {
		if out, code := run("", args...); code != 78 || !strings.Contains(out, "not allowed yet") {
			t.Errorf("pylee %s: exit status %d\n%s", strings.Join(args, " "), code, out)
		}
	}
	for _, args := range [][]string{{"explain"}, {"__names", "targets"}, {"secret", "list"}, {"allow", "--dry-run"}, {"allow"}} {
		run("", args...)
	}
	if after := listing(t, home); len(after) != len(before) {
		t.Errorf("written: %v", after)
	}
	if out, code := run(state, "allow", "--yes"); code != 0 {
		t.Errorf("allow: exit status %d\n%s", code, out)
	}
	if out, code := run(state, "deny"); code != 0 {
		t.Errorf("deny: exit status %d\n%s", code, out)
	}
}

// TestAllowAsks answers the question of allow on a terminal, and checks that nothing
// else asks there.
func TestAllowAsks(t *testing.T) {
	if _, err := exec.LookPath("script"); err != nil || runtime.GOOS != "linux" {
		t.Skip("not run: needs script(1) of util-linux for a terminal")
	}
	bin := build(t)
	for answer, allowed := range map[string]bool{"y\n": true, "Y\n": true, "n\n": false, "\n": false, "yes please\n": false} {
		home := t.TempDir()
		project := filepath.Join(home, "project")
		if err := os.Mkdir(project, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(project, "pylee.yaml"), []byte("env: {A: a}\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		onTerminal := func(command string) (string, int) {
			cmd := exec.Command("script", "-qec", command, "/dev/null")
			cmd.Dir, cmd.Stdin = project, strings.NewReader(answer)
			cmd.Env = []string{"HOME=" + home, "PATH=" + bin + ":/usr/bin:/bin"}
			out, err := cmd.CombinedOutput()
			if err != nil && cmd.ProcessState == nil {
				t.Fatal(err)
			}
			return string(out), cmd.ProcessState.ExitCode()
		}
		if out, code := onTerminal("pylee run -- true"); code != 78 || strings.Contains(out, "[y/N]") {
			t.Errorf("run: exit status %d\n%s", code, out)
		}
		if out, code := onTerminal("pylee allow"); (code == 0) != allowed || !strings.Contains(out, "set: A") || !strings.Contains(out, "[y/N]") {
			t.Errorf("allow, %q: exit status %d\n%s", answer, code, out)
		}
		if out, code := onTerminal("pylee run -- true"); (code == 0) != allowed {
			t.Errorf("run after %q: exit status %d\n%s", answer, code, out)
		}
	}
}
