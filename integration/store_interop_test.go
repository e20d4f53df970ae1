package integration

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// interop is a home with pylee in it; its tools are those of the machine.
type interop struct {
	t    *testing.T
	home string
	bin  string
}

func newInterop(t *testing.T) *interop {
	home, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(home, 0o700); err != nil {
		t.Fatal(err)
	}
	return &interop{t, home, filepath.Join(build(t), "pylee")}
}

// run runs a program in the home and returns what it prints; PYLEE is pylee.
func (i *interop) run(stdin string, argv ...string) string {
	i.t.Helper()
	out, err := i.try(stdin, argv...)
	if err != nil {
		i.t.Fatalf("%s: %v\n%s", argv[0], err, out)
	}
	return out
}

func (i *interop) try(stdin string, argv ...string) (string, error) {
	if argv[0] == "pylee" {
		argv[0] = i.bin
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Stdin = i.home, strings.NewReader(stdin)
	cmd.Env = []string{"HOME=" + i.home, "PATH=" + os.Getenv("PATH"), "SOPS_AGE_KEY_FILE=" + i.path(".pylee/identity")}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return errs.String(), err
	}
	return out.String(), nil
}

func (i *interop) path(name string) string { return filepath.Join(i.home, name) }

// public returns the recipient of the identity that pylee made.
func (i *interop) public() string {
	i.t.Helper()
	return strings.TrimSpace(i.run("", "age-keygen", "-y", i.path(".pylee/identity")))
}

func need(t *testing.T, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("not run: no " + tool)
		}
	}
}

// The age of the machine reads what pylee writes, and pylee what it writes.
func TestStoreWithAge(t *testing.T) {
	need(t, "age", "age-keygen")
	i := newInterop(t)
	i.run("one", "pylee", "secret", "set", "a")
	store := i.path(".pylee/secrets/default.age")
	text := i.run("", "age", "-d", "-i", i.path(".pylee/identity"), store)
	if !strings.Contains(text, `"pylee_store":1`) || !strings.Contains(text, `"v":"b25l"`) {
		t.Errorf("age reads %q", text)
	}
	again := i.run(text, "age", "-r", i.public())
	if err := os.WriteFile(store, []byte(again), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := i.run("", "pylee", "secret", "get", "a"); got != "one" {
		t.Errorf("pylee reads %q", got)
	}
	i.run("two", "pylee", "secret", "set", "a")
	if text := i.run("", "age", "-d", "-i", i.path(".pylee/identity"), store); !strings.Contains(text, `"v":"dHdv"`) {
		t.Errorf("age reads %q", text)
	}
}

// A passage store, which is a file of age for each secret, binary or armored.
func TestStoreFromPassage(t *testing.T) {
	need(t, "age", "age-keygen")
	i := newInterop(t)
	i.run("", "pylee", "secret", "init")
	dir := i.path(".passage/store/web")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	i.run("one", "age", "-r", i.public(), "-o", filepath.Join(dir, "key.age"))
	i.run("two", "age", "-a", "-r", i.public(), "-o", filepath.Join(dir, "pin.age"))
	i.run("", "pylee", "secret", "import", i.path(".passage/store"), "--from", "passage")
	for name, want := range map[string]string{"web/key": "one", "web/pin": "two"} {
		if got := i.run("", "pylee", "secret", "get", name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// A file that sops encrypted to the same identity.
func TestStoreFromSops(t *testing.T) {
	need(t, "sops", "age-keygen")
	i := newInterop(t)
	i.run("", "pylee", "secret", "init")
	if err := os.WriteFile(i.path("plain.yaml"), []byte("db:\n  password: one\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	sealed := i.run("", "sops", "--encrypt", "--age", i.public(), i.path("plain.yaml"))
	if strings.Contains(sealed, "one\n") {
		t.Fatal("sops did not encrypt")
	}
	if err := os.WriteFile(i.path("secrets.yaml"), []byte(sealed), 0o600); err != nil {
		t.Fatal(err)
	}
	i.run("", "pylee", "secret", "import", i.path("secrets.yaml"), "--from", "sops")
	if got := i.run("", "pylee", "secret", "get", "db/password"); got != "one" {
		t.Errorf("got %q", got)
	}
}

// The identity, encrypted by systemd-creds, opens the store by identity_command.
func TestStoreBySystemdCreds(t *testing.T) {
	need(t, "systemd-creds")
	i := newInterop(t)
	i.run("one", "pylee", "secret", "set", "a")
	sealed := i.path("pylee.identity")
	// A key that is not the host's: nothing of the machine is written.
	if out, err := i.try("", "systemd-creds", "encrypt", "--with-key=tpm2-absent", i.path(".pylee/identity"), sealed); err != nil {
		t.Skip("not run: systemd-creds cannot encrypt here: " + strings.TrimSpace(out))
	}
	tool, err := exec.LookPath("systemd-creds")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(i.path(".pylee/identity")); err != nil {
		t.Fatal(err)
	}
	block := "providers:\n  local: {identity_command: [" + tool + ", decrypt, " + sealed + ", \"-\"]}\n"
	if err := os.WriteFile(i.path(".pylee/config.yaml"), []byte(block), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := i.run("", "pylee", "secret", "get", "a"); got != "one" {
		t.Errorf("got %q", got)
	}
}
