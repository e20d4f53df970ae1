package integration

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// wrappers are what stands before the command of a service, by mode.
var wrappers = map[string]string{
	"exec":      "/opt/t/bin/pylee run --",
	"supervise": "/opt/t/bin/pylee run --supervise --",
}

// standIn is testdata/systemd/supervise: package exec without the rest of pylee. It
// can be told to start its command again, as new secrets would.
const standIn = "/opt/t/bin/supervise --"

// TestSystemd boots a real systemd once, in a container of its own on a throw-away
// root, and runs each row as a unit in each mode. What a row does is said to the
// program testdata/systemd/probe by arguments; a shell script starts and looks at it.
func TestSystemd(t *testing.T) {
	needsSystemd(t)
	dir := t.TempDir()
	for _, name := range []string{"units", "t", "t/bin", "t/out"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(dir, "t/out"), 0o777); err != nil { // also for a DynamicUser
		t.Fatal(err)
	}
	copyProgram(t, filepath.Join(build(t), "pylee"), filepath.Join(dir, "t/bin/pylee"))
	for _, name := range []string{"probe", "supervise"} {
		buildProgram(t, "./testdata/systemd/"+name, filepath.Join(dir, "t/bin", name))
	}
	buildProgram(t, "./testdata/activated", filepath.Join(dir, "t/bin/activated"))
	version := systemdVersion(t)
	all := everyRow()
	rows := slices.DeleteFunc(slices.Clone(all), func(r row) bool { return r.since > version })
	for _, r := range rows {
		r.write(t, filepath.Join(dir, "units"))
	}
	copyExamples(t, filepath.Join(dir, "t/examples"))
	for name, text := range unitConfigs {
		writeFile(t, filepath.Join(dir, "t", name), text)
	}
	writeDriver(t, dir, rows)
	boot(t, dir)
	t.Run("examples", func(t *testing.T) { examples(t, filepath.Join(dir, "t/out/examples"), version) })
	for _, r := range all {
		t.Run(r.mode+"/"+r.name, func(t *testing.T) {
			if r.since > version {
				t.Skipf("not run: systemd %d came with it, here is %d", r.since, version)
			}
			r.check(&result{T: t, row: r, out: filepath.Join(dir, "t/out")})
		})
	}
}

// systemdVersion returns the version of the systemd that will run.
func systemdVersion(t *testing.T) int {
	t.Helper()
	out, err := exec.Command("systemd-nspawn", "--version").Output()
	version := 0
	if err == nil {
		_, err = fmt.Sscanf(string(out), "systemd %d", &version)
	}
	if err != nil {
		t.Fatalf("systemd-nspawn --version: %v: %s", err, out)
	}
	return version
}

// copyExamples copies the units of the documentation.
func copyExamples(t *testing.T, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS("../docs/systemd")); err != nil {
		t.Fatal(err)
	}
}

// examples checks what systemd-analyze says of the units of the documentation. Their
// programs are not there, and a new type may not be known yet.
func examples(t *testing.T, said string, version int) {
	data, err := os.ReadFile(said)
	if err != nil || !strings.Contains(string(data), "not executable") {
		t.Fatalf("systemd-analyze has not looked: %v\n%s", err, data)
	}
	for line := range strings.Lines(string(data)) {
		if strings.Contains(line, "not executable") || version < 253 && strings.Contains(line, "notify-reload") {
			continue
		}
		t.Error(strings.TrimSpace(line))
	}
}

// needsSystemd skips the test where a container with systemd cannot be had.
func needsSystemd(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("not run: systemd-nspawn needs root")
	}
	for _, program := range []string{"systemd-nspawn", "/usr/lib/systemd/systemd"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip("not run: " + program + " is not installed")
		}
	}
	// Within a container of somebody else's there may be no making one.
	out, err := exec.Command("timeout", "-k", "5", "20", "systemd-nspawn", "-q", "-D", "/", "--volatile=yes", "-M", machine()+"try",
		"--register=no", "--keep-unit", "--pipe", "--private-network", "/usr/bin/true").CombinedOutput()
	if err != nil {
		t.Skipf("not run: systemd-nspawn does not work here: %v: %s", err, strings.TrimSpace(string(out)))
	}
}

// machine is the name of the container, of which there is one at a time.
func machine() string { return fmt.Sprintf("pyleetest%d", os.Getpid()) }

func buildProgram(t *testing.T, pkg, to string) {
	t.Helper()
	cmd := exec.Command("go", "build", "-tags", "urfave_cli_no_docs,pylee_fwdsig", "-ldflags=-checklinkname=0", "-o", to, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build %s: %v\n%s", pkg, err, out)
	}
}

