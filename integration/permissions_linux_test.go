package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// owned are the files that pylee follows or writes, below the directory of the test,
// each alone in a directory but for the last two.
var owned = []struct{ name, path, text string }{
	{"config", "conf/pylee.yaml", `{extends: base.yaml.d/base.yaml, env_files: [env.d/.env], policy: DIR/policy.d/policy.yaml,
 providers: {tool: {type: exec, command: [DIR/tool.d/tool]}},
 env: {T: {template: tmpl.d/a.tmpl}, S: "${secret:db}", X: "${tool:x}"}}`},
	{"base", "conf/base.yaml.d/base.yaml", "env: {B: b}\n"},
	{"dotenv", "conf/env.d/.env", "D=d\n"},
	{"template", "conf/tmpl.d/a.tmpl", "t\n"},
	{"policy", "policy.d/policy.yaml", "{version: 1, rules: [{allow: \"*\"}]}\n"},
	{"program", "tool.d/tool", "#!/bin/sh\necho value\n"},
	{"user config", "home/.pylee/config.yaml", "env: {U: u}\n"},
	{"identity", "home/.pylee/identity", ""},
	{"store", "home/.pylee/secrets/default.age", ""},
}

const stranger = 65533

// badly are the ways in which a file can be somebody else's, or none.
var badly = []struct {
	name string
	make func(path string) error
}{
	{"writable by the group", func(path string) error { return os.Chmod(path, 0o770) }},
	{"writable by all", func(path string) error { return os.Chmod(path, 0o777) }},
	{"of somebody else", func(path string) error { return os.Chown(path, stranger, stranger) }},
	{"in a directory of somebody else", func(path string) error { return os.Chown(filepath.Dir(path), stranger, stranger) }},
	{"in a directory writable by all", func(path string) error { return os.Chmod(filepath.Dir(path), 0o777) }},
	{"a symlink of somebody else", func(path string) error {
		return moved(path, func() error {
			if err := os.Symlink(path+".real", path); err != nil {
				return err
			}
			return os.Lchown(path, stranger, stranger)
		})
	}},
	{"a pipe", func(path string) error { return moved(path, func() error { return unix.Mkfifo(path, 0o600) }) }},
	{"a device", func(path string) error {
		return moved(path, func() error { return unix.Mknod(path, unix.S_IFCHR|0o600, 1<<8|5) })
	}}, // zero
	{"a directory", func(path string) error { return moved(path, func() error { return os.Mkdir(path, 0o700) }) }},
	{"a socket", func(path string) error { return moved(path, func() error { return socket(path) }) }},
}

func moved(path string, then func() error) error {
	if err := os.Rename(path, path+".real"); err != nil {
		return err
	}
	return then()
}

// S12: a file that somebody else could have written, or that is none, is refused by name
// before the command is started, and pylee does not hang at it.
func TestS12Permissions(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not run: files of somebody else take root")
	}
	p := newPlace(t)
	if err := os.Chmod(p.bin, 0o755); err != nil {
		t.Fatal(err)
	}
	seed, dir := p.dir+"/seed", p.dir+"/work"
	p.env = []string{"PATH=" + p.bin + ":/usr/bin:/bin", "HOME=" + dir + "/home", "XDG_STATE_HOME=" + dir + "/state", "LC_ALL=C"}
	layOwned(t, p, dir)
	if out, err := exec.Command("cp", "-a", dir, seed).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	try := func() (ended, bool) {
		got := p.runs(t, "timeout", "10", p.bin+"/pylee", "run", "-c", dir+"/conf/pylee.yaml", "--", "touch", dir+"/started")
		_, err := os.Stat(dir + "/started")
		return got, err == nil
	}
	if got, started := try(); !started || got.status != 0 {
		t.Fatalf("nothing is wrong: status %#x\n%s", got.status, got.err)
	}
	cells := 0
	for _, f := range owned {
		for _, bad := range badly {
			if out, err := exec.Command("sh", "-c", `rm -rf "$1" && cp -a "$2" "$1"`, "sh", dir, seed).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if err := bad.make(filepath.Join(dir, f.path)); err != nil {
				t.Fatalf("%s: %s: %v", f.name, bad.name, err)
			}
			got, started := try()
			cells++
			// What a config names is called by its key there.
			key := map[string]string{"base": ": extends: ", "template": ".template: "}[f.name]
			named := key != "" && strings.Contains(got.err, key) || strings.Contains(got.err, filepath.Base(f.path)) || strings.Contains(got.err, filepath.Base(filepath.Dir(f.path)))
			if code := got.status.ExitStatus(); started || code == 0 || code == 124 || code < 0 || !named {
				t.Errorf("%s is %s: started %v, status %d\n%s", f.name, bad.name, started, code, got.err)
			}
		}
	}
	t.Logf("permissions: %d cells", cells)
}

// layOwned makes the files, and a store with an identity.
func layOwned(t *testing.T, p place, dir string) {
	t.Helper()
	for _, f := range owned {
		path := filepath.Join(dir, f.path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if f.text != "" {
			baoWrite(t, path, []byte(strings.ReplaceAll(f.text, "DIR", dir)))
		}
	}
	if err := os.Chmod(filepath.Join(dir, "tool.d/tool"), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := p.command("pylee", "secret", "set", "db")
	cmd.Stdin = strings.NewReader("value")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got := p.runs(t, "pylee", "run", "-c", dir+"/conf/pylee.yaml", "--", "true"); got.status != 0 {
		t.Fatalf("status %#x\n%s", got.status, got.err)
	}
}
