package runner_test

import (
	"context"
	"os"
	osexec "os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pyleeai/pylee/internal/runner"
)

// E11: a signal while values are being resolved ends the program by it, within
// 200 ms, with and without somebody who listens to the context. The command is
// never started, and there is no dump of goroutines (S10).
func TestSignalWhileResolving(t *testing.T) {
	ends := []syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGABRT, syscall.SIGTERM}
	for _, mode := range []string{"resolving", "resolving-armed", "resolving-stuck"} {
		for _, sig := range append(ends, syscall.SIGUSR1, syscall.SIGALRM, syscall.Signal(40)) {
			t.Run(mode+" "+sig.String(), func(t *testing.T) {
				var took time.Duration
				for range 3 { // a busy machine may be slow once
					p := begin(t, mode, "echo", "started")
					p.expect("ready")
					began := time.Now()
					p.signal(sig)
					status := p.wait()
					took = time.Since(began)
					if status.Signal() != sig || p.err.String() != "" {
						t.Fatalf("status %#x, stderr %q", uint32(status), p.err.String())
					}
					for line := range p.lines {
						if line != "interrupted: "+sig.String() {
							t.Errorf("output %q", line)
						}
					}
					if took < 200*time.Millisecond {
						return
					}
				}
				t.Errorf("took %v", took)
			})
		}
	}
}

// Signals without a deadly effect do not disturb it.
func TestHarmlessSignalWhileResolving(t *testing.T) {
	for _, mode := range []string{"resolving", "resolving-armed"} {
		p := begin(t, mode, "echo", "started")
		p.expect("ready")
		for _, sig := range []syscall.Signal{syscall.SIGWINCH, syscall.SIGCONT, syscall.SIGURG, syscall.SIGCHLD, syscall.SIGXFSZ} {
			p.signal(sig)
		}
		p.signal(syscall.SIGTERM)
		if status := p.wait(); status.Signal() != syscall.SIGTERM {
			t.Errorf("%s: status %#x", mode, uint32(status))
		}
	}
}

// What was ignored from the start stays so, and TERM still works.
func TestIgnoredWhileResolving(t *testing.T) {
	sets := []string{"HUP", "INT", "HUP INT"}
	if exact {
		sets = append(sets, "QUIT", "USR1 ABRT", "PIPE")
	}
	for _, mode := range []string{"resolving", "resolving-armed", "resolving-stuck"} {
		for _, set := range sets {
			cmd := osexec.Command("sh", "-c", `trap '' `+set+`; exec "$0" echo started`, binary(t))
			cmd.Env = append(os.Environ(), modeVar+"="+mode)
			p := beginCommand(t, cmd)
			p.expect("ready")
			for _, name := range strings.Fields(set) {
				p.signal(map[string]syscall.Signal{
					"HUP": syscall.SIGHUP, "INT": syscall.SIGINT, "QUIT": syscall.SIGQUIT,
					"USR1": syscall.SIGUSR1, "ABRT": syscall.SIGABRT, "PIPE": syscall.SIGPIPE,
				}[name])
			}
			p.signal(syscall.SIGTERM)
			if status := p.wait(); status.Signal() != syscall.SIGTERM || p.err.String() != "" {
				t.Errorf("%s, %s ignored: status %#x %s", mode, set, uint32(status), p.err.String())
			}
		}
	}
}

// E11: a signal that is on its way when the command would start wins.
func TestQueuedSignalWins(t *testing.T) {
	for _, mode := range []string{"queued-replace", "queued-supervise"} {
		for range 20 {
			p := begin(t, mode, "echo", "started")
			if status := p.wait(); status.Signal() != syscall.SIGTERM {
				t.Fatalf("%s: status %#x", mode, uint32(status))
			}
			for line := range p.lines {
				t.Errorf("%s: output %q", mode, line)
			}
		}
	}
}

// A signal at any moment of a start ends the program or the command, by that
// signal, and nothing is printed but by the command.
func TestSignalAtAnyMoment(t *testing.T) {
	for _, mode := range []string{"replace", "replace-armed", "supervise"} {
		for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
			for i := range 12 {
				cmd := osexec.Command(binary(t), "sleep", "60")
				cmd.Env = append(os.Environ(), modeVar+"="+mode)
				p := beginCommand(t, cmd)
				<-time.After(time.Duration(i) * time.Millisecond) // the moment is what is tested
				p.signal(sig)
				if status := p.wait(); status.Signal() != sig || p.err.String() != "" {
					t.Fatalf("%s: status %#x, stderr %q", mode, uint32(status), p.err.String())
				}
			}
		}
	}
}

func TestReplaceAfterGuard(t *testing.T) {
	const report = `grep -E "Sig(Ign|Blk)" /proc/self/status; exit 6`
	for _, mode := range []string{"replace", "replace-armed"} {
		for _, trap := range []string{"", `trap "" HUP INT;`} {
			direct := osexec.Command("sh", "-c", trap+`exec sh -c "$0"`, report)
			want, _ := direct.Output()
			cmd := osexec.Command("sh", "-c", trap+`exec "$1" sh -c "$0"`, report, binary(t))
			cmd.Env = append(os.Environ(), modeVar+"="+mode)
			got, _ := cmd.Output()
			if string(got) != string(want) || len(want) == 0 || cmd.ProcessState.ExitCode() != 6 {
				t.Errorf("%s, %s: exit %d, got\n%swant\n%s", mode, trap, cmd.ProcessState.ExitCode(), got, want)
			}
		}
	}
}

func TestClose(t *testing.T) {
	p := begin(t, "closed")
	p.expect("true")
	if status := p.wait(); status != 0 {
		t.Errorf("status %#x, stderr %q", uint32(status), p.err.String())
	}
}

// What a start pays for the Guard, and what for its context.
func BenchmarkGuard(b *testing.B) {
	for _, tt := range []struct {
		name string
		use  func(*runner.Guard)
	}{
		{"plain", func(*runner.Guard) {}},
		{"context", func(g *runner.Guard) { g.Context() }},
	} {
		b.Run(tt.name, func(b *testing.B) {
			for b.Loop() {
				g := runner.NewGuard(context.Background())
				tt.use(g)
				g.Close()
			}
		})
	}
}
