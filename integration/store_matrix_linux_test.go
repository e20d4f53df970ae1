package integration

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/pyleeai/pylee/internal/store"
	"github.com/pyleeai/pylee/providers"
)

// What must never be readable below a home: part of every value, and of every name.
const (
	valueCanary = "V9xKq2mZcanary"
	nameCanary  = "n4mecanary"
)

// A storeHome is a home with a store, which is put back to what it was before each cell.
type storeHome struct {
	bin, home string // below one directory that is the test's
	saved     string // the state before: copies of home, by name
	runtime   string // XDG_RUNTIME_DIR, in memory
	inputs    string // what commands read, in memory: it is plaintext
	alice     string // a recipient of the store
	bob       string // one who could be
}

func newStoreHome(t *testing.T, bin, dir string) *storeHome {
	t.Helper()
	runtime := memory(t)
	h := &storeHome{
		bin: bin, home: filepath.Join(dir, "home"), saved: filepath.Join(dir, "saved"),
		runtime: filepath.Join(runtime, "run"), inputs: filepath.Join(runtime, "in"),
	}
	for _, who := range []*string{&h.alice, &h.bob} {
		key, err := age.GenerateX25519Identity()
		must(t, err)
		*who = key.Recipient().String()
	}
	for _, d := range []string{h.saved, h.inputs} {
		must(t, os.Mkdir(d, 0o700))
	}
	must(t, os.WriteFile(filepath.Join(h.inputs, "new"), []byte(valueCanary+"-edited\n"), 0o600))
	h.clean(t)
	h.save(t, "empty")
	h.fill(t)
	h.save(t, "filled")
	must(t, os.WriteFile(h.file("").ListPath(), []byte(h.self(t)+"\n# bob\n"+h.bob+"\n"), 0o644))
	h.save(t, "pending")
	return h
}

// clean is a home without anything.
func (h *storeHome) clean(t *testing.T) {
	t.Helper()
	must(t, os.RemoveAll(h.home))
	must(t, os.RemoveAll(h.runtime))
	for _, d := range []string{h.home, filepath.Join(h.home, "tmp"), h.runtime} {
		must(t, os.Mkdir(d, 0o700))
	}
}

// fill makes a store with all that a store can have, and two branches of it.
func (h *storeHome) fill(t *testing.T) {
	t.Helper()
	name := nameCanary + "/a"
	for i, argv := range [][]string{
		{"set", name, "--note", "first"}, {"set", name, "--label", "team=payments"}, {"set", name, "--rotate-after", "90d"},
		{"set", name, "--stage"}, {"set", nameCanary + "_b"}, {"recipients", "add", h.alice, "--name", "alice"},
	} {
		h.good(t, fmt.Sprint(valueCanary, i), argv...)
	}
	f := h.file("")
	s, err := f.Open()
	must(t, err)
	list := ""
	for _, r := range s.Recipients() {
		list += "# " + r.Name + "\n" + r.Recipient + "\n"
	}
	must(t, os.WriteFile(f.ListPath(), []byte(list), 0o644))
	h.good(t, valueCanary+"-last", "set", nameCanary+"_b")
	must(t, os.Mkdir(filepath.Join(h.home, "repo"), 0o700))
	for _, side := range []string{"base", "ours", "theirs"} {
		path := filepath.Join(h.home, "repo", side+".age")
		copyFile(t, f.Path, path)
		h.good(t, "", "list", "--store", path)
		if side != "base" {
			h.good(t, valueCanary+side, "set", "--store", path, nameCanary+"/"+side)
		}
	}
}

// file is the store below the home; "" is the one of the environment.
func (h *storeHome) file(rel string) store.File {
	f := store.File{Path: store.Path("", h.home, ""), StateDir: store.StateDir(h.home, ""), Keys: store.Keys{Home: h.home}}
	if rel != "" {
		f.Path = filepath.Join(h.home, rel)
	}
	return f
}

// self is the recipient of the home's own identity.
func (h *storeHome) self(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(h.home, ".pylee", "identity"))
	must(t, err)
	_, rest, _ := strings.Cut(string(text), "# public key: ")
	public, _, _ := strings.Cut(rest, "\n")
	return public
}