func copyProgram(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, data, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// boot starts systemd and waits for its end. The root is a tmpfs with the host's /usr
// in it, read-only, so that systemd can clean up as it likes. Never boot without.
func boot(t *testing.T, dir string) {
	t.Helper()
	cmd := exec.Command("timeout", "-k", "5", "90", "systemd-nspawn", "-q", "-D", "/", "--volatile=yes", "-M", machine(),
		"--register=no", "--keep-unit", "--console=pipe", "--private-network",
		"--bind-ro="+filepath.Join(dir, "units")+":/etc/systemd/system", "--bind="+filepath.Join(dir, "t")+":/opt/t", "-b")
	log, err := cmd.CombinedOutput() // standard input is /dev/null
	done, _ := os.ReadFile(filepath.Join(dir, "t/out/done"))
	if err != nil || strings.TrimSpace(string(done)) != "done" {
		t.Fatalf("systemd: %v\n%s", err, log)
	}
}

// row is a unit, what it does, and what has to come of it.
type row struct {
	name, mode string
	service    string            // lines of its [Service], besides those of write
	steps      []string          // of the probe; a first one with a "/" is the command instead
	socket     string            // lines of the [Socket] of a unit beside it
	script     string            // shell lines; $U is the unit, $N its name without suffix
	flags      string            // of pylee
	wrapper    string            // instead of that of the mode
	only       string            // the one mode that it is for
	since      int               // the version of systemd that has it; 0: all
	check      func(r *result)   // of what came of it
	wants      map[string]string // of the last "show up" of the script
}

// everyRow returns the rows of all modes.
func everyRow() []row {
	var all []row
	for _, r := range slices.Concat(systemdRows(), ownRows(), rotationRows(), watchRows()) {
		for _, mode := range []string{"exec", "supervise"} {
			if r.only != "" && r.only != mode {
				continue
			}
			r := r
			r.mode = mode
			check := r.check
			r.check = func(got *result) {
				got.shows("up", r.wants)
				if check != nil {
					check(got)
				}
			}
			all = append(all, r)
		}
	}
	return all
}

func (r row) unit() string { return r.name + "-" + r.mode }

// write writes the unit.
func (r row) write(t *testing.T, dir string) {
	t.Helper()
	steps := r.steps
	if !strings.HasPrefix(steps[0], "/") {
		steps = append([]string{"/opt/t/bin/probe"}, steps...)
	}
	command := strings.Replace(cmp.Or(r.wrapper, wrappers[r.mode]), " run ", " run "+r.flags+" ", 1)
	for _, step := range steps {
		command += " " + strings.ReplaceAll(fmt.Sprintf("%q", strings.ReplaceAll(step, "UNIT", r.unit())), "%", "%%")
	}
	text := "[Service]\nSyslogIdentifier=UNIT\nKillMode=mixed\nTimeoutStartSec=15\nTimeoutStopSec=10\n" + r.service + "\nExecStart=" + command + "\n"
	name, suffix := r.unit(), ".service"
	if strings.Contains(r.socket, "Accept=yes") {
		suffix = "@.service"
	}
	writeFile(t, filepath.Join(dir, name+suffix), strings.ReplaceAll(text, "UNIT", name))
	if r.socket != "" {
		writeFile(t, filepath.Join(dir, name+".socket"), "[Socket]\n"+strings.ReplaceAll(r.socket, "UNIT", name)+"\n")
	}
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

const driverHead = `#!/bin/bash
# Looks at the units, all at the same time.
cd /opt/t/out || exit 1
show() { systemctl show "$U" >"$N.$1.tmp" && mv "$N.$1.tmp" "$N.$1"; }
start() { systemctl start "$U"; echo $? >"$N.start"; }
stop() { systemctl stop "$U"; }
await() { /opt/t/bin/probe "await=$1"; }
value() { systemctl show -P "$1" "$U"; }
# settle PROPERTY VALUE: until it is so; then show up
settle() {
	for _ in $(seq 100); do [ "$(value "$1")" = "$2" ] && break; sleep 0.1; done
	show up
}
connect() { /opt/t/bin/probe "connect=/run/$N.sock,$N.answer"; }
`

// Rows that hang have no results; the others do not wait for them for ever.
const driverTail = `
for _ in $(seq 450); do [ -z "$(jobs -rp)" ] && break; sleep 0.1; done
( cd /opt/t/examples && systemd-analyze verify --man=no ./*.service ./*.socket ) >examples 2>&1
journalctl -b --no-pager >journal 2>&1
echo done >done
`

// writeDriver writes the script and the unit that runs it. When it ends the container
// does.
func writeDriver(t *testing.T, dir string, rows []row) {
	t.Helper()
	var script strings.Builder
	script.WriteString(driverHead)
	for _, r := range rows {
		fmt.Fprintf(&script, "( set -x; N=%s U=%[1]s.service\n%s\n) >%[1]s.log 2>&1 &\n", r.unit(), r.script)
	}
	script.WriteString(driverTail)
	path := filepath.Join(dir, "t/driver.sh")
	writeFile(t, path, script.String())
	if err := os.Chmod(path, 0o755); err != nil {
		t.Fatal(err)
	}
	units := filepath.Join(dir, "units")
	// A unit that something refers to is kept in memory, with its results.
	names := ""
	for _, r := range rows {
		names += " " + r.unit() + ".service"
	}
	writeFile(t, filepath.Join(units, "driver.service"), "[Unit]\nAfter="+names+`
SuccessAction=exit-force
FailureAction=exit-force
FailureActionExitStatus=42
After=systemd-journald.service
[Service]
Type=oneshot
TimeoutStartSec=60
ExecStart=/opt/t/driver.sh
`)
	wants := filepath.Join(units, "multi-user.target.wants")
	if err := os.Mkdir(wants, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../driver.service", filepath.Join(wants, "driver.service")); err != nil {
		t.Fatal(err)
	}
}
