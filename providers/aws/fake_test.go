package aws

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/providers/transport"
)

const account = "123456789012"

// cloud is a server that speaks as Secrets Manager, Systems Manager and STS do: JSON 1.1
// and Query, with the limits and error codes of their API references.
type cloud struct {
	*httptest.Server
	t *testing.T

	lock       sync.Mutex
	secrets    map[string]*secretState
	parameters map[string][]string
	calls      map[string]int // by action
	seen       []*http.Request
	fault      func(action string, in map[string]any) *reply
	made       int
}

type secretState struct {
	arn     string
	deleted bool
	order   []string // ids of versions
	version map[string]secretVersion
	stages  map[string]string // label to id
}

type secretVersion struct {
	value   []byte
	text    bool
	created time.Time
}

// reply is an answer other than the usual one.
type reply struct {
	status int
	header map[string]string
	body   string
}

// refuse is the reply with an error code.
func refuse(status int, code, message string) *reply {
	text, _ := json.Marshal(map[string]string{"__type": code, "message": message}) //nolint:errchkjson // strings
	return &reply{status: status, body: string(text), header: map[string]string{"X-Amzn-Requestid": "11111111-2222-3333-4444-555555555555"}}
}

func newCloud(t *testing.T) *cloud {
	c := &cloud{t: t, secrets: map[string]*secretState{}, parameters: map[string][]string{}, calls: map[string]int{}}
	c.Server = httptest.NewServer(http.HandlerFunc(c.serve))
	t.Cleanup(c.Close)
	return c
}

func (c *cloud) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) //nolint:errcheck // a short one fails below
	c.lock.Lock()
	defer c.lock.Unlock()
	c.seen = append(c.seen, r)
	_, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	in := map[string]any{}
	if action == "" {
		c.query(w, r, string(body))
		return
	}
	if err := json.Unmarshal(body, &in); err != nil {
		c.t.Errorf("request of %s: %v", action, err)
	}
	c.calls[action]++
	if c.fault != nil {
		if f := c.fault(action, in); f != nil {
			f.write(w)
			return
		}
	}
	out, failed := c.answer(action, in)
	if failed != nil {
		failed.write(w)
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	json.NewEncoder(w).Encode(out) //nolint:errcheck,errchkjson // the client sees a short answer
}

func (f *reply) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	for name, value := range f.header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(f.status)
	io.WriteString(w, f.body) //nolint:errcheck // the client sees a short answer
}

// put stores a version as PutSecretValue does. It is called with the lock held.
func (c *cloud) put(name string, value []byte, isText bool) string {
	s := c.secrets[name]
	if s == nil {
		s = &secretState{arn: arnOf(name), version: map[string]secretVersion{}, stages: map[string]string{}}
		c.secrets[name] = s
	}
	c.made++
	id := fmt.Sprintf("00000000-0000-0000-0000-%012d", c.made)
	s.version[id] = secretVersion{value: value, text: isText, created: time.Unix(int64(1.7e9)+int64(c.made), 0)}
	s.order = append(s.order, id)
	if last := s.stages["AWSCURRENT"]; last != "" {
		s.stages["AWSPREVIOUS"] = last
	}
	s.stages["AWSCURRENT"] = id
	return id
}

// set stores a text.
func (c *cloud) set(name, value string) string {
	c.lock.Lock()
	defer c.lock.Unlock()
	return c.put(name, []byte(value), true)
}

func (c *cloud) setParameter(name, value string) {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.parameters[name] = append(c.parameters[name], value)
}

// called returns how often an action was asked for.
func (c *cloud) called(action string) int {
	c.lock.Lock()
	defer c.lock.Unlock()
	return c.calls[action]
}

func (c *cloud) fail(fault func(action string, in map[string]any) *reply) {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.fault = fault
}

// environ is that of a process with keys, whose services are all at c.
func (c *cloud) environ() map[string]string {
	return map[string]string{
		"AWS_ENDPOINT_URL": c.URL, "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI",
		"AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
	}
}

// open returns a provider that waits little between tries.
func openWith(t *testing.T, kind string, environ map[string]string, options map[string]any) (providers.Provider, error) {
	t.Helper()
	s := providers.Settings{Instance: kind, Home: t.TempDir(), Environ: environ, Options: options}
	return openSettings(t, kind, s)
}

func openSettings(t *testing.T, kind string, s providers.Settings) (providers.Provider, error) {
	t.Helper()
	for _, d := range Drivers() {
		if d.Kind != kind {
			continue
		}
		p, err := d.Open(t.Context(), s)
		if err != nil {
			return nil, err
		}
		fast := transport.Retry{Attempts: 3, Base: time.Millisecond, Max: time.Millisecond}
		switch p := p.(type) {
		case *secretsManager:
			p.retry = fast
		case *parameterStore:
			p.retry = fast
		}
		return p, nil
	}
	t.Fatalf("no driver %s", kind)
	return nil, nil
}

func (c *cloud) open(t *testing.T, kind string, options map[string]any) providers.Provider {
	t.Helper()
	p, err := openWith(t, kind, c.environ(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() }) //nolint:errcheck // it has none
	return p
}

func arnOf(name string) string {
	return "arn:aws:secretsmanager:us-east-1:" + account + ":secret:" + name + "-AbCdEf"
}

func nameOf(arn string) string {
	return strings.TrimSuffix(arn[strings.LastIndexByte(arn, ':')+1:], "-AbCdEf")
}

func text(v any) string {
	s, _ := v.(string)
	return s
}
