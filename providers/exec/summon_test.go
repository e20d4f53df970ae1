package tool_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pyleeai/pylee/providers"
)

// logged writes a provider of summon that logs how many arguments each of its processes
// got, and returns it with what was logged since the last call.
func logged(t *testing.T, lines ...string) (program string, calls func() string) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "log")
	program = script(t, append([]string{"echo $# >>" + log}, lines...)...)
	return program, func() string {
		data, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(log); err != nil {
			t.Fatal(err)
		}
		return strings.Join(strings.Fields(string(data)), " ")
	}
}

const (
	one   = `[ $# = 0 ] || { echo " value of $1 "; exit; }`
	many  = `while IFS= read -r name; do printf 'value of %s' "$name" | base64 -w0; echo; done`
	calls = "0 1 1"
)

func TestProtocols(t *testing.T) {
	block := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(block, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name          string
		lines         []string
		first, second string // processes of two fetches
	}{
		{"both", []string{one, many}, "0", "0"},
		{"stream alone", []string{"[ $# = 0 ] || exit 9", many}, "0", "0"},
		{"stream with carriage returns", []string{one, many + ` | sed 's/$/\r/'`}, "0", "0"},
		{"stream that does not end", []string{one, many, "cat " + block}, "0", "0"},
		{"stream without the last newline", []string{one, `read a; read b; printf "$(printf 'value of %s' $a | base64)\n$(printf 'value of %s' $b | base64)"`}, "0", "0"},
		{"no stream: usage and status", []string{one, "echo usage: provider PATH >&2; exit 2"}, calls, "1 1"},
		{"no stream: usage", []string{one, "echo 'usage: provider PATH'"}, calls, "1 1"},
		{"no stream: silence", []string{one}, calls, "1 1"},
		{"no stream: empty lines", []string{one, "echo; echo"}, calls, "0 1 1"},
		{"no stream: signal", []string{one, "kill -9 $$"}, calls, "1 1"},
		{"no stream: flood", []string{one, "exec cat /dev/zero"}, calls, "1 1"},
		{"one line too few", []string{one, many + " | head -n 1"}, calls, calls},
		{"one line too many", []string{one, many, "echo dmFsdWU="}, calls, calls},
		{"status after all lines", []string{one, many, "exit 1"}, calls, calls},
		{"plain text after the first", []string{one, "read a; echo dmFsdWU=; echo no such secret"}, calls, calls},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			program, calls := logged(t, c.lines...)
			p := open(t, "summon", map[string]any{"command": list(program)})
			for _, processes := range []string{c.first, c.second} {
				results := fetch(t, p, "a", "b")
				want(t, results[0], nil, "value of a")
				want(t, results[1], nil, "value of b")
				if got := calls(); got != processes {
					t.Errorf("processes %q, want %q", got, processes)
				}
			}
		})
	}
}

// TestStreamThatHangs leaves half of the time for the other protocol.
func TestStreamThatHangs(t *testing.T) {
	block := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(block, 0o600); err != nil {
		t.Fatal(err)
	}
	program, calls := logged(t, one, "cat "+block)
	p := open(t, "summon", map[string]any{"command": list(program)})
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	start := time.Now()
	want(t, p.Fetch(ctx, []providers.Key{{Name: "a"}})[0], nil, "value of a")
	if took := time.Since(start); took < 2*time.Second-100*time.Millisecond {
		t.Errorf("gave up after %v", took)
	}
	want(t, fetch(t, p, "b")[0], nil, "value of b")
	if got := calls(); got != "0 1 1" {
		t.Errorf("processes %q", got)
	}
}

func TestStreamIsExact(t *testing.T) {
	program, _ := logged(t, "read a; read b; read c; printf 'ICB4CgoK\\n\\nAAECAw==\\n'")
	p := open(t, "summon", map[string]any{"command": list(program)})
	results := fetch(t, p, "a", "b", "c")
	want(t, results[0], nil, "  x\n\n\n")
	want(t, results[1], nil, "")
	want(t, results[2], nil, "\x00\x01\x02\x03")
}

