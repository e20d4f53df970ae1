package tool_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pyleeai/pylee/providers"
)

const canary = "K9vQ2xWm7TzL4pRb"

func TestArguments(t *testing.T) {
	show := script(t, `for a; do printf '<%s>' "$a"; done`)
	for _, c := range []struct {
		name    string
		command []any
		asked   string
		want    string
	}{
		{"appended", list(show), "a/b", "<a/b>"},
		{"appended to others", list(show, "-x", "y"), "a/b", "<-x><y><a/b>"},
		{"in its place", list(show, "get", "{path}", "--raw"), "a/b", "<get><a/b><--raw>"},
		{"within an argument", list(show, "--key={path}", "{path}.{path}"), "a", "<--key=a><a.a>"},
		{"no shell", list(show), "$(id)`id`;id|id > x\n'\"*", "<$(id)`id`;id|id > x\n'\"*>"},
		{"not looked through", list(show, "{path}"), "{path}{path}", "<{path}{path}>"},
		{"dash behind dashes", list(show, "--", "{path}"), "-rf", "<--><-rf>"},
		{"dash within", list(show, "--key={path}"), "-rf", "<--key=-rf>"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := open(t, "exec", map[string]any{"command": c.command})
			want(t, fetch(t, p, c.asked)[0], nil, c.want)
		})
	}
	p := open(t, "exec", map[string]any{"command": list(show)})
	r := fetch(t, p, "-rf")[0]
	want(t, r, providers.ErrInvalid, `a name that begins with "-" could be taken for an option`)
	if h := hint(r.Err); !strings.Contains(h, "providers.corp.command") {
		t.Errorf("hint: %s", h)
	}
}

func hint(err error) string {
	var e *providers.Error
	if errors.As(err, &e) {
		return e.Hint
	}
	return ""
}

