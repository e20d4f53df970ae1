package integration

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const cachedSecret = "c4ch3d-7f3a9"

// mortal is an OpenBao server that forgets everything when it is stopped.
type mortal struct {
	program, address string
	cmd              *exec.Cmd
}

func (m *mortal) start(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	m.cmd = exec.Command(m.program, "server", "-dev", "-dev-root-token-id=root", "-dev-listen-address="+m.address)
	m.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}
	baoStart(t, m.cmd, "Development mode should NOT be used")
}

// stop ends the server and waits until nobody listens any more.
func (m *mortal) stop(t *testing.T) {
	t.Helper()
	if err := m.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); ; {
		c, err := net.Dial("tcp", m.address)
		if err != nil {
			return
		}
		c.Close() //nolint:errcheck // nothing was sent
		if time.Now().After(end) {
			t.Fatal("the server does not stop")
		}
	}
}

func (m *mortal) post(t *testing.T, path string, body any) {
	t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+m.address+"/v1/"+path, bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("X-Vault-Token", "root")
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // it was read
	if answer.StatusCode/100 != 2 {
		t.Fatalf("%s: status %d", path, answer.StatusCode)
	}
}

// TestCacheOutage starts a command while its provider is gone, and finds nothing kept
// once the provider does not know the login any more.
func TestCacheOutage(t *testing.T) {
	program := os.Getenv("PYLEE_BAO")
	if program == "" {
		program = "servers/openbao/bin/bao"
	}
	if _, err := os.Stat(program); err != nil {
		t.Skip("not run: no OpenBao; integration/servers/openbao.sh compiles it, or set PYLEE_BAO")
	}
	d, m := newDuo(t), &mortal{program: program, address: baoPort(t)}
	dir := t.TempDir()
	config := func(cache string) {
		baoWrite(t, filepath.Join(dir, "pylee.yaml"), []byte("providers: {vault: {address: 'http://"+m.address+"'}}\ncache: "+cache+"\nenv: {DB: '${vault:secret/db#password}'}\n"))
	}
	run := func(token string, args ...string) (string, string, int) {
		t.Helper()
		cmd := d.command(t, dir, []string{"VAULT_TOKEN=" + token, "PYLEE_CONFIG=" + filepath.Join(dir, "pylee.yaml")}, args...)
		var out, said bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &said
		_ = cmd.Run() //nolint:errcheck // its status is looked at
		return out.String(), said.String(), cmd.ProcessState.ExitCode()
	}
	start := []string{"run", "--", "sh", "-c", "printf %s \"$DB\""}
	served := func(what, token string, want bool, parts ...string) {
		t.Helper()
		out, said, code := run(token, start...)
		t.Logf("%s: status %d: %s", what, code, said)
		if want != (out == cachedSecret && code == 0) || !want && code == 0 {
			t.Errorf("%s: status %d", what, code)
		}
		for _, part := range parts {
			if !strings.Contains(said, part) {
				t.Errorf("%s: does not say %q", what, part)
			}
		}
		if strings.Contains(said, cachedSecret) {
			t.Errorf("%s: says the value", what)
		}
	}

	config("{max_stale: 24h}")
	m.start(t)
	m.post(t, "auth/token/create", map[string]any{"id": "reader-token", "policies": []string{"root"}})
	m.post(t, "secret/data/db", map[string]any{"data": map[string]string{"password": cachedSecret}})
	served("without an identity", "reader-token", false, "cache: cannot be turned on: there is no identity")
	if _, said, code := run("reader-token", "secret", "init"); code != 0 {
		t.Fatal(said)
	}
	served("server there", "reader-token", true)
	unread(t, filepath.Join(d.home, ".local", "state", "pylee"))

	m.stop(t)
	served("server gone", "reader-token", true, "env.DB: STALE ", "(vault: http://"+m.address+": connection refused), refuses after 24h")
	served("another login", "other-token", false, "connection refused")
	if _, said, code := run("reader-token", "run", "--no-stale", "--", "true"); code != 75 || !strings.Contains(said, "--no-stale refuses it") {
		t.Errorf("--no-stale: status %d: %s", code, said)
	}
	config("{max_stale: 1ms}")
	served("past max_stale", "reader-token", false, "more than cache.max_stale allows")
	config("{max_stale: 24h}")
	served("max_stale as before", "reader-token", true, "STALE")

	m.start(t) // it knows no token but root's: 403
	served("login refused", "reader-token", false)
	m.stop(t)
	served("nothing is kept of it", "reader-token", false, "connection refused")
	if out, said, code := run("reader-token", "cache", "status"); code != 0 || !strings.Contains(out, "0 answers") {
		t.Errorf("status %d: %s%s", code, out, said)
	}
}

// unread makes sure that no file below dir is readable to others or holds the value.
func unread(t *testing.T, dir string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		files++
		info, err := e.Info()
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		if info.Mode().Perm() != 0o600 || bytes.Contains(data, []byte(cachedSecret)) {
			t.Errorf("%s: mode %v, or holds the value", path, info.Mode())
		}
		return err
	})
	if err != nil || files < 2 {
		t.Errorf("%d files: %v", files, err)
	}
}