func TestOneByOneIsTrimmed(t *testing.T) {
	program, calls := logged(t, `printf '\n\t value \r\n\n'`)
	p := open(t, "summon", map[string]any{"command": list(program), "stream": false})
	r := fetch(t, p, "a")[0]
	want(t, r, nil, "value")
	if r.Secret.Text || calls() != "1" {
		t.Error("taken for a text, or streamed")
	}
}

func TestStreamOfMany(t *testing.T) {
	program, calls := logged(t, one, many)
	p := open(t, "summon", map[string]any{"command": list(program)})
	names := make([]string, 300)
	for i := range names {
		names[i] = fmt.Sprintf("prod/%d with spaces", i)
	}
	for i, r := range fetch(t, p, names...) {
		want(t, r, nil, "value of "+names[i])
	}
	if got := calls(); got != "0" {
		t.Errorf("processes %q", got)
	}
}

func TestStreamedSecretIsTooBig(t *testing.T) {
	program, _ := logged(t, "head -c 1048577 /dev/zero | base64 -w0; echo; echo dmFsdWU=")
	p := open(t, "summon", map[string]any{"command": list(program)})
	results := fetch(t, p, "a", "b")
	want(t, results[0], providers.ErrInvalid, "more than 1 MiB")
	want(t, results[1], nil, "value")
}

func TestPathsForSummon(t *testing.T) {
	program, calls := logged(t, one, many)
	p := open(t, "summon", map[string]any{"command": list(program)})
	results := fetch(t, p, "", "a\nb", "a\rb", "-V", "\x00", "good")
	for i, text := range []string{
		"no name: what is to be asked for", "a path for summon may not hold a line break", "a path for summon may not hold a line break",
		`a path for summon may not begin with "-": it would be an option`, "a name may not hold NUL",
	} {
		want(t, results[i], providers.ErrInvalid, text)
	}
	want(t, results[5], nil, "value of good")
	if got := calls(); got != "0" {
		t.Errorf("processes %q", got)
	}
}

// TestBadKeyInStream has one secret missing: the others come all the same.
func TestBadKeyInStream(t *testing.T) {
	program, _ := logged(t, `check() { [ "$1" != bad ] || { echo "no secret bad" >&2; exit 4; }; }`, `[ $# = 0 ] || { check "$1"; echo "value of $1"; exit; }`,
		`while IFS= read -r name; do check "$name"; printf 'value of %s' "$name" | base64 -w0; echo; done`)
	p := open(t, "summon", map[string]any{"command": list(program)})
	for _, order := range [][]string{{"a", "bad", "b"}, {"bad", "a", "b"}} {
		for i, r := range fetch(t, p, order...) {
			if order[i] == "bad" {
				want(t, r, providers.ErrUnavailable, program+": exit status 4: no secret bad")
			} else {
				want(t, r, nil, "value of "+order[i])
			}
		}
	}
}

// TestSummonSuite speaks both protocols with a provider written by the book of summon:
// buffered, in another language, and answering only while its input is open.
func TestSummonSuite(t *testing.T) {
	python, err := lookPython()
	if err != nil {
		t.Skipf("not run: %v", err)
	}
	program := filepath.Join(t.TempDir(), "provider")
	text := "#!" + python + `
import base64, sys
def get(path): return ("value of " + path).encode()
if len(sys.argv) > 1:
    sys.stdout.buffer.write(get(sys.argv[1]) + b"\n")
else:
    for line in sys.stdin:
        print(base64.b64encode(get(line.rstrip("\n"))).decode(), flush=True)
`
	syscall.ForkLock.RLock()
	err = os.WriteFile(program, []byte(text), 0o700)
	syscall.ForkLock.RUnlock()
	if err != nil {
		t.Fatal(err)
	}
	for _, stream := range []bool{true, false} {
		p := open(t, "summon", map[string]any{"command": list(program), "stream": stream})
		for i, r := range fetch(t, p, "0", "1", "2") {
			want(t, r, nil, "value of "+strconv.Itoa(i))
		}
	}
}

func lookPython() (string, error) {
	for _, path := range []string{"/usr/bin/python3", "/usr/local/bin/python3"} {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	path, err := exec.LookPath("python3")
	if err != nil {
		return "", fmt.Errorf("python3 is not installed")
	}
	return path, nil
}
