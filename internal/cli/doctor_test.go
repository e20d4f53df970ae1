package cli

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/pyleeai/pylee/internal/config"
	"github.com/pyleeai/pylee/internal/store"
)

const doctorCanary = "K9vQ2xWm7TzL4pRb"

// What the check of a provider returns has these fields, and becomes a finding as it is.
var _ = finding(struct{ Level, Subject, Detail, Hint string }{})

// place is a home directory with a project in it.
type place struct {
	home, project string
	env           []string
	options       doctorOptions
}

func newPlace(t *testing.T) *place {
	t.Helper()
	home, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p := &place{home: home, project: filepath.Join(home, "project")}
	p.env = []string{"HOME=" + home, "PATH=/bin"}
	if err := errors.Join(os.Chmod(home, 0o700), os.Mkdir(p.project, 0o700)); err != nil {
		t.Fatal(err)
	}
	t.Chdir(p.project)
	return p
}

func (p *place) write(t *testing.T, name, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(p.home, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600), os.Chmod(path, mode)); err != nil {
		t.Fatal(err)
	}
	return path
}

// secret makes a store with one secret.
func (p *place) secret(t *testing.T) store.File {
	t.Helper()
	inv := newInvocation(p.env, "0", Stdio{})
	file := inv.storeFile(storeChoice{}, "")
	if _, err := file.Init(context.Background(), store.InitOptions{}); err != nil {
		t.Fatal(err)
	}
	err := file.Update(context.Background(), func(e *store.Edit) error {
		_, err := e.Set("key", []byte(doctorCanary), "")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// doctor runs the command and returns its findings and its text.
func (p *place) doctor(t *testing.T) (found []finding, text string, err error) {
	t.Helper()
	run := func(asJSON bool) (string, error) {
		out, created := os.CreateTemp(t.TempDir(), "out")
		if created != nil {
			t.Fatal(created)
		}
		defer out.Close()
		inv := newInvocation(p.env, "1.2.3", Stdio{Out: out, Err: os.Stderr})
		inv.json = asJSON
		err := inv.doctor(context.Background(), p.options)
		data, read := os.ReadFile(out.Name())
		if read != nil {
			t.Fatal(read)
		}
		return string(data), err
	}
	text, err = run(false)
	data, again := run(true)
	if !errors.Is(again, err) {
		t.Errorf("%v as text, %v as JSON", err, again)
	}
	var r doctorReport
	d := json.NewDecoder(strings.NewReader(data))
	d.DisallowUnknownFields()
	if e := d.Decode(&r); e != nil || d.More() || r.OK != (err == nil) {
		t.Fatalf("%v, ok %v with %v:\n%s", e, r.OK, err, data)
	}
	for _, f := range r.Findings {
		if f.Subject == "" || f.Detail == "" || f.Level != levelOK && f.Level != levelWarn && f.Level != levelFail {
			t.Errorf("%+v", f)
		}
		if f.Level != levelOK && f.Hint == "" && f.Subject != "config" && f.Subject != "store" { // a typing mistake has no command that mends it
			t.Errorf("no hint: %+v", f)
		}
	}
	if strings.Contains(text+data, doctorCanary) {
		t.Errorf("a value is shown:\n%s", text)
	}
	return r.Findings, text, err
}

// sought is a finding by parts of it.
type sought struct{ level, subject, detail, hint string }

func contains(found []finding, want sought) bool {
	for _, f := range found {
		if f.Level == want.level && f.Subject == want.subject && strings.Contains(f.Detail, want.detail) && strings.Contains(f.Hint, want.hint) {
			return true
		}
	}
	return false
}

// Nothing of what it looks at is changed, nor made.
func TestDoctorLeavesNoTrace(t *testing.T) {
	p := newPlace(t)
	p.write(t, "project/pylee.yaml", "env: {A: '${secret:key}'}", 0o600)
	p.doctor(t)
	if entries, _ := os.ReadDir(p.home); len(entries) != 1 {
		t.Errorf("%v", entries)
	}
	p.secret(t)
	if err := os.RemoveAll(p.home + "/.local"); err != nil {
		t.Fatal(err)
	}
	if found, text, _ := p.doctor(t); !contains(found, sought{levelOK, "store", "not pinned yet", ""}) {
		t.Error(text)
	}
	if _, err := os.Stat(p.home + "/.local"); err == nil {
		t.Error("the store was pinned")
	}
}

func TestDoctorText(t *testing.T) {
	p := newPlace(t)
	p.write(t, "project/pylee.yaml", "", 0o666)
	p.write(t, "project/x\x1b[2K.yaml", "", 0o666)
	_, text, _ := p.doctor(t)
	if !regexp.MustCompile(`(?m)^config\n(  ok .*\n|        hint: .*\n)*  fail  pylee.yaml: writable by group or others .*\n        hint: chmod go-w .*/pylee.yaml$`).MatchString(text) {
		t.Error(text)
	}
	if !regexp.MustCompile(`\n\d+ ok, \d+ to look at, 1 to fix\n$`).MatchString(text) {
		t.Error(text)
	}
	p.options.config = "x\x1b[2K.yaml"
	if _, text, _ := p.doctor(t); strings.Contains(text, "\x1b") || !strings.Contains(text, `x\x1b[2K.yaml`) {
		t.Errorf("%q", text)
	}
}

func TestDoctorDescriptor(t *testing.T) {
	p := newPlace(t)
	file := p.secret(t)
	key, err := os.ReadFile(p.home + "/.pylee/identity")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(p.home + "/.pylee/identity"); err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(key); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	old := os.Stdin
	os.Stdin = r
	t.Cleanup(func() { os.Stdin = old; r.Close() })
	inv := newInvocation(p.env, "0", Stdio{})
	choice := storeChoice{identity: "fd:0", path: file.Path}
	var all []finding
	for _, c := range inv.checkers(doctorOptions{store: choice}) {
		all = append(all, c.Check(context.Background())...)
	}
	for _, want := range []sought{{levelOK, "identity", "--identity (fd:0): used", ""}, {levelOK, "store", "named with --store", ""}, {levelOK, "store", "it opens: 1 secret", ""}} {
		if !contains(all, want) {
			t.Errorf("no %v in %+v", want, all)
		}
	}
}

func TestDoctorQuiet(t *testing.T) {
	p := newPlace(t)
	out, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	inv := newInvocation(p.env, "0", Stdio{Out: out})
	inv.quiet = true
	failed, err := inv.printFindings([]finding{{levelOK, "a", "fine", "x"}, {levelWarn, "b", "odd", "y"}})
	if failed || err != nil {
		t.Error(failed, err)
	}
	if _, err := out.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if text, _ := io.ReadAll(out); string(text) != "b\n  warn  odd\n        hint: y\n" {
		t.Errorf("%q", text)
	}
}

func TestUsesStore(t *testing.T) {
	for text, want := range map[string]bool{
		"env: {A: '${secret:a}'}": true, "env: {A: '${local:a}'}": true, "env: {A: '${X:-${secret:a}}'}": true, "env: {A: '${file:a}'}": false,
		"env: {A: 'secret:a'}": false, "": false, "commands: {c: {command: [x, '${secret:a}']}}": true,
		"secret_provider: env\nenv: {A: '${secret:a}'}": false,
	} {
		cfg := loadProject(t, text)
		if got := usesStore(cfg); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	if usesStore(&config.Config{}) {
		t.Error("an empty config")
	}
}
