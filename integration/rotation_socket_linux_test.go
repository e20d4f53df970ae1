package integration

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"

	asked "github.com/pyleeai/pylee/internal/control"
)

// withSocket returns a place whose programs find a socket as descriptor 3.
func withSocket(t *testing.T) (place, net.Listener) {
	t.Helper()
	if err := activated(); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	file, err := listener.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	p := newPlace(t)
	p.files = []*os.File{file}
	return p, listener
}

// handsOver does as systemd: the process that it starts is the one that the socket is for.
func handsOver() []string { return []string{"sh", "-c", `LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" "$@"`} }

// Where the socket is handed over the new command is ready before the old one is stopped,
// and finishes its requests: nobody is refused, and nobody waits in vain.
func TestR8OverlapRefusesNobody(t *testing.T) {
	restarts := count("PYLEE_TEST_RESTARTS", 100)
	p, listener := withSocket(t)
	baoWrite(t, filepath.Join(p.dir, "pw"), []byte("0\n"))
	r := rotateIn(t, p, quickly, handsOver(), p.bin+"/activated")
	r.says("start 0")
	r.status("running", running(1))

	l := newLoad(4, func() (string, error) { return greeted("tcp", listener.Addr().String()) })
	served := 0
	for n := 1; n <= restarts; n++ {
		r.put(t, "pw", fmt.Sprint(n))
		r.says(fmt.Sprintf("start %d", n)) // before the other one is told to end
		served += r.served()
	}
	s := r.status("running", running(restarts+1))
	l.end(t, fmt.Sprintf("%d restarts", restarts))
	if s.Restarts != restarts || len(s.Degraded) > 0 {
		t.Errorf("%d restarts, degraded %q", s.Restarts, s.Degraded)
	}
	r.ends()
	if served += r.served(); int64(served) < l.requests.Load() {
		t.Errorf("%d requests were served, %d were made", served, l.requests.Load())
	}
	if len(l.answers) < restarts/2 {
		t.Errorf("only %d of %d generations have answered", len(l.answers), restarts)
	}
	if r.err.Len() > 0 {
		t.Errorf("stderr %q", r.err.String())
	}
}

// served reads the last words of a server.
func (r *rotating) served() (n int) {
	r.t.Helper()
	line := r.line()
	if _, err := fmt.Sscanf(line, "served %d", &n); err != nil {
		r.t.Fatalf("the command says %q; stderr %q", line, r.err.String())
	}
	return n
}

// Of two that overlap the new one may die of its values: the one before never notices.
func TestR8OverlapBadValueHarmsNobody(t *testing.T) {
	p, listener := withSocket(t)
	baoWrite(t, filepath.Join(p.dir, "pw"), []byte("good\n"))
	script := `case $PW in bad*) echo "start $PW"; exit 3;; esac; exec "$0"`
	r := rotateIn(t, p, quickly, handsOver(), "sh", "-c", script, p.bin+"/activated")
	r.says("start good")
	before := r.status("running", running(1))

	l := newLoad(4, func() (string, error) { return greeted("tcp", listener.Addr().String()) })
	r.put(t, "pw", "bad")
	r.says("start bad")
	after := r.status("back", func(s asked.Status) bool { return running(1)(s) && len(s.Pinned) == 1 })
	l.end(t, "a value that was taken back")
	if after.Child != before.Child || len(l.answers) != 1 {
		t.Errorf("process %d, then %d; answers %v", before.Child, after.Child, l.answers)
	}
	r.end()
}
