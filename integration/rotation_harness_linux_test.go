package integration

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// rotateIn starts pylee with a config in a place that is ready. wrapper stands before
// pylee.
func rotateIn(t *testing.T, p place, config string, wrapper []string, argv ...string) *rotating {
	t.Helper()
	p.env = append(p.env, "XDG_RUNTIME_DIR="+memory(t))
	baoWrite(t, filepath.Join(p.dir, "pylee.yaml"), []byte(config))
	r := &rotating{p: p}
	all := append(append([]string{}, wrapper...), p.bin+"/pylee", "run", "--watch", "-c", "pylee.yaml", "--")
	r.supervised = launch(t, p, append(all, argv...)...)
	r.p.files = nil // who asks for the status does not get them
	return r
}

// ends ends pylee and wants the status 0 and nobody left.
func (r *rotating) ends() {
	r.t.Helper()
	if status := r.end(); status.ExitStatus() != 0 {
		r.t.Errorf("status %#x, stderr %q", uint32(status), r.err.String())
	}
}

// helper builds pylee-providers beside the programs of tests, once.
var helper = sync.OnceValue(func() error {
	dir, err := programs()
	if err != nil {
		return err
	}
	return compile(filepath.Join(dir, "pylee-providers"), "../providers/pylee-providers")
})

// activated builds the server that is handed its socket, once.
var activated = sync.OnceValue(func() error {
	dir, err := programs()
	if err != nil {
		return err
	}
	return compile(filepath.Join(dir, "activated"), "./testdata/activated")
})

func compile(to, source string) error {
	cmd := exec.Command("go", "build", "-tags", "urfave_cli_no_docs", "-o", to, source)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

// newRemotePlace is a place whose pylee has its helper.
func newRemotePlace(t *testing.T, environ ...string) place {
	t.Helper()
	p := newPlace(t)
	if err := helper(); err != nil {
		t.Fatal(err)
	}
	p.env = append(p.env, "AWS_EC2_METADATA_DISABLED=true")
	p.env = append(p.env, environ...)
	return p
}

// pidOf returns a child of a process by the name of its program; 0: there is none.
func pidOf(parent int, program string) int {
	for _, pid := range childrenOf(parent) {
		if exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)); err == nil && filepath.Base(exe) == program {
			return pid
		}
	}
	return 0
}

// load is what clients without patience see of a server.
type load struct {
	requests, failed atomic.Int64
	mu               sync.Mutex
	first            error            // that was seen
	answers          map[string]int64 // how often each came
	stop             chan struct{}
	clients          sync.WaitGroup
}

// newLoad has clients ask over and over, each a connection of its own every time.
func newLoad(clients int, ask func() (answer string, err error)) *load {
	l := &load{answers: map[string]int64{}, stop: make(chan struct{})}
	for range clients {
		l.clients.Go(func() {
			for pause := time.NewTicker(5 * time.Millisecond); ; {
				select {
				case <-l.stop:
					pause.Stop()
					return
				case <-pause.C: // leaves some of the machine to the server
				}
				l.note(ask())
			}
		})
	}
	return l
}

func (l *load) note(answer string, err error) {
	l.requests.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		l.answers[answer]++
		return
	}
	l.failed.Add(1)
	if l.first == nil {
		l.first = err
	}
}

// end ends the clients. Each request has to have been answered.
func (l *load) end(t *testing.T, what string) {
	t.Helper()
	close(l.stop)
	l.clients.Wait()
	t.Logf("%s: %d requests, %d failed, %d different answers", what, l.requests.Load(), l.failed.Load(), len(l.answers))
	if l.failed.Load() > 0 || l.requests.Load() == 0 {
		t.Errorf("%d of %d requests failed, the first: %v", l.failed.Load(), l.requests.Load(), l.first)
	}
}

// greeted is what a server sends at once.
func greeted(network, address string) (string, error) {
	conn, err := net.DialTimeout(network, address, patience)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	answer := make([]byte, 100)
	n, err := conn.Read(answer)
	return strings.TrimSpace(string(answer[:n])), err
}

// waits waits until something is so.
func waits(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-time.After(5 * time.Millisecond) {
		if is() {
			return
		}
	}
	t.Fatalf("not within %v: %s", patience, what)
}