func (h *storeHome) save(t *testing.T, as string) {
	t.Helper()
	copyTree(t, h.home, filepath.Join(h.saved, as))
}

func (h *storeHome) restore(t *testing.T, from string) {
	t.Helper()
	h.clean(t)
	must(t, os.RemoveAll(h.home))
	copyTree(t, filepath.Join(h.saved, from), h.home)
}

func (h *storeHome) command(stdin string, argv ...string) *exec.Cmd {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = []string{
		"PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME=" + h.home, "TMPDIR=" + filepath.Join(h.home, "tmp"), "LANG=C",
		"XDG_RUNTIME_DIR=" + h.runtime, "EDITOR=cp " + filepath.Join(h.inputs, "new"), "GOMAXPROCS=1",
	}
	cmd.Dir, cmd.Stdin = h.home, strings.NewReader(stdin)
	return cmd
}

// secret runs pylee secret and returns its exit status and what it said.
func (h *storeHome) secret(t *testing.T, stdin string, argv ...string) (code int, said string) {
	t.Helper()
	cmd := h.command(stdin, append([]string{filepath.Join(h.bin, "pylee"), "secret"}, argv...)...)
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

func (h *storeHome) good(t *testing.T, stdin string, argv ...string) {
	t.Helper()
	if code, said := h.secret(t, stdin, argv...); code != 0 {
		t.Fatalf("secret %q: status %d: %s", argv, code, said)
	}
}

// content is all that a store says but times: what two equal states share.
func content(f store.File) (string, error) {
	s, err := f.Open()
	if err != nil {
		return "", err
	}
	defer s.Close()
	text := &strings.Builder{}
	fmt.Fprintf(text, "generation %d\n", s.Generation())
	for i, r := range s.Recipients() { // the keys are others each time
		fmt.Fprintf(text, "recipient %d %s\n", i, r.Name)
	}
	for _, info := range s.List() {
		fmt.Fprintf(text, "%s active %d rotate %s %v labels %v\n", info.Name, info.Version, info.RotateAfter, info.RotateNow, info.Labels)
		list, err := s.History(info.Name)
		if err != nil {
			return "", err
		}
		for _, v := range list {
			value := ""
			switch found, err := s.Lookup(info.Name, v.Version); {
			case err != nil:
				value = string(providers.ReasonOf(err))
			case strings.Contains(info.Name, "generated"):
				value = fmt.Sprintf("%d bytes", len(found.Value.Reveal()))
			default:
				value = string(found.Value.Reveal())
			}
			fmt.Fprintf(text, "  %d %s %s %q %s\n", v.Version, v.State, v.Expires, v.Note, value)
		}
	}
	return text.String(), nil
}

// readable returns the files below dir that hold plaintext of a store, and those beside
// the identity that hold a private key.
func readable(t *testing.T, dir string) (found []string) {
	t.Helper()
	needles := [][]byte{[]byte(valueCanary), []byte(nameCanary), []byte("store_secret")}
	for i := range 3 { // base64 of it, wherever it stands in the three bytes of a group
		text := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", i) + valueCanary))
		needles = append(needles, []byte(text[4:len(text)-4]))
	}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		holds := func(b []byte) bool { return bytes.Contains(data, b) || strings.Contains(path[len(dir):], string(b)) }
		key := bytes.Contains(data, []byte("AGE-SECRET-KEY")) && !strings.Contains(entry.Name(), "identity")
		if key || slices.ContainsFunc(needles, holds) {
			found = append(found, path)
		}
		return err
	})
	must(t, err)
	return found
}

// setOnce is the next write after something went wrong.
func setOnce(f store.File) error {
	return f.Update(context.Background(), func(e *store.Edit) error {
		_, err := e.Set("next", []byte(valueCanary), "")
		return err
	})
}

func copyTree(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(to, strings.TrimPrefix(path, from))
		if entry.IsDir() {
			return os.Mkdir(target, 0o700)
		}
		copyFile(t, path, target)
		return nil
	})
	must(t, err)
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	must(t, err)
	info, err := os.Stat(from)
	must(t, err)
	must(t, os.WriteFile(to, data, info.Mode().Perm()))
}

// bytesOf is the content of a file, nil if there is none.
func bytesOf(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if !errors.Is(err, fs.ErrNotExist) {
		must(t, err)
	}
	return data
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
