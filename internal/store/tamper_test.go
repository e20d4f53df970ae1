package store

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pyleeai/pylee/providers"
)

func TestEveryBitAndEveryTruncation(t *testing.T) {
	f := made(t)
	ids, err := f.Keys.load()
	do(t, err)
	data := read(t, f.Path)
	refused := func(what string, i int, b []byte) {
		got, err := f.decrypt(b, ids)
		if err == nil {
			t.Errorf("%s %d accepted: %d bytes", what, i, len(got))
			return
		}
		if providers.ReasonOf(err) == providers.ReasonNone || strings.Contains(err.Error(), canary) {
			t.Errorf("%s %d: %v", what, i, err)
		}
	}
	for i := range len(data) * 8 {
		b := bytes.Clone(data)
		b[i/8] ^= 1 << (i % 8)
		refused("bit", i, b)
	}
	for i := range data {
		refused("truncation", i, data[:i])
	}
	for i, more := range []string{"\n", "\x00", intro, string(data)} {
		refused("appendix", i, append(bytes.Clone(data), more...))
	}
	if _, err := f.decrypt(data, ids); err != nil {
		t.Error(err)
	}
}

// The golden store was written by the first version of this format, and stays
// readable.
func TestGolden(t *testing.T) {
	dir := t.TempDir()
	f := File{Path: filepath.Join(dir, "production.age"), Env: "production", StateDir: dir, Keys: Keys{Identity: filepath.Join(dir, "identity")}}
	write(t, f.Path, read(t, "testdata/golden.age"))
	write(t, f.Keys.Identity, read(t, "testdata/golden.identity"))
	s := open(t, f)
	if s.Generation() != 5 {
		t.Errorf("generation %d", s.Generation())
	}
	for name, version := range map[string]string{"db/password": "2", "api_key": "1", "empty": "1"} {
		secret, err := s.Lookup(name, 0)
		if err != nil || secret.Version != version {
			t.Errorf("%s: %v, %v", name, secret, err)
		}
	}
	if got := get(t, f, "db/password"); got != "g0lden \x00\xff two\n" {
		t.Errorf("db/password: %q", got)
	}
	_, err := s.Lookup("removed", 0)
	want(t, err, providers.ErrNotFound, providers.ReasonDeleted)
	if list := s.List(); len(list) != 3 || list[0].RotateAfter != "90d" || !list[0].Expires.Equal(clock.AddDate(100, 0, 0)) {
		t.Errorf("list %+v", list)
	}
	if v := set(t, f, "removed", "x"); v != 2 {
		t.Errorf("version %d", v)
	}
}

func ageCommand(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("age")
	if err != nil {
		t.Skip("not run: age is not installed")
	}
	return path
}

func TestReadableByAge(t *testing.T) {
	f := made(t)
	got, err := exec.Command(ageCommand(t), "-d", "-i", f.Keys.home(), f.Path).Output()
	if err != nil || !bytes.Equal(got, plain(t, f)) || !bytes.HasPrefix(got, []byte(`{"pylee_store":1,`)) {
		t.Errorf("%v: %s", err, got)
	}
}

// Anybody can encrypt to a recipient: such a file opens, and is refused.
func TestForgedByAge(t *testing.T) {
	f := made(t)
	doc := plain(t, f)
	to := func(document []byte) {
		cmd := exec.Command(ageCommand(t), "-r", open(t, f).Recipients()[0].Recipient)
		cmd.Stdin = bytes.NewReader(document)
		out, err := cmd.Output()
		do(t, err)
		write(t, f.Path, out)
	}
	to(doc)
	if get(t, f, "db/password") != canary {
		t.Error("not read")
	}
	i := bytes.Index(doc, []byte(`"store_secret":"`)) + len(`"store_secret":"`)
	to(append(append(bytes.Clone(doc[:i]), "AAAA"...), doc[i+4:]...))
	_, err := f.Open()
	want(t, err, providers.ErrInvalid, providers.ReasonIntegrity, "not the store that was used here before")
}
