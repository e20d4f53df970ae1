package integration

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// unlocking are the variables that hold a secret which unlocks others.
var unlocking = []string{"PYLEE_IDENTITY", "VAULT_TOKEN", "BAO_TOKEN", "VAULT_SECRET_ID", "AZURE_CLIENT_SECRET", "OP_SERVICE_ACCOUNT_TOKEN"}

const unlockCanary = "K9vQ2xWm7TzL4pRb-unlock"

// unlockedBy returns the place with one more variable of unlocking.
func (p place) unlockedBy(name string) place {
	p.env = append(slices.Clone(p.env), name+"="+unlockCanary)
	return p
}

// A2, T8: what unlocks secrets is not in the environment that the kernel shows of a pylee
// that stays, nor in that of the command, and the file it went through is gone.
func TestUnlockMaterialLeavesEnviron(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not run: root alone reads the environment of a pylee")
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "pylee.yaml")
	baoWrite(t, filepath.Join(dir, "secret"), []byte("v"))
	baoWrite(t, config, []byte("env: {A: {value: \"${file:secret}\", on_change: restart}}\n"))
	for _, name := range unlocking {
		for _, flags := range [][]string{{"--supervise"}, {"--kill-after", "5s"}, {"--subreaper"}, {"--watch", "-c", config}} {
			t.Run(name+" "+strings.Join(flags, " "), func(t *testing.T) {
				p := newPlace(t).unlockedBy(name)
				cmd := p.command(append(append([]string{"pylee", "run"}, flags...), "--", "sh", "-c", "env; echo .; read x")...)
				in, err := cmd.StdinPipe()
				if err != nil {
					t.Fatal(err)
				}
				out, err := cmd.StdoutPipe()
				if err != nil {
					t.Fatal(err)
				}
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				child := readUntilDot(out)
				checkShown(t, cmd.Process.Pid, cmd.Args)
				if strings.Contains(child, unlockCanary) || strings.Contains(child, "PYLEE_ENVIRON") {
					t.Errorf("the command has it:\n%s", child)
				}
				in.Close()
				if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != 1 { // read finds the end
					t.Errorf("%v", err)
				}
			})
		}
	}
}

func readUntilDot(r interface{ Read([]byte) (int, error) }) string {
	var text strings.Builder
	for s := bufio.NewScanner(r); s.Scan() && s.Text() != "."; {
		text.WriteString(s.Text() + "\n")
	}
	return text.String()
}

// checkShown looks at what /proc tells of a pylee.
func checkShown(t *testing.T, pid int, argv []string) {
	t.Helper()
	dir := fmt.Sprintf("/proc/%d/", pid)
	environ, err := os.ReadFile(dir + "environ")
	if err != nil || !bytes.Contains(environ, []byte("HOME=")) {
		t.Fatalf("environ: %q, %v", environ, err)
	}
	if bytes.Contains(environ, []byte(unlockCanary)) {
		t.Errorf("environ: %q", environ)
	}
	if comm, err := os.ReadFile(dir + "comm"); err != nil || string(comm) != "pylee\n" {
		t.Errorf("comm: %q, %v", comm, err)
	}
	if line, err := os.ReadFile(dir + "cmdline"); err != nil || string(line) != strings.Join(argv, "\x00")+"\x00" {
		t.Errorf("cmdline: %q, %v", line, err)
	}
	files, err := filepath.Glob(dir + "fd/*")
	if err != nil || len(files) == 0 {
		t.Fatalf("descriptors: %q, %v", files, err)
	}
	for _, file := range files {
		if to, _ := os.Readlink(file); strings.Contains(to, "pylee-environ") {
			t.Errorf("%s is still open: %s", file, to)
		}
	}
}

