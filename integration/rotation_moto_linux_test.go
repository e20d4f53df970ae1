package integration

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	asked "github.com/pyleeai/pylee/internal/control"
	"github.com/pyleeai/pylee/providers"
)

// polled is a pylee whose secrets are in moto, and the requests that it made.
type polled struct {
	*rotating
	writer providers.Provider
	mu     sync.Mutex
	asked  []string
	at     []time.Time
}

// pollMoto starts rotor with three secrets of moto, looked at every poll.
func pollMoto(t *testing.T, poll string) *polled {
	t.Helper()
	moto := startMoto(t)
	target, err := url.Parse(moto)
	if err != nil {
		t.Fatal(err)
	}
	q := &polled{writer: motoOpen(t, "aws", motoEnviron(moto), nil)}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // signed
	}}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q.mu.Lock()
		_, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		q.asked, q.at = append(q.asked, action), append(q.at, time.Now())
		q.mu.Unlock()
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	config := fmt.Sprintf("providers: {aws: {endpoint: %q, poll: %s}}\n", front.URL, poll) + strings.Replace(quickly, `"${file:./pw}"`, `"${aws:app/a}${aws:app/b}${aws:app/c}"`, 1)
	for _, name := range []string{"a", "b", "c"} {
		motoPut(t, q.writer, "app/"+name, "0")
	}
	var environ []string
	for name, value := range motoEnviron(moto) {
		if name != "AWS_ENDPOINT_URL" {
			environ = append(environ, name+"="+value)
		}
	}
	p := newRemotePlace(t, environ...)
	q.rotating = rotateIn(t, p, config, nil, p.bin+"/rotor")
	q.says("start 000")
	q.status("running", running(1))
	return q
}

// requests returns how many requests were made.
func (q *polled) requests() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.at)
}

// A value that is changed at the store while the command runs reaches it with the next
// look, and each look is one request.
func TestR1PollOfAStore(t *testing.T) {
	q := pollMoto(t, "1s")
	before := q.requests()
	if before != 1 {
		t.Errorf("the start made %d requests", before)
	}
	waits(t, "five looks", func() bool { return q.requests() >= before+5 })
	motoPut(t, q.writer, "app/b", "1")
	q.says("term")
	q.says("start 010")
	q.status("running", running(2))
	q.ends()
	if q.err.Len() > 0 {
		t.Errorf("stderr %q", q.err.String())
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, action := range q.asked {
		if action != "BatchGetSecretValue" {
			t.Errorf("request %d is %s", i, action)
		}
		if i > 1 && q.at[i].Sub(q.at[i-1]) < 800*time.Millisecond { // the first look begins when pylee does
			t.Errorf("request %d comes %v after the one before", i, q.at[i].Sub(q.at[i-1]))
		}
	}
	t.Logf("%d requests in %v", len(q.at), q.at[len(q.at)-1].Sub(q.at[0]).Round(time.Millisecond))
}

// Between two looks that are a minute apart, or more, the helper does not stay.
func TestR1HelperRests(t *testing.T) {
	q := pollMoto(t, "1m")
	pid := q.cmd.Process.Pid
	alone := func() bool { return pidOf(pid, "pylee-providers") == 0 }
	waits(t, "no helper after the start", alone)
	motoPut(t, q.writer, "app/a", "1")
	if out, err := q.p.command("pylee", "refresh").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	q.says("term")
	q.says("start 100")
	waits(t, "no helper after a look", alone)
	q.status("running", running(2))
	q.ends()
}

// A helper that is killed between two looks is started again, and nobody notices.
func TestR10HelperKilled(t *testing.T) {
	q := pollMoto(t, "1s")
	for n := 1; n <= 3; n++ {
		waits(t, "a helper", func() bool { return pidOf(q.cmd.Process.Pid, "pylee-providers") != 0 })
		victim := pidOf(q.cmd.Process.Pid, "pylee-providers")
		q.signal(victim, syscall.SIGKILL)
		waits(t, "it is gone", func() bool { return pidOf(q.cmd.Process.Pid, "pylee-providers") != victim })
		motoPut(t, q.writer, "app/a", fmt.Sprint(n))
		q.says("term")
		q.says(fmt.Sprintf("start %d00", n))
	}
	q.status("well", func(s asked.Status) bool { return running(4)(s) && len(s.Degraded) == 0 })
	q.ends()
	if q.err.Len() > 0 {
		t.Errorf("stderr %q", q.err.String())
	}
}
