package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

var path = []string{"PATH=/usr/local/bin:/usr/bin:/bin"}

func run(t *testing.T, lines ...string) ([]byte, *Error) {
	t.Helper()
	return runTool(t, Tool{Argv: []string{script(t, lines...)}, Env: path})
}

func runTool(t *testing.T, tool Tool) ([]byte, *Error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := Run(ctx, tool)
	var failed *Error
	if err != nil && !errors.As(err, &failed) {
		t.Fatalf("%T: %v", err, err)
	}
	return out, failed
}

func TestOutput(t *testing.T) {
	binary := make([]byte, 256)
	for i := range binary {
		binary[i] = byte(i)
	}
	for _, c := range []struct {
		name, line, want string
	}{
		{"text", "echo value", "value\n"},
		{"nothing", ":", ""},
		{"no newline", "printf value", "value"},
		{"binary", `i=0; while [ $i -lt 256 ]; do printf "\\$(printf %03o $i)"; i=$((i+1)); done`, string(binary)},
		{"warning beside it", "echo value; echo careful >&2", "value\n"},
		{"directory", "pwd", "/\n"},
		{"no input", "cat; echo end", "end\n"},
		{"flood of errors", "head -c 3000000 /dev/zero >&2; echo value", "value\n"},
		{"as much as allowed", fmt.Sprintf("head -c %d /dev/zero", MaxOutput), strings.Repeat("\x00", MaxOutput)},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := run(t, c.line)
			if err != nil || string(out) != c.want {
				t.Errorf("%d bytes, %v; want %d", len(out), err, len(c.want))
			}
		})
	}
}

func TestArgumentsSeeNoShell(t *testing.T) {
	args := []string{"$(touch x)", "`id`", "a;b", "a b", "", "*", "'", `"`, "\n", "-n", "é"}
	out, err := runTool(t, Tool{Argv: append([]string{script(t, `for a; do printf '<%s>' "$a"; done`)}, args...), Env: path})
	if want := "<" + strings.Join(args, "><") + ">"; err != nil || string(out) != want {
		t.Errorf("%q, %v; want %q", out, err, want)
	}
}

func TestEnvironmentIsExact(t *testing.T) {
	t.Setenv("PYLEE_TEST_LEAK", "1")
	env := []string{"A=1", "PATH=/usr/bin:/bin"}
	out, err := runTool(t, Tool{Argv: []string{"/usr/bin/env"}, Env: env})
	if want := strings.Join(env, "\n") + "\n"; err != nil || string(out) != want {
		t.Errorf("%q, %v; want %q", out, err, want)
	}
	if out, err := runTool(t, Tool{Argv: []string{"/usr/bin/env"}}); err != nil || len(out) > 0 {
		t.Errorf("no environment: %q, %v", out, err)
	}
}

func TestInput(t *testing.T) {
	long := bytes.Repeat([]byte("0123456789abcde\n"), 50_000)
	for _, c := range []struct {
		name, line  string
		input, want []byte
	}{
		{"echoed", "exec cat", long, long},
		{"not read", "exec </dev/null; echo value", long, []byte("value\n")},
		{"read in part", "read a; echo $a", long, []byte("0123456789abcde\n")},
		{"empty", "exec cat", []byte{}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := runTool(t, Tool{Argv: []string{script(t, c.line)}, Env: path, Input: c.input})
			if err != nil || !bytes.Equal(out, c.want) {
				t.Errorf("%d bytes, %v; want %d", len(out), err, len(c.want))
			}
		})
	}
}

