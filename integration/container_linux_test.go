package integration

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// someUser is nobody that the container has an entry for.
const someUser = 10001

// runtimes start a container of a root directory as such a user, with a root that is
// read-only, no capabilities, no new privileges and the default filter of system calls.
var runtimes = []struct {
	name  string
	needs []string
	start func(b *box, env []string, argv ...string) *boxed
}{
	{"podman", []string{"podman", "runc", "conmon"}, (*box).podman},
	{"runc", []string{"runc"}, (*box).runc},
}

// box is what containers are made from: a root directory with busybox and pylee, and a
// directory on a tmpfs of the host, which they have at /run/secrets.
type box struct {
	*testing.T
	dir, root, secrets string
	count              int
}

// busybox has to be static: there are no libraries in the container.
const busybox = "/bin/busybox"

func newBox(t *testing.T, tools ...string) *box {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("not run: a container without user namespace needs root")
	}
	needs(t, append(tools, busybox)...)
	b := &box{T: t, dir: t.TempDir(), secrets: memory(t)}
	b.root = filepath.Join(b.dir, "rootfs")
	for _, name := range []string{"bin", "proc", "sys", "dev", "run/secrets", "tmp", "etc", "app"} {
		if err := os.MkdirAll(filepath.Join(b.root, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	bin, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	copyProgram(t, filepath.Join(bin, "pylee"), filepath.Join(b.root, "bin/pylee"))
	copyProgram(t, busybox, filepath.Join(b.root, "bin/busybox"))
	for _, name := range []string{"sh", "cat", "grep", "id", "kill", "ls", "sleep", "stat", "touch", "true", "wc"} {
		if err := os.Symlink("busybox", filepath.Join(b.root, "bin", name)); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range boxConfigs {
		writeFile(t, filepath.Join(b.root, "app", name), text)
	}
	named := filepath.Join(b.secrets, "tls") // a directory that a config names is there already
	if err := os.Mkdir(named, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{b.secrets, named} {
		if err := os.Chown(dir, someUser, someUser); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// boxed is a container that runs.
type boxed struct {
	*box
	cmd    *exec.Cmd
	out    *bufio.Reader
	errs   bytes.Buffer
	stop   func(signal string) *exec.Cmd // sends a signal, as the user of the runtime does
	remove *exec.Cmd
}

// start starts the runtime.
func (b *box) start(cmd, remove *exec.Cmd, stop func(string) *exec.Cmd) *boxed {
	b.Helper()
	c := &boxed{box: b, cmd: cmd, remove: remove, stop: stop}
	cmd.Stderr, cmd.WaitDelay = &c.errs, patience
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		b.Fatal(err)
	}
	c.out = bufio.NewReader(out)
	b.Cleanup(func() {
		_ = remove.Run() // an error tells that it is gone
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	return c
}

// end reads what is still to come and returns how the container ended.
func (c *boxed) end() (out string, code int) {
	c.Helper()
	rest, err := io.ReadAll(c.out)
	if err != nil {
		c.Error(err)
	}
	return string(rest), waitFor(c.T, c.cmd).ExitStatus()
}

// line waits for a line of the command.
func (c *boxed) line() string {
	c.Helper()
	line, err := c.out.ReadString('\n')
	if err != nil {
		_ = c.cmd.Wait()
		c.Fatalf("no line: %v; stderr: %s", err, c.errs.String())
	}
	return strings.TrimSpace(line)
}

// ends sends a signal and checks that the container ends with a status, at once.
func (c *boxed) ends(signal string, code int) {
	c.Helper()
	began := time.Now()
	if out, err := c.stop(signal).CombinedOutput(); err != nil {
		c.Fatalf("stop: %v: %s", err, out)
	}
	out, got := c.end()
	if took := time.Since(began); got != code || took > 5*time.Second { // podman would wait for 30
		c.Errorf("status %d, want %d, after %v; output %q, stderr %q", got, code, took, out, c.errs.String())
	}
}

// podman is the line that works where the cgroups are of two versions.
func (b *box) podman(env []string, argv ...string) *boxed {
	b.Helper()
	b.count++
	name := fmt.Sprintf("pylee-test-%d-%d", os.Getpid(), b.count)
	all := []string{
		"--cgroup-manager=cgroupfs", "--events-backend=file", "--storage-driver=vfs", "--runtime", "runc",
		"--root", b.dir + "/storage", "--runroot", b.dir + "/run", "--tmpdir", b.dir + "/tmp",
	}
	run := slices.Concat(all, []string{
		"run", "--rm", "--name", name, "--ulimit", "nofile=1024:4096", "--ulimit", "nproc=4096:4096", "--network=none",
		"--read-only", "--read-only-tmpfs=false", "--shm-size", "1m", "--volume", b.secrets + ":/run/secrets",
		"--user", fmt.Sprintf("%d:%d", someUser, someUser), "--cap-drop=all", "--security-opt", "no-new-privileges",
	})
	for _, entry := range env {
		run = append(run, "--env", entry)
	}
	run = append(append(run, "--rootfs", b.root), argv...)
	// Its locks are not to be those of the machine, in /dev/shm.
	config := filepath.Join(b.dir, "containers.conf")
	writeFile(b.T, config, "[engine]\nlock_type = \"file\"\n")
	podman := func(args ...string) *exec.Cmd {
		cmd := exec.Command("podman", args...)
		cmd.Env = append(os.Environ(), "CONTAINERS_CONF="+config)
		return cmd
	}
	return b.start(podman(run...), podman(slices.Concat(all, []string{"rm", "--force", "--ignore", name})...),
		func(signal string) *exec.Cmd {
			if signal == "TERM" {
				return podman(slices.Concat(all, []string{"stop", "--time", "30", name})...)
			}
			return podman(slices.Concat(all, []string{"kill", "--signal", signal, name})...)
		})
}

// runc needs a bundle: a directory with a config.
func (b *box) runc(env []string, argv ...string) *boxed {
	b.Helper()
	b.count++
	name := fmt.Sprintf("pylee-test-%d-%d", os.Getpid(), b.count)
	bundle := filepath.Join(b.dir, name)
	if err := os.Mkdir(bundle, 0o755); err != nil {
		b.Fatal(err)
	}
	text, err := json.Marshal(b.bundle(env, argv))
	if err != nil {
		b.Fatal(err)
	}
	writeFile(b.T, filepath.Join(bundle, "config.json"), string(text))
	state := b.dir + "/state"
	return b.start(exec.Command("runc", "--root", state, "run", "--bundle", bundle, name),
		exec.Command("runc", "--root", state, "delete", "--force", name),
		func(signal string) *exec.Cmd { return exec.Command("runc", "--root", state, "kill", name, signal) })
}

type object = map[string]any

// bundle is a config of the runtime specification of the OCI.
func (b *box) bundle(env, argv []string) object {
	mount := func(to, kind, from string, options ...string) object {
		return object{"destination": to, "type": kind, "source": from, "options": options}
	}
	var spaces []object
	for _, name := range []string{"pid", "network", "ipc", "uts", "mount"} {
		spaces = append(spaces, object{"type": name})
	}
	return object{
		"ociVersion": "1.0.2",
		"process": object{
			"user": object{"uid": someUser, "gid": someUser}, "args": argv, "cwd": "/", "noNewPrivileges": true,
			"env":          append([]string{"PATH=/bin", "HOME=/"}, env...),
			"capabilities": object{"bounding": []string{}, "effective": []string{}, "permitted": []string{}, "ambient": []string{}},
		},
		"root": object{"path": b.root, "readonly": true},
		"mounts": []object{
			mount("/proc", "proc", "proc"),
			mount("/dev", "tmpfs", "tmpfs", "nosuid", "mode=755", "size=65536k"),
			mount("/dev/shm", "tmpfs", "shm", "nosuid", "noexec", "nodev", "mode=1777", "size=1024k"),
			mount("/run/secrets", "bind", b.secrets, "bind", "rw"),
		},
		"linux": object{"namespaces": spaces, "seccomp": b.seccomp()},
	}
}

// seccomp is the default profile, less what it allows by a capability or to another
// machine.
func (b *box) seccomp() object {
	b.Helper()
	const path = "/usr/share/containers/seccomp.json"
	text, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		b.Skip("not run: no " + path + ", of golang-github-containers-common")
	}
	var profile struct {
		DefaultAction string
		Syscalls      []object
	}
	if err == nil {
		err = json.Unmarshal(text, &profile)
	}
	if err != nil {
		b.Fatal(err)
	}
	rules := slices.DeleteFunc(profile.Syscalls, func(rule object) bool {
		includes, _ := rule["includes"].(object)
		machines, only := includes["arches"].([]any)
		return includes["caps"] != nil || only && !slices.Contains(machines, any(runtime.GOARCH))
	})
	var list []object
	for _, rule := range rules {
		kept := object{}
		for _, name := range []string{"names", "action", "args", "errnoRet"} {
			if rule[name] != nil {
				kept[name] = rule[name]
			}
		}
		list = append(list, kept)
	}
	return object{"defaultAction": profile.DefaultAction, "syscalls": list}
}

// works tries the runtime, which may lack what it needs from the machine.
func (b *box) works(start func(*box, []string, ...string) *boxed) {
	b.Helper()
	c := start(b, nil, "/bin/true")
	if _, code := c.end(); code != 0 {
		b.Skipf("not run: no container here: %s", strings.TrimSpace(c.errs.String()))
	}
}