func TestEnvironmentOfThePrograms(t *testing.T) {
	program := script(t, "exec env -u PWD -u SHLVL -u _ -u OLDPWD")
	for _, kind := range []string{"exec", "summon"} {
		p, err := tryOpen(t, kind, providers.Settings{
			Environ: map[string]string{"PATH": "/usr/bin:/bin", "HOME": "/h", "SECRET": "s", "WANTED": "w", "PYLEE_IDENTITY": "i", "GODEBUG": "http2debug=2"},
			Options: map[string]any{
				"command": list(program), "pass_env": list("WANTED"),
				"env": map[string]any{"A": "x y", "N": json.Number("17"), "B": true},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(fetch(t, p, "x")[0].Secret.Value.Reveal())), "\n")
		slices.Sort(lines)
		got := strings.Join(lines, "\n")
		if all := "A=x y\nB=true\nHOME=/h\nN=17\nPATH=/usr/bin:/bin\nWANTED=w"; got != all {
			t.Errorf("%s: got %q, want %q", kind, got, all)
		}
	}
}

func TestText(t *testing.T) {
	p := open(t, "exec", map[string]any{"command": list(script(t, "echo value"))})
	if r := fetch(t, p, "x")[0]; r.Err != nil || !r.Secret.Text || string(r.Secret.Value.Reveal()) != "value\n" {
		t.Errorf("%v, text %v", r.Err, r.Secret.Text)
	}
}

func TestFailures(t *testing.T) {
	dir := t.TempDir()
	tool := func(lines ...string) string { return script(t, lines...) }
	interpreter := filepath.Join(dir, "interpreter")
	noexec := filepath.Join(dir, "noexec")
	writable := filepath.Join(dir, "writable")
	for path, text := range map[string]string{interpreter: "#!/no/such/interpreter\n", noexec: "value\n", writable: "#!/bin/sh\n"} {
		syscall.ForkLock.RLock()
		err := os.WriteFile(path, []byte(text), 0o700)
		syscall.ForkLock.RUnlock()
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(writable, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, program string
		kind          error
		want, hint    string
	}{
		{"status", tool("exit 3"), providers.ErrUnavailable, "exit status 3", "run it by hand: PROGRAM prod/db"},
		{"words", tool("echo connection refused >&2; exit 1"), providers.ErrUnavailable, "exit status 1: connection refused", "run it by hand: PROGRAM prod/db"},
		{"status that means absent", tool("echo none such >&2; exit 44"), providers.ErrNotFound, "exit status 44: none such", ""},
		{"signal", tool("kill -SEGV $$"), providers.ErrUnavailable, "ended by signal SIGSEGV", "run it by hand: PROGRAM prod/db"},
		{"flood", tool("head -c 10000000 /dev/zero"), providers.ErrInvalid, "printed more than 1 MiB", "run it by hand: PROGRAM prod/db"},
		{"absent", dir + "/none", providers.ErrInvalid, "cannot be executed: no such file or directory", "it, or the interpreter in its first line, does not exist"},
		{"no interpreter", interpreter, providers.ErrInvalid, "cannot be executed: no such file or directory", "it, or the interpreter in its first line, does not exist"},
		{"no first line", noexec, providers.ErrInvalid, "cannot be executed: exec format error", "begin a script with #! and the path of its interpreter"},
		{"writable", writable, providers.ErrInvalid, "it is writable by group or others (mode 0777)", "chmod go-w PROGRAM"},
		{"value and status", tool("echo " + canary + "; echo " + canary + " >&2; exit 1"), providers.ErrUnavailable, "exit status 1: [redacted]", "run it by hand: PROGRAM prod/db"},
		{"value on stderr", tool("echo got " + canary + " >&2; exit 1"), providers.ErrUnavailable, "exit status 1: got [redacted]", "run it by hand: PROGRAM prod/db"},
		{"value of the environment", tool(`echo "login as $ACCOUNT" >&2; exit 1`), providers.ErrUnavailable, "exit status 1: login as [redacted]", "run it by hand: PROGRAM prod/db"},
	} {
		for _, kind := range []string{"exec", "summon"} {
			t.Run(c.name+"/"+kind, func(t *testing.T) {
				p := open(t, kind, map[string]any{
					"command": list(c.program), "not_found_status": list(absent), "env": map[string]any{"ACCOUNT": "swordfish"},
				})
				for _, r := range fetch(t, p, "prod/db", "prod/other") {
					if !errors.Is(r.Err, c.kind) || r.Err.Error() != c.program+": "+c.want {
						t.Errorf("got %v; want %v: %s", r.Err, c.kind, c.want)
					}
				}
				r := fetch(t, p, "prod/db")[0]
				if want := strings.ReplaceAll(c.hint, "PROGRAM", c.program); hint(r.Err) != want {
					t.Errorf("hint %q, want %q", hint(r.Err), want)
				}
			})
		}
	}
}

// TestHintHoldsNoArguments has a token in the command, as ${file:} would put it there.
func TestHintHoldsNoArguments(t *testing.T) {
	p := open(t, "exec", map[string]any{"command": list(script(t, `echo "$1" >&2; exit 1`), canary, "{path}")})
	r := fetch(t, p, "x")[0]
	if text := fmt.Sprintf("%v %+v", r.Err, r.Err) + hint(r.Err); strings.Contains(text, canary) || hint(r.Err) != "run the command of provider corp by hand" {
		t.Errorf("%s", text)
	}
}

func TestDeadline(t *testing.T) {
	block := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(block, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"exec", "summon"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			program := script(t, "trap '' TERM", "echo waiting for approval >&2", "exec cat "+block)
			p := open(t, kind, map[string]any{"command": list(program)})
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			keys := make([]providers.Key, 20) // more than run at once
			for i := range keys {
				keys[i].Name = strconv.Itoa(i)
			}
			for _, r := range p.Fetch(ctx, keys) {
				if !errors.Is(r.Err, context.DeadlineExceeded) && !errors.Is(r.Err, providers.ErrUnavailable) {
					t.Errorf("%v", r.Err)
				}
			}
		})
	}
}

// TestParallel has each process count those that run with it.
func TestParallel(t *testing.T) {
	dir := t.TempDir()
	program := script(t, "cd "+dir, "mkdir $$", "set -- [0-9]*", "echo $# >>log", "rmdir $$")
	for _, kind := range []string{"exec", "summon"} {
		p := open(t, kind, map[string]any{"command": list(program)})
		names := make([]string, 60)
		for i := range names {
			names[i] = "n" + strconv.Itoa(i)
		}
		for _, r := range fetch(t, p, names...) {
			if r.Err != nil {
				t.Fatal(r.Err)
			}
		}
		log, err := os.ReadFile(dir + "/log")
		if err != nil {
			t.Fatal(err)
		}
		for _, count := range strings.Fields(string(log)) {
			if n, err := strconv.Atoi(count); err != nil || n > 8 {
				t.Errorf("%s: %s at once", kind, count)
			}
		}
	}
}

