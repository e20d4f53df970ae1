package vault

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/pyleeai/pylee/providers"
)

// mount is where an engine is mounted. The zero value is not known.
type mount struct {
	path string // with a slash at its end
	kind string // "kv", "database", ...
	kv   int    // version of a key/value store, else 0
}

// mounts remembers what was found out, and lets one at a time ask about one name's
// first part, so that there is one question for each mount.
type mounts struct {
	lock   sync.Mutex
	known  []mount
	asking map[string]turn
	failed map[string]failedAsk
}

// failedAsk is the last question about one name's first part that got no answer, and
// how many did not. Who waited while it was asked does not ask again.
type failedAsk struct {
	times int
	err   error
}

func (m *mounts) failure(name string) failedAsk {
	m.lock.Lock()
	defer m.lock.Unlock()
	first, _, _ := strings.Cut(name, "/")
	return m.failed[first]
}

func (m *mounts) fail(name string, err error) {
	m.lock.Lock()
	defer m.lock.Unlock()
	first, _, _ := strings.Cut(name, "/")
	if m.failed == nil {
		m.failed = make(map[string]failedAsk)
	}
	m.failed[first] = failedAsk{m.failed[first].times + 1, err}
}

func (m *mounts) find(name string) (mount, bool) {
	m.lock.Lock()
	defer m.lock.Unlock()
	best := mount{}
	for _, known := range m.known {
		if strings.HasPrefix(name+"/", known.path) && len(known.path) > len(best.path) {
			best = known
		}
	}
	return best, best.path != ""
}

func (m *mounts) add(found mount) {
	m.lock.Lock()
	defer m.lock.Unlock()
	m.known = append(m.known, found)
}

func (m *mounts) turn(name string) turn {
	m.lock.Lock()
	defer m.lock.Unlock()
	first, _, _ := strings.Cut(name, "/")
	if m.asking == nil {
		m.asking = make(map[string]turn)
	}
	if m.asking[first] == nil {
		m.asking[first] = make(turn, 1)
	}
	return m.asking[first]
}

// mount returns what is mounted at the beginning of a name. Not to know is no error:
// not every server and every agent tells.
func (e *endpoint) mount(ctx context.Context, s *session, name string) (mount, error) {
	if strings.HasPrefix(name, "sys/") || strings.HasPrefix(name, "auth/") {
		return mount{}, nil
	}
	if known, ok := e.mounts.find(name); ok {
		return known, nil
	}
	turn, before := e.mounts.turn(name), e.mounts.failure(name)
	if err := turn.take(ctx); err != nil {
		return mount{}, err
	}
	defer turn.give()
	if known, ok := e.mounts.find(name); ok {
		return known, nil
	}
	if now := e.mounts.failure(name); now.times > before.times {
		return mount{}, now.err
	}
	ask := request{method: http.MethodGet, path: "sys/internal/ui/mounts/" + name, token: s.token, namespace: e.p.namespace}
	answer, err := e.repeat(ctx, ask, "asking what is mounted", s.token)
	var r *refusal
	if errors.As(err, &r) {
		return mount{}, nil
	}
	if err != nil && ctx.Err() == nil {
		e.mounts.fail(name, err)
	}
	if err != nil || answer == nil {
		return mount{}, err
	}
	found := parseMount(text(answer.Data, "path"), answer.Data)
	if found.path == "" || !strings.HasPrefix(name+"/", found.path) {
		return mount{}, nil
	}
	e.mounts.add(found)
	return found, nil
}

func parseMount(path string, data map[string]any) mount {
	m := mount{path: strings.Trim(path, "/") + "/", kind: text(data, "type")}
	switch {
	case m.path == "/":
		return mount{}
	case m.kind == "generic": // the name before Vault 0.8
		m.kind, m.kv = "kv", 1
	case m.kind == "kv" && text(member(data, "options"), "version") == "2":
		m.kv = 2
	case m.kind == "kv":
		m.kv = 1
	}
	return m
}

// checkName refuses what the servers would take for another name, or not at all.
func checkName(name string) error {
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part == "." || part == ".." {
			return invalid(fmt.Sprintf("the path %s has an empty part, %q or %q", providers.QuoteName(name), ".", ".."), "write it as mount/path")
		}
	}
	if !strings.Contains(name, "/") {
		return invalid("the path "+providers.QuoteName(name)+" has only one part", "write it as mount/path")
	}
	for _, r := range name {
		if r < ' ' || r == 0x7f || r == '\uFFFD' {
			return invalid("the path "+providers.QuoteName(name)+" holds a character that no path has", "")
		}
	}
	return nil
}