// A command behind a pylee that executed itself cannot tell it from another: environment,
// order of it, arguments, ignored signals, descriptors, limits and exit status.
func TestScrubChangesNothing(t *testing.T) {
	const look = `env; ulimit -a; ls /proc/$$/fd; grep -E "Sig(Blk|Ign|Cgt)" /proc/self/status; echo "$@"; exit 3`
	start := []string{"sh", "-c", `trap "" USR1 HUP; ulimit -n 512; exec "$@"`, "sh"}
	for _, prefix := range [][]string{nil, strings.Fields("unshare --pid --fork --kill-child --mount-proc")} {
		if prefix != nil {
			needsNamespace(t)
		}
		for _, mode := range []string{"--exec", "--supervise"} {
			p := newPlace(t)
			argv := slices.Concat(start, prefix, []string{p.bin + "/pylee", "run", mode, "--", "sh", "-c", look, "sh", "a b", "", "é"})
			without, with := p.runs(t, argv...), p.unlockedBy("PYLEE_IDENTITY").runs(t, argv...)
			if without.status.ExitStatus() != 3 || without.out == "" || without.status != with.status || without.out != with.out || without.err != with.err {
				t.Errorf("%v %s: without\n%v\n%s%s\nwith\n%v\n%s%s", prefix, mode, without.status, without.out, without.err, with.status, with.out, with.err)
			}
		}
	}
	p := newPlace(t).unlockedBy("VAULT_TOKEN")
	if got := p.runs(t, "pylee", "run", "--supervise", "--", "sh", "-c", "kill -USR2 $$"); got.status.Signal() != 12 {
		t.Errorf("status %#x, %s", got.status, got.err)
	}
	config := filepath.Join(p.dir, "keep.yaml")
	baoWrite(t, config, []byte("child: {keep_env: [VAULT_TOKEN]}\n"))
	if got := p.runs(t, "pylee", "run", "-c", config, "--supervise", "--", "printenv", "VAULT_TOKEN"); got.out != unlockCanary+"\n" {
		t.Errorf("kept: %q, %s", got.out, got.err)
	}
	if got := p.runs(t, "pylee", "run", "--env-refs", "--set", "A=${env:VAULT_TOKEN}", "--", "printenv", "A"); got.out != unlockCanary+"\n" {
		t.Errorf("referred to: %q, %s", got.out, got.err)
	}
}

// The variable that says where the environment is names nothing that somebody else could
// have put there.
func TestScrubForged(t *testing.T) {
	plain := filepath.Join(t.TempDir(), "plain")
	baoWrite(t, plain, []byte("pylee\x00EVIL=1\x00"))
	for _, number := range []string{"", "0", "2", "3", "99", "-1", "x", "18446744073709551616"} {
		p := newPlace(t)
		file, err := os.Open(plain)
		if err != nil {
			t.Fatal(err)
		}
		p.files = []*os.File{file}
		p.env = append(p.env, "PYLEE_DEBUG=1", "PYLEE_ENVIRON_FD="+number)
		got := p.runs(t, "pylee", "run", "--", "sh", "-c", "env; cat <&3")
		if !strings.Contains(got.out, "HOME=") || strings.Contains(got.out, "PYLEE_ENVIRON") || strings.Count(got.out, "EVIL") != 1 {
			t.Errorf("%q: %q %s", number, got.out, got.err)
		}
		if !strings.Contains(got.err, "environment: not cleaned: PYLEE_ENVIRON_FD: ") {
			t.Errorf("%q: %s", number, got.err)
		}
		file.Close()
	}
}

// Without such a variable pylee executes nothing but the command.
func TestScrubCostsNothing(t *testing.T) {
	if !hasStrace(t) {
		t.Skip("not run: needs strace")
	}
	for name, want := range map[string]int{"": 2, "PYLEE_IDENTITY": 3, "PYLEE_IDENTITY_FILE": 2} {
		p := newPlace(t)
		if name != "" {
			p = p.unlockedBy(name)
		}
		cmd := exec.Command("strace", "-f", "-qq", "-e", "signal=none", "-e", "trace=execve,memfd_create", p.bin+"/pylee", "run", "--", "/bin/true")
		cmd.Env, cmd.Dir = p.env, p.dir
		out, err := cmd.CombinedOutput()
		if err != nil || strings.Count(string(out), "execve(") != want {
			t.Errorf("%q: %v, want %d\n%s", name, err, want, out)
		}
		if strings.Contains(string(out), unlockCanary) || strings.Contains(string(out), "memfd") != (want == 3) {
			t.Errorf("%q: %s", name, out)
		}
	}
}