func TestFailures(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		name string
		argv []string
		want string
	}{
		{"status", []string{script(t, "exit 3")}, "exit status 3"},
		{"status and words", []string{script(t, "echo value; echo no such thing >&2; echo more >&2; exit 255")}, "exit status 255: no such thing"},
		{"signal", []string{script(t, "kill -SEGV $$")}, "ended by signal SIGSEGV"},
		{"killed", []string{script(t, "kill -9 $$")}, "ended by signal SIGKILL"},
		{"flood", []string{script(t, "head -c 10000000 /dev/zero")}, "too much output"},
		{"endless flood", []string{script(t, "trap '' PIPE; while :; do echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; done")}, "too much output"},
		{"one byte too many", []string{script(t, fmt.Sprintf("head -c %d /dev/zero", MaxOutput+1))}, "too much output"},
		{"absent", []string{dir + "/none"}, "cannot be executed: no such file or directory"},
		{"directory", []string{dir}, "cannot be executed: permission denied"},
		{"NUL", []string{"/bin/echo", "a\x00b"}, "cannot be executed: invalid argument"},
		{"too long", []string{"/bin/echo", strings.Repeat("x", 1<<20)}, "cannot be executed: argument list too long"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := runTool(t, Tool{Argv: c.argv, Env: path})
			if err == nil || err.Error() != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

// TestStopped ends tools that do not end, with all that they started.
func TestStopped(t *testing.T) {
	for _, c := range []struct {
		name  string
		lines []string
	}{
		{"hangs", []string{"exec cat FIFO"}},
		{"ignores signals", []string{"trap '' HUP INT TERM", "while :; do cat FIFO; done"}},
		{"has children", []string{"(cat FIFO; :) & ( (cat FIFO; :); :) & cat FIFO; :"}},
		{"is stopped", []string{"kill -STOP $$"}},
		{"said it", []string{"echo waiting for approval >&2", "exec cat FIFO"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w, block := newWitness(t), fifo(t)
			lines := append([]string{"exec 9>" + w.path, "echo up >&9"}, c.lines...)
			tool := Tool{Argv: []string{script(t, strings.ReplaceAll(strings.Join(lines, "\n"), "FIFO", block))}, Env: path}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			done := make(chan error, 1)
			go func() {
				_, err := Run(ctx, tool)
				done <- err
			}()
			w.up(t)
			cancel()
			select {
			case err := <-done:
				var failed *Error
				if !errors.As(err, &failed) || failed.Reason != Stopped || !errors.Is(err, context.Canceled) {
					t.Errorf("%v", err)
				}
			case <-time.After(patience):
				t.Fatal("Run does not return")
			}
			w.gone(t)
		})
	}
}

func TestDoneContextStartsNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	touched := t.TempDir() + "/touched"
	_, err := Run(ctx, Tool{Argv: []string{"/usr/bin/touch", touched}})
	if _, statErr := os.Stat(touched); !errors.Is(err, context.Canceled) || statErr == nil {
		t.Errorf("%v, %v", err, statErr)
	}
}

// TestLeftBehind has tools that end while others still hold their output.
func TestLeftBehind(t *testing.T) {
	t.Run("a process of the group", func(t *testing.T) {
		t.Parallel()
		w, block := newWitness(t), fifo(t)
		out, err := run(t, "exec 9>"+w.path, "cat "+block+" &", "echo value")
		if err != nil || string(out) != "value\n" {
			t.Errorf("%q, %v", out, err)
		}
		w.gone(t)
	})
	t.Run("a daemon", func(t *testing.T) {
		t.Parallel()
		need(t, "setsid")
		w, block := newWitness(t), fifo(t)
		out, err := run(t, "exec 9>"+w.path, "setsid sh -c 'echo up >&9; cat "+block+"' &", "echo value")
		if err != nil || string(out) != "value\n" {
			t.Errorf("%q, %v", out, err)
		}
		w.up(t)
		end, openErr := os.OpenFile(block, os.O_WRONLY, 0) // it lives: somebody reads
		if openErr != nil {
			t.Fatal(openErr)
		}
		end.Close()
		w.gone(t)
	})
	t.Run("one that writes late", func(t *testing.T) {
		t.Parallel()
		block := fifo(t)
		go func() {
			if f, err := os.OpenFile(block, os.O_WRONLY, 0); err == nil {
				fmt.Fprint(f, "late") //nolint:errcheck // the test would fail
				f.Close()
			}
		}()
		out, err := run(t, "cat "+block+" &", "printf 'early '")
		if err != nil || string(out) != "early late" && string(out) != "lateearly " {
			t.Errorf("%q, %v", out, err)
		}
	})
	t.Run("one that floods", func(t *testing.T) {
		t.Parallel()
		w := newWitness(t)
		_, err := run(t, "exec 9>"+w.path, "cat /dev/zero &", "echo value")
		if err == nil || err.Reason != Flooded {
			t.Errorf("%v", err)
		}
		w.gone(t)
	})
}

func TestEnough(t *testing.T) {
	enough := func(piece []byte) bool { return bytes.Contains(piece, []byte("\n")) }
	block := fifo(t)
	for _, c := range []struct{ name, line, want string }{
		{"hangs afterwards", "echo value; cat " + block, "value\n"},
		{"ends", "echo value", "value\n"},
		{"never", "printf value", "value"},
		{"fails afterwards", "echo value; exit 4", "exit status 4"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			out, err := runTool(t, Tool{Argv: []string{script(t, c.line)}, Env: path, Enough: enough})
			if got := string(out); got != c.want && (err == nil || err.Error() != c.want) {
				t.Errorf("%q, %v; want %q", got, err, c.want)
			}
		})
	}
}

// TestNoDescriptors gives this process one that is inherited, and asks a tool for it.
func TestNoDescriptors(t *testing.T) {
	fd, err := syscall.Dup(1)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	out, failed := run(t, fmt.Sprintf("for fd in 3 4 5 6 7 8 9 %d; do if [ -e /dev/fd/$fd ] && (: >&$fd); then echo $fd; fi; done 2>/dev/null", fd))
	for _, open := range strings.Fields(string(out)) {
		if open == fmt.Sprint(fd) {
			t.Errorf("descriptor %s is open in the tool", open)
		}
	}
	if failed != nil {
		t.Error(failed)
	}
}

func TestDirectory(t *testing.T) {
	dir := t.TempDir()
	if out, err := runTool(t, Tool{Argv: []string{script(t, "pwd -P")}, Env: path, Dir: dir}); err != nil || strings.TrimSpace(string(out)) != dir {
		t.Errorf("%q, %v; want %s", out, err, dir)
	}
	if _, err := runTool(t, Tool{Argv: []string{script(t, "pwd")}, Env: path, Dir: dir + "/none"}); err == nil || err.Reason != NotStarted {
		t.Error("in a directory that does not exist:", err)
	}
}
