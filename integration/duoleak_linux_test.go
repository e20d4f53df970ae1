package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// duoAll writes a config with a provider of each kind of faultKinds, and returns its
// directory, the environment that it needs and the servers.
func (d *duo) duoAll(t *testing.T) (dir string, environ []string) {
	t.Helper()
	dir = t.TempDir()
	blocks, env := "", ""
	for _, kind := range faultKinds {
		if kind.answer == nil || kind.login {
			continue
		}
		s := &faultServer{kind: kind, dir: t.TempDir()}
		s.start(t)
		block, variables, _ := strings.Cut(strings.TrimPrefix(fmt.Sprintf(kind.config, s.url, s.ca), "providers:\n"), "env:\n")
		blocks += block
		env += regexp.MustCompile(`(?m)^  `).ReplaceAllString(variables, "  "+strings.ToUpper(kind.name)+"_REF_")
		environ = append(environ, kind.environ...)
	}
	baoWrite(t, filepath.Join(dir, "pylee.yaml"), []byte("providers:\n"+blocks+"env:\n"+env))
	return dir, environ
}

// TestHelperLeaksNothing: secrets are in the environment of the command alone, in no
// argument and no file; what pylee proves itself with does not go on to the command,
// but for AWS's, which applications use themselves.
func TestHelperLeaksNothing(t *testing.T) {
	d := newDuo(t)
	dir, environ := d.duoAll(t)
	temporary := t.TempDir()
	environ = append(environ, "TMPDIR="+temporary, "VAULT_SECRET_ID="+faultToken, "AZURE_CLIENT_SECRET="+faultToken, "GODEBUG=http2debug=2", "PYLEE_DEBUG=")
	for _, mode := range []string{"--supervise", "--exec"} {
		r := d.run(t, dir, environ, "run", mode, "--", "env")
		if r.code != 0 || r.stderr != "" {
			t.Fatalf("exit status %d\n%s", r.code, r.stderr)
		}
		got := map[string]string{}
		for line := range strings.Lines(r.stdout) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			got[name] = value
		}
		for _, name := range []string{"AWS_REF_A", "SSM_REF_B", "VAULT_REF_C", "BAO_REF_A"} {
			if got[name] != faultValue {
				t.Errorf("%s: %s is %q", mode, name, got[name])
			}
		}
		for _, name := range []string{"VAULT_TOKEN", "BAO_TOKEN", "VAULT_SECRET_ID", "AZURE_CLIENT_SECRET"} {
			if _, ok := got[name]; ok {
				t.Errorf("%s: the command has %s", mode, name)
			}
		}
		if got["AWS_SECRET_ACCESS_KEY"] != faultToken || got["AWS_ACCESS_KEY_ID"] == "" {
			t.Errorf("%s: the command has lost AWS's variables", mode)
		}
	}
	r := d.run(t, dir, environ, "--debug", "run", "--", "true")
	for _, canary := range []string{faultValue, faultToken} {
		if r.code != 0 || strings.Contains(r.stderr, canary) {
			t.Errorf("--debug: exit status %d, %s in\n%s", r.code, canary, r.stderr)
		}
	}
	for _, root := range []string{dir, d.home, temporary} {
		for _, canary := range []string{faultValue, faultToken} {
			if found, err := holders(root, canary); err != nil || len(found) > 0 {
				t.Errorf("%s in %v, %v", canary, found, err)
			}
		}
	}
	if leftovers, err := os.ReadDir(temporary); err != nil || len(leftovers) > 0 {
		t.Errorf("left in TMPDIR: %v, %v", leftovers, err)
	}
}

// TestHelperTraced looks at all that pylee and the helper execute and open for writing.
func TestHelperTraced(t *testing.T) {
	if !hasStrace(t) {
		t.Skip("not run: needs strace")
	}
	d := newDuo(t)
	dir, environ := d.duoAll(t)
	lines := d.traced(t, dir, environ, "-v", "execve,execveat,open,openat,openat2,creat,memfd_create", "run", "--supervise", "--", "true")
	executed := 0
	for _, line := range lines {
		_, call, _ := strings.Cut(strings.TrimSpace(line), " ")
		call = strings.TrimSpace(call)
		arguments, environment, _ := strings.Cut(call, "], [")
		switch {
		case strings.HasPrefix(call, "execve"):
			executed++
			if strings.Contains(arguments, faultToken) || strings.Contains(arguments, faultValue) {
				t.Errorf("in an argument: %s", arguments)
			}
			if strings.Contains(environment, faultValue) && !strings.Contains(arguments, `"true"]`) && !strings.Contains(arguments, `["true"`) {
				t.Errorf("a secret in the environment of %s", arguments)
			}
			if strings.Contains(arguments, "pylee-providers") && strings.Contains(environment, "GODEBUG") {
				t.Errorf("GODEBUG reaches the helper")
			}
		case strings.HasPrefix(call, `memfd_create("pylee-environ"`): // for a moment, in memory: see runner.Scrub
		case strings.Contains(call, "O_CREAT") || strings.HasPrefix(call, "creat"), strings.HasPrefix(call, "memfd"):
			t.Errorf("a file is made: %s", call)
		}
	}
	if executed < 3 {
		t.Errorf("%d programs executed, want pylee, its helper and the command", executed)
	}
}

// TestLocalNeedsNoHelper: references that files of this machine answer start no helper
// and open no socket.
func TestLocalNeedsNoHelper(t *testing.T) {
	if !hasStrace(t) {
		t.Skip("not run: needs strace")
	}
	d := newDuo(t)
	dir, environ := d.duoAll(t)
	config, err := os.ReadFile(filepath.Join(dir, "pylee.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	blocks, _, _ := strings.Cut(string(config), "env:\n") // configured, and used by nobody
	local := t.TempDir()
	if r := d.run(t, local, environ, "secret", "set", "name", faultValue); r.code != 0 {
		t.Fatalf("secret set: exit status %d\n%s", r.code, r.stderr)
	}
	baoWrite(t, filepath.Join(local, "file"), []byte("value"))
	baoWrite(t, filepath.Join(local, "pylee.yaml"), []byte(blocks+"env:\n  A: ${secret:name}\n  B: ${file:"+local+"/file}\n  C: ${env:HOME}\n  D: plain\n"))
	for _, mode := range []string{"--exec", "--supervise"} {
		lines := d.traced(t, local, environ, "", "%network,execve", "run", mode, "--", "true")
		if !slices.ContainsFunc(lines, func(line string) bool { return strings.Contains(line, `["true"`) }) {
			t.Fatalf("%s: the command did not run:\n%s", mode, strings.Join(lines, "\n"))
		}
		for _, line := range lines {
			if regexp.MustCompile(`\b(socket|connect|sendto|bind)\(`).MatchString(line) || strings.Contains(line, "pylee-providers") {
				t.Errorf("%s: %s", mode, line)
			}
		}
	}
}

// traced runs pylee under strace and returns what it saw of calls.
func (d *duo) traced(t *testing.T, dir string, environ []string, verbose, calls string, args ...string) []string {
	t.Helper()
	trace := filepath.Join(t.TempDir(), "trace")
	cmd := d.command(t, dir, environ, args...)
	strace := []string{"strace", "-f", "-qq", "-s", "4096", "-e", "signal=none", "-e", "trace=" + calls, "-o", trace}
	if verbose != "" {
		strace = append(strace, verbose)
	}
	cmd.Path, cmd.Args = "/usr/bin/strace", append(append(strace, cmd.Path), args...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}
