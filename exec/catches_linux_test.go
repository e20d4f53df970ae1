package exec

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// trapping starts a shell that runs lines and then waits for its standard input, and
// returns when it has run them.
func trapping(t *testing.T, start func(Spec) (*Child, error), lines string) *Child {
	t.Helper()
	dir := t.TempDir()
	up, block := filepath.Join(dir, "up"), filepath.Join(dir, "block")
	for _, path := range []string{up, block} {
		if err := syscall.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	script := lines + "\necho >" + up + "\nread x <" + block
	c, err := start(Spec{Argv: []string{"/bin/sh", "-c", script}, Env: []string{"PATH=/usr/bin:/bin"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Stop(syscall.SIGKILL, 0); c.Release() })
	if _, err := os.ReadFile(up); err != nil { // until the shell has written
		t.Fatal(err)
	}
	return c
}

// R4: a reload signal goes only to who lives through it.
func TestR4Catches(t *testing.T) {
	spawner, err := NewSpawner(SpawnerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(spawner.Close)
	for name, start := range map[string]func(Spec) (*Child, error){"start": Start, "spawn": spawner.Start} {
		t.Run(name, func(t *testing.T) {
			c := trapping(t, start, "trap : HUP\ntrap '' USR1")
			for sig, want := range map[syscall.Signal]bool{
				syscall.SIGHUP: true, syscall.SIGUSR1: true, syscall.SIGUSR2: false, syscall.SIGKILL: false, 64: false,
				0: false, -1: false, 65: false, 200: false,
			} {
				if caught, known := c.Catches(sig); caught != want || !known {
					t.Errorf("%v: %v, known %v; want %v", sig, caught, known, want)
				}
			}
			plain := trapping(t, start, "")
			if caught, known := plain.Catches(syscall.SIGHUP); caught || !known {
				t.Errorf("without a handler: %v, known %v", caught, known)
			}
			plain.Stop(syscall.SIGKILL, 0)
			if caught, known := plain.Catches(syscall.SIGHUP); caught || known {
				t.Errorf("ended: %v, known %v", caught, known)
			}
			plain.Release()
			if caught, known := plain.Catches(syscall.SIGHUP); caught || known {
				t.Errorf("gone: %v, known %v", caught, known)
			}
		})
	}
}

// A number that is another's by now tells nothing of the child.
func TestR4CatchesReusedNumber(t *testing.T) {
	c := trapping(t, Start, "trap : HUP")
	other := &Child{process: c.process, done: make(chan struct{}), born: c.born + 1}
	if caught, known := other.Catches(syscall.SIGHUP); caught || known {
		t.Errorf("%v, known %v", caught, known)
	}
}

func TestParseDispositions(t *testing.T) {
	const tail = "SigBlk:\t0000000000000000\nSigIgn:\t0000000000001000\nSigCgt:\t0000000180000001\n"
	for _, c := range []struct {
		name, status string
		want         dispositions
		ok           bool
	}{
		{"sleeping", "Name:\tsh\nState:\tS (sleeping)\n" + tail, dispositions{0x180000001, 0x1000}, true},
		{"name with a line end", "Name:\tx\\nSigCgt: 1\nState:\tR (running)\n" + tail, dispositions{0x180000001, 0x1000}, true},
		{"all", "State:\tS\nSigIgn:\tffffffffffffffff\nSigCgt:\t0\n", dispositions{0, 1<<64 - 1}, true},
		{"zombie", "State:\tZ (zombie)\n" + tail, dispositions{}, false},
		{"dead", "State:\tX (dead)\n" + tail, dispositions{}, false},
		{"no state", "State:\n" + tail, dispositions{}, false},
		{"empty", "", dispositions{}, false},
		{"cut", strings.TrimSuffix("State:\tS\n"+tail, "SigCgt:\t0000000180000001\n"), dispositions{}, false},
		{"not a number", "State:\tS\nSigIgn:\tx\nSigCgt:\t0\n", dispositions{}, false},
		{"too large", "State:\tS\nSigIgn:\t1ffffffffffffffff\nSigCgt:\t0\n", dispositions{}, false},
	} {
		if d, ok := parseDispositions([]byte(c.status)); ok != c.ok || ok && d != c.want {
			t.Errorf("%s: %+v, %v", c.name, d, ok)
		}
	}
}
