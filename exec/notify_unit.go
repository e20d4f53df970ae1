package exec

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Unit is the service of systemd that a process belongs to.
type Unit struct {
	Name     string // as in app.service; empty: none
	KillMode string // systemd.kill(5); empty: not known
	Type     string // systemd.service(5); empty: not known, or not said
}

// killAll is the KillMode of a unit that does not say which.
const killAll = "control-group"

// KillModeWarning returns what is wrong with how a service is stopped, in one line,
// and what to do about it; both are empty if nothing is, or if it cannot be told.
//
// With KillMode=control-group, the default, systemd sends SIGTERM to this process and
// to the command, and a supervising process hands on its own: the command gets two,
// which to many programs means to drop everything. pid is this process, which
// SYSTEMD_EXEC_PID has to name.
func KillModeWarning(environ []string, pid int, supervise bool, u Unit) (warning, hint string) {
	started, _ := NewEnv(environ).Lookup("SYSTEMD_EXEC_PID")
	if !supervise || u.KillMode != killAll || started != strconv.Itoa(pid) {
		return "", ""
	}
	return "systemd: " + printable(u.Name) + " has KillMode=" + killAll +
			": the command gets every stop signal twice, from systemd and from pylee",
		"systemctl edit " + printable(u.Name) + "  # [Service] and below it KillMode=mixed"
}

// OwnUnit returns the unit of this process, as far as files tell: the control group
// names it, and its files and drop-ins are read in the order of systemd.unit(5), for
// some thirty system calls. What only the manager knows, such as that a file has
// changed since it was loaded, it cannot know.
//
// root is put before all paths; empty: this system's.
func OwnUnit(root string, environ []string) Unit {
	groups, err := os.ReadFile(filepath.Join(root, "/proc/self/cgroup"))
	if err != nil {
		return Unit{}
	}
	name, user := unitOf(string(groups))
	if name == "" {
		return Unit{}
	}
	places := unitPaths(user, NewEnv(environ))
	for i := range places {
		places[i] = filepath.Join(root, places[i])
	}
	u := Unit{Name: name}
	u.read(places)
	return u
}

// unitOf returns the service in a /proc/PID/cgroup, and whether it is one of a user's
// manager. systemd keeps it in the hierarchy of its own or, since version 2, in the
// only one, cgroups(7).
func unitOf(groups string) (unit string, user bool) {
	for line := range strings.Lines(groups) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, path, ok := strings.Cut(rest, ":")
		if !ok || controllers != "" && controllers != "name=systemd" {
			continue
		}
		for part := range strings.SplitSeq(path, "/") {
			if strings.HasSuffix(part, ".service") {
				user = strings.HasPrefix(unit, "user@")
				unit = part
			}
		}
		if unit != "" {
			return unescape(unit), user
		}
	}
	return "", false
}

// unescape undoes what systemd does to a name that would be a file of the kernel's.
func unescape(unit string) string { return strings.TrimPrefix(unit, "_") }

// unitPaths returns the directories of unit files, the strongest first.
func unitPaths(user bool, env *Env) []string {
	if !user {
		return []string{
			"/etc/systemd/system.control", "/run/systemd/system.control", "/run/systemd/transient",
			"/etc/systemd/system", "/run/systemd/system",
			"/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system",
		}
	}
	var paths []string
	home, _ := env.Lookup("HOME")
	config, ok := env.Lookup("XDG_CONFIG_HOME")
	if !ok {
		config = filepath.Join(home, ".config")
	}
	paths = append(paths, filepath.Join(config, "systemd/user"), "/etc/systemd/user")
	if runtime, ok := env.Lookup("XDG_RUNTIME_DIR"); ok {
		paths = append(paths, filepath.Join(runtime, "systemd/transient"), filepath.Join(runtime, "systemd/user"))
	}
	return append(paths, "/run/systemd/user", "/usr/local/lib/systemd/user", "/usr/lib/systemd/user")
}

// read reads the unit's file and its drop-ins.
func (u *Unit) read(places []string) {
	names := unitNames(u.Name)
	text, ok := fragment(places, names)
	if !ok {
		return
	}
	u.KillMode = killAll
	u.assign(text)
	for _, file := range dropIns(places, names) {
		if text, err := os.ReadFile(file); err == nil {
			u.assign(string(text))
		}
	}
}

// fragment returns the unit's file, or its template's.
func fragment(places, names []string) (text string, ok bool) {
	for i, name := range names {
		if i > 0 && !strings.HasSuffix(name, "@.service") {
			break
		}
		for _, place := range places {
			if data, err := os.ReadFile(filepath.Join(place, name)); err == nil {
				return string(data), true
			}
		}
	}
	return "", false
}

// unitNames returns the names that a unit's files may have: its own, its template's,
// then those of drop-ins for a prefix and for all services.
func unitNames(unit string) []string {
	names := []string{unit}
	base := strings.TrimSuffix(unit, ".service")
	if prefix, _, ok := strings.Cut(base, "@"); ok {
		names = append(names, prefix+"@.service")
		base = prefix
	}
	for i := len(base) - 1; i > 0; i-- {
		if base[i] == '-' {
			names = append(names, base[:i+1]+".service")
		}
	}
	return append(names, "service")
}

// dropIns returns the drop-ins in the order in which they are read: by file name,
// where one that has the same name in a stronger place, or for a nearer name, counts.
func dropIns(places, names []string) []string {
	chosen := map[string]string{}
	var order []string
	for _, name := range names {
		for _, place := range places {
			files, _ := filepath.Glob(filepath.Join(escapeGlob(filepath.Join(place, name)+".d"), "*.conf"))
			for _, file := range files {
				base := filepath.Base(file)
				if _, ok := chosen[base]; !ok {
					chosen[base] = file
					order = append(order, base)
				}
			}
		}
	}
	slices.Sort(order)
	files := make([]string, 0, len(order))
	for _, base := range order {
		files = append(files, chosen[base])
	}
	return files
}

// escapeGlob takes their meaning from the characters that filepath.Glob knows: names
// of units have backslashes.
func escapeGlob(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// assign takes over what a file says in its [Service] section. An empty value is the
// default again.
func (u *Unit) assign(text string) {
	section := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			section = line
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok || section != "[Service]" {
			continue
		}
		switch value = strings.TrimSpace(value); strings.TrimSpace(name) {
		case "KillMode":
			u.KillMode = cmp.Or(value, killAll)
		case "Type":
			u.Type = value
		}
	}
}