func TestSettings(t *testing.T) {
	const program = "/bin/echo"
	for _, c := range []struct {
		name    string
		kind    string // "": both
		options map[string]any
		want    string
	}{
		{"plain", "", map[string]any{"command": list(program)}, ""},
		{"a text", "", map[string]any{"command": program}, ""},
		{"common ones", "", map[string]any{"command": program, "type": "x", "prefix": "p", "poll": "1m", "timeout": "20s", "fallback": "y"}, ""},
		{"in the home", "", map[string]any{"command": "~/bin/tool"}, ""},
		{"status", "", map[string]any{"command": program, "not_found_status": json.Number("4")}, ""},
		{"no command", "", map[string]any{}, `setting "command" is missing: the program to run`},
		{"empty command", "", map[string]any{"command": list()}, `setting "command" is missing: the program to run`},
		{"empty program", "", map[string]any{"command": list("", "x")}, `setting "command" is missing: the program to run`},
		{"relative", "", map[string]any{"command": "bin/tool"}, `setting "command" does not begin with an absolute path or ~/`},
		{"name", "", map[string]any{"command": "tool"}, `setting "command" does not begin with an absolute path or ~/`},
		{"other home", "", map[string]any{"command": "~x/tool"}, `setting "command" does not begin with an absolute path or ~/`},
		{"chosen program", "", map[string]any{"command": list("/bin/{path}")}, `setting "command" has {path} in the program: a reference cannot choose what runs`},
		{"number", "", map[string]any{"command": list(program, json.Number("1"))}, `setting "command" is not a list of texts`},
		{"NUL", "", map[string]any{"command": list(program, "\x00")}, `setting "command" holds NUL`},
		{"unknown", "", map[string]any{"command": program, "shell": true}, `unknown setting "shell"`},
		{"without meaning", "", map[string]any{"command": program, "tls": map[string]any{}}, `setting "tls" has no meaning for a program`},
		{"pass_env", "", map[string]any{"command": program, "pass_env": true}, `setting "pass_env" is not a list of texts`},
		{"env list", "", map[string]any{"command": program, "env": list("A")}, `setting "env" is not a map of names and values`},
		{"env name", "", map[string]any{"command": program, "env": map[string]any{"A=B": "x"}}, `setting "env" holds what no variable can be: "A=B"`},
		{"env value", "", map[string]any{"command": program, "env": map[string]any{"A": list()}}, `setting "env" has a value that is not a text: "A"`},
		{"status 0", "", map[string]any{"command": program, "not_found_status": list(json.Number("0"))}, `setting "not_found_status" is not a list of numbers from 1 to 255`},
		{"status 256", "", map[string]any{"command": program, "not_found_status": json.Number("256")}, `setting "not_found_status" is not a list of numbers from 1 to 255`},
		{"status text", "", map[string]any{"command": program, "not_found_status": list("44")}, `setting "not_found_status" is not a list of numbers from 1 to 255`},
		{"stream", "summon", map[string]any{"command": program, "stream": "no"}, `setting "stream" is not true or false`},
		{"stream of exec", "exec", map[string]any{"command": program, "stream": false}, `unknown setting "stream"`},
		{"placeholder", "summon", map[string]any{"command": list(program, "{path}")}, `setting "command" has {path}: a provider of summon gets the path as its last argument`},
	} {
		for _, kind := range []string{"exec", "summon"} {
			if c.kind != "" && c.kind != kind {
				continue
			}
			_, err := tryOpen(t, kind, providers.Settings{Instance: "corp", Home: "/home/x", Options: c.options})
			if c.want == "" && err != nil || c.want != "" && (!errors.Is(err, providers.ErrInvalid) || err.Error() != c.want) {
				t.Errorf("%s, %s: got %v, want %s", kind, c.name, err, c.want)
			}
		}
	}
	if _, err := tryOpen(t, "exec", providers.Settings{Options: map[string]any{"command": "~/x"}}); !errors.Is(err, providers.ErrInvalid) {
		t.Errorf("home is not known: %v", err)
	}
}
