package exec

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// laid writes files below a root and returns it.
func laid(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestOwnUnit(t *testing.T) {
	const (
		v2    = "0::/system.slice/app.service\n"
		mixed = "[Service]\nKillMode = mixed\n"
		plain = "[Unit]\nKillMode=mixed\n[Service]\nExecStart=x\n"
	)
	for name, c := range map[string]struct {
		groups     string
		files      map[string]string
		unit, mode string
	}{
		"no service":    {"0::/user.slice/user-0.slice/session-1.scope\n", nil, "", ""},
		"no file":       {v2, nil, "app.service", ""},
		"default":       {v2, map[string]string{"/etc/systemd/system/app.service": plain}, "app.service", "control-group"},
		"says it":       {v2, map[string]string{"/usr/lib/systemd/system/app.service": mixed}, "app.service", "mixed"},
		"commented":     {v2, map[string]string{"/etc/systemd/system/app.service": "[Service]\n#KillMode=mixed\n"}, "app.service", "control-group"},
		"emptied":       {v2, map[string]string{"/etc/systemd/system/app.service": mixed + "KillMode=\n"}, "app.service", "control-group"},
		"version 1":     {"3:cpu:/x.service\n1:name=systemd:/system.slice/app.service\n", map[string]string{"/run/systemd/transient/app.service": mixed}, "app.service", "mixed"},
		"delegated":     {"0::/system.slice/app.service/sub\n", map[string]string{"/lib/systemd/system/app.service": mixed}, "app.service", "mixed"},
		"stronger file": {v2, map[string]string{"/etc/systemd/system/app.service": mixed, "/usr/lib/systemd/system/app.service": plain}, "app.service", "mixed"},
		"template": {"0::/system.slice/system-app.slice/app@one.service\n", map[string]string{
			"/etc/systemd/system/app@.service": mixed}, "app@one.service", "mixed"},
		"drop-in": {v2, map[string]string{"/usr/lib/systemd/system/app.service": plain,
			"/etc/systemd/system/app.service.d/10.conf": mixed}, "app.service", "mixed"},
		"later drop-in": {v2, map[string]string{"/usr/lib/systemd/system/app.service": plain, "/etc/systemd/system/app.service.d/10.conf": mixed,
			"/usr/lib/systemd/system/app.service.d/20.conf": "[Service]\nKillMode=process\n"}, "app.service", "process"},
		"hidden drop-in": {v2, map[string]string{"/usr/lib/systemd/system/app.service": plain, "/etc/systemd/system/app.service.d/10.conf": "",
			"/usr/lib/systemd/system/app.service.d/10.conf": mixed}, "app.service", "control-group"},
		"for all services": {v2, map[string]string{"/usr/lib/systemd/system/app.service": plain,
			"/etc/systemd/system/service.d/x.conf": mixed}, "app.service", "mixed"},
		"prefix": {"0::/system.slice/a-b-c.service\n", map[string]string{"/etc/systemd/system/a-b-c.service": plain,
			"/etc/systemd/system/a-.service.d/x.conf": mixed}, "a-b-c.service", "mixed"},
		"of a user": {"0::/user.slice/user-7.slice/user@7.service/app.slice/app.service\n", map[string]string{
			"/home/x/.config/systemd/user/app.service": mixed, "/etc/systemd/system/app.service": plain}, "app.service", "mixed"},
		"escaped": {"0::/system.slice/a\\x2db.service\n", map[string]string{"/etc/systemd/system/a\\x2db.service": plain,
			"/etc/systemd/system/a\\x2db.service.d/x.conf": mixed}, "a\\x2db.service", "mixed"},
	} {
		files := map[string]string{"/proc/self/cgroup": c.groups}
		for path, text := range c.files {
			files[path] = text
		}
		if u := OwnUnit(laid(t, files), []string{"HOME=/home/x"}); u.Name != c.unit || u.KillMode != c.mode {
			t.Errorf("%s: %+v, want %q %q", name, u, c.unit, c.mode)
		}
	}
	if u := OwnUnit(t.TempDir(), nil); u != (Unit{}) {
		t.Errorf("without /proc: %+v", u)
	}
	u := Unit{}
	u.assign("[Service]\nType=simple\nKillMode=mixed\n[Install]\nType=x\n[Service]\n Type = forking\n")
	if u.Type != "forking" || u.KillMode != "mixed" {
		t.Errorf("%+v", u)
	}
}

func TestKillModeWarning(t *testing.T) {
	mine := []string{"SYSTEMD_EXEC_PID=7"}
	for _, c := range []struct {
		environ   []string
		supervise bool
		mode      string
		want      bool
	}{
		{mine, true, "control-group", true},
		{mine, true, "mixed", false},
		{mine, true, "", false},
		{mine, false, "control-group", false},
		{nil, true, "control-group", false},
		{[]string{"SYSTEMD_EXEC_PID=8"}, true, "control-group", false},
	} {
		warning, hint := KillModeWarning(c.environ, 7, c.supervise, Unit{Name: "app.service", KillMode: c.mode})
		if (warning != "") != c.want || (hint != "") != c.want {
			t.Errorf("%+v: %q, %q", c, warning, hint)
		}
		if c.want && (!strings.Contains(warning, "app.service") || !strings.Contains(hint, "KillMode=mixed")) {
			t.Errorf("%q, %q", warning, hint)
		}
	}
}
