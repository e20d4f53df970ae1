package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/pyleeai/pylee/exec"
	"github.com/pyleeai/pylee/internal/config"
	"github.com/pyleeai/pylee/internal/runner"
)

// checkProgram looks at the program itself.
func (inv *invocation) checkProgram(f *findings) {
	f.ok("pylee %s %s %s/%s", inv.version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	f.ok("it runs as uid %d, process %d", inv.uid(), os.Getpid())
	if os.Getuid() != inv.uid() || os.Getgid() != os.Getegid() {
		f.fail("chmod ug-s \"$(command -v pylee)\"", "it runs with rights of another user (setuid): it is not made for that")
	}
	if exec.ExactSignals {
		f.ok("signals that were ignored at its start are ignored in the command, all of them")
	} else {
		f.warn("make build, or take a release for Linux", "this build restores the usual ignored signals only (HUP INT TSTP TTIN TTOU, PIPE under systemd)")
	}
	path, err := os.Executable()
	if err != nil {
		return
	}
	before := len(f.list)
	if info, err := os.Stat(path); err == nil && (info.Mode()&0o022 != 0 || ownerOf(info) != 0 && ownerOf(info) != inv.uid()) {
		f.warn("chmod go-w "+shellWord(path), "%s: others can change the program (mode %04o, owner %d)", printable(path), info.Mode().Perm(), ownerOf(info))
	}
	inv.checkParents(f, levelWarn, path)
	if len(f.list) == before {
		f.ok("%s: nobody else can change it", printable(path))
	}
}

// checkPlaces tells where files of secrets would go, and why not elsewhere.
func (inv *invocation) checkPlaces(f *findings, cfg *config.Config) {
	o := exec.SecretDirOptions{Runtime: inv.env["RUNTIME_DIRECTORY"], XDG: inv.env["XDG_RUNTIME_DIR"], UID: -1, GID: -1}
	chosen := false
	for _, p := range exec.Places(o) {
		name := p.Label
		if p.Path != "" && p.Path != p.Label {
			name += " (" + printable(p.Path) + ")"
		}
		chosen = chosen || p.Chosen
		switch {
		case p.Err != nil:
			f.ok("%s: not taken: %s", name, printable(p.Err.Error()))
		case p.Chosen:
			describePlace(f, name, p)
		default:
			f.ok("%s: would do (%s)", name, p.System)
		}
		if p.Dead > 0 {
			f.add(levelWarn, "", fmt.Sprintf("%s: %s left by killed runs; the next one with secret files removes them", name, plural(p.Dead, "directory of files")))
		}
	}
	if !chosen {
		level := levelWarn
		if writesFiles(cfg) {
			level = levelFail
		}
		f.add(level, "export XDG_RUNTIME_DIR=/a/directory/on/a/tmpfs; in a container: docker run --tmpfs /run", "there is no place in memory for files with secrets")
	}
}

// writesFiles tells whether a command of the config gets files.
func writesFiles(cfg *config.Config) bool {
	has := func(t config.Target) bool { return len(t.Files) > 0 }
	return len(cfg.Files) > 0 || slices.ContainsFunc(cfg.Commands, has) || slices.ContainsFunc(cfg.Servers, has)
}

func describePlace(f *findings, name string, p exec.PlaceReport) {
	switch {
	case !p.Memory:
		f.warn("mount a tmpfs and set XDG_RUNTIME_DIR to it", "%s: files would go here, on a disk (%s): what is deleted there can be recovered", name, p.System)
	case p.Swap:
		f.warn("swapoff -a, or encrypt the swap", "%s: files would go here (%s); swap is on and may receive them", name, p.System)
	default:
		f.ok("%s: files would go here (%s, no swap)", name, p.System)
	}
}

// own are the variables that pylee itself reads; the rest that it looks at is of the
// system.
var own = []string{"PYLEE_AGE_PLUGINS", "PYLEE_CONFIG", "PYLEE_DEBUG", "PYLEE_ENV", "PYLEE_ENV_REFS", "PYLEE_IDENTITY", "PYLEE_IDENTITY_COMMAND", "PYLEE_IDENTITY_FILE", "PYLEE_SECRETS_DIR", "PYLEE_SSH_IDENTITY"}

var ofSystem = []string{
	"HOME", "PATH", "TMPDIR", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "RUNTIME_DIRECTORY", "CREDENTIALS_DIRECTORY",
	"NOTIFY_SOCKET", "LISTEN_FDS", "SYSTEMD_EXEC_PID", "INVOCATION_ID",
}

// checkEnviron shows the names of the variables that matter, and no value.
func (inv *invocation) checkEnviron(f *findings, cfg *config.Config) {
	var read, withheld, unknown, twice []string
	seen := map[string]bool{}
	bare := 0
	for _, entry := range inv.environ {
		name, _, ok := strings.Cut(entry, "=")
		if !ok || name == "" {
			bare++
			continue
		}
		if seen[name] {
			twice = append(twice, name)
			continue
		}
		seen[name] = true
		ours := slices.Contains(own, name)
		if ours || slices.Contains(ofSystem, name) {
			read = append(read, name)
		}
		if strings.HasPrefix(name, "PYLEE_") && !ours && name != "PYLEE_CONFIG_DIR" && name != "PYLEE_VERSION" {
			unknown = append(unknown, name)
		}
		if runner.Unlocks(name) && !slices.Contains(cfg.Child.KeepEnv, name) {
			withheld = append(withheld, name)
		}
	}
	f.names("pylee looks at", read)
	f.names("not passed on to commands", withheld)
	for _, name := range unknown {
		hint := "unset " + shellWord(name)
		if near := config.Suggest(name, own); near != "" {
			hint = "did you mean " + near + "?"
		}
		f.warn(hint, "%s: pylee knows no such variable", printable(name))
	}
	if len(twice) > 0 {
		f.warn("env | sort | uniq -d", "defined more than once, and the first counts: %s", printable(strings.Join(twice, " ")))
	}
	if bare > 0 {
		f.warn("tr '\\0' '\\n' < /proc/$$/environ", "%d without a name or without a value", bare)
	}
	inv.checkRisks(f, cfg, seen)
}

func (f *findings) names(what string, names []string) {
	if len(names) == 0 {
		names = []string{"none"}
	}
	slices.Sort(names)
	f.ok("%s: %s", what, strings.Join(names, " "))
}

// checkRisks warns of variables that do something that may not be meant.
func (inv *invocation) checkRisks(f *findings, cfg *config.Config, set map[string]bool) {
	if set["PYLEE_IDENTITY"] {
		f.warn("PYLEE_IDENTITY_FILE=FILE, or --identity fd:3", "PYLEE_IDENTITY: the key of the store itself is in the environment, which other processes of this user can read")
	}
	if names := inv.inherits(cfg); len(names) > 0 && inv.env["PYLEE_ENV_REFS"] == "" {
		f.add(levelOK, "pylee run --env-refs="+shellWord(strings.Join(names, ","))+" -- COMMAND", "holding references, which run passes on as they are: "+printable(strings.Join(names, " ")))
	}
	if set["GODEBUG"] {
		f.warn("unset GODEBUG", "GODEBUG: it changes what pylee itself does too")
	}
}

// clockFloor is a time that has passed: who sees an earlier one has a wrong clock.
var clockFloor = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

const clockHint = "date -u; timedatectl set-ntp true"

// checkClock compares the clock with what it cannot be behind. Expiry of secrets and
// certificates of servers depend on it.
func checkClock(f *findings, paths []string) {
	now := time.Now()
	if now.Before(clockFloor) {
		f.fail(clockHint, "it says %s, which is in the past", now.UTC().Format(time.RFC3339))
		return
	}
	for _, path := range paths {
		if !filepath.IsAbs(path) {
			continue
		}
		if info, err := os.Stat(path); err == nil && info.ModTime().After(now.Add(time.Minute)) {
			f.warn(clockHint, "it says %s, but %s was changed at %s", now.UTC().Format(time.RFC3339), printable(path), info.ModTime().UTC().Format(time.RFC3339))
			return
		}
	}
	f.ok("it says %s%s", now.UTC().Format(time.RFC3339), clockState())
}
