package cli

import (
	"os"
	"testing"
	"time"
)

func TestDoctorFinds(t *testing.T) {
	for _, c := range []struct {
		name string
		set  func(t *testing.T, p *place)
		want []sought
	}{
		{"nothing", func(*testing.T, *place) {}, []sought{
			{levelOK, "pylee", "pylee 1.2.3 go", ""}, {levelOK, "config", "none was found", "pylee init"},
			{levelOK, "identity", "there is none", "pylee secret init"}, {levelOK, "store", "no store yet", "pylee secret set NAME"},
			{levelOK, "permissions", "no directory", ""}, {levelOK, "environment", "looks at: HOME PATH", ""}, {levelOK, "clock", "it says 20", ""},
		}},
		{"store", func(t *testing.T, p *place) { p.secret(t) }, []sought{
			{levelOK, "identity", "/.pylee/identity): used; its public half is age1", ""}, {levelOK, "store", "it opens: 1 secret, 1 recipient, after 2 changes", ""},
			{levelOK, "store", "pinned at change 2", ""}, {levelOK, "permissions", "/.pylee: mode 0700", ""}, {levelOK, "permissions", "/state/pylee/stores: mode 0700", ""},
		}},
		{"open store", func(t *testing.T, p *place) { os.Chmod(p.secret(t).Path, 0o644) }, []sought{
			{levelFail, "store", "mode 0644", "chmod 600 "}, {levelFail, "permissions", "others can use 1 file in it", "chmod 600 "},
		}},
		{"left over", func(t *testing.T, p *place) {
			p.secret(t)
			p.write(t, ".pylee/secrets/.default.age.0123456789abcdef.tmp", "", 0o600)
		}, []sought{{levelWarn, "store", "1 temporary file left", "rm /"}}},
		{"gone store", func(t *testing.T, p *place) { os.Remove(p.secret(t).Path) }, []sought{{levelFail, "store", "is gone", "restore it"}}},
		{"open identity", func(t *testing.T, p *place) { p.secret(t); os.Chmod(p.home+"/.pylee/identity", 0o640) }, []sought{
			{levelFail, "identity", "cannot be used", "chmod 600 "}, {levelFail, "store", "identity", "chmod 600 "},
		}},
		{"order of identities", func(t *testing.T, p *place) {
			p.secret(t)
			p.env = append(p.env, "PYLEE_IDENTITY_FILE="+p.home+"/.pylee/identity", "PYLEE_IDENTITY="+doctorCanary)
		}, []sought{
			{levelOK, "identity", "PYLEE_IDENTITY_FILE (", ""}, {levelWarn, "identity", "PYLEE_IDENTITY: not used, because PYLEE_IDENTITY_FILE comes first", "AGE-SECRET-KEY"},
			{levelOK, "identity", "there, and not used", ""}, {levelWarn, "environment", "PYLEE_IDENTITY: the key", "--identity fd:3"},
			{levelOK, "environment", "not passed on to commands: PYLEE_IDENTITY PYLEE_IDENTITY_FILE", ""},
		}},
		{"key as a path", func(_ *testing.T, p *place) {
			p.env = append(p.env, "PYLEE_IDENTITY_FILE=AGE-SECRET-KEY-1"+doctorCanary)
		}, []sought{{levelFail, "identity", "where a path is expected", "PYLEE_IDENTITY_FILE=FILE"}}},
		{"wide directories", func(t *testing.T, p *place) {
			p.secret(t)
			os.Chmod(p.home+"/.pylee", 0o755)
			os.Chmod(p.home+"/.pylee/secrets", 0o770)
		}, []sought{
			{levelWarn, "permissions", "/.pylee: mode 0755 lets others see", "chmod 700 "}, {levelFail, "permissions", "/secrets: mode 0770 lets others exchange", "chmod go-w "},
		}},
		{"wide home", func(t *testing.T, p *place) { p.secret(t); os.Chmod(p.home, 0o777) }, []sought{
			{levelFail, "permissions", "on the way to it", "chmod go-w "}, {levelFail, "store", "mode 0777", "chmod go-w "},
		}},
		{"not allowed", func(t *testing.T, p *place) { p.write(t, "project/pylee.yaml", "env: {A: "+doctorCanary+"}", 0o600) }, []sought{
			{levelOK, "config", "/project/pylee.yaml: found in the working directory", ""}, {levelFail, "config", "not allowed yet", "pylee allow"}, {levelOK, "config", "it defines 1 variable", ""},
		}},
		{"trusted", func(t *testing.T, p *place) {
			p.write(t, ".pylee/config.yaml", "env: {A: '${secret:x}', B: "+doctorCanary+"}\nenvironments: {e: {env: {A: x}}}", 0o600)
		}, []sought{
			{levelOK, "config", "config.yaml: the config of the user", ""}, {levelOK, "config", "no consent", ""},
			{levelOK, "config", "no environment is active; it defines e", ""}, {levelWarn, "store", "the config refers to secrets in it", "pylee secret set NAME"},
		}},
		{"extends, named", func(t *testing.T, p *place) {
			p.write(t, "project/base.yaml", "env: {A: x}", 0o600)
			p.options.config = p.write(t, "project/x.yaml", "extends: base.yaml", 0o600)
		}, []sought{{levelOK, "config", "base.yaml: extended by another", ""}, {levelOK, "config", "x.yaml: named with --config", ""}}},
		{"broken config", func(t *testing.T, p *place) {
			p.write(t, "project/pylee.yaml", "env: {A: '${secret:x}', B: [1]}\nenvv: "+doctorCanary+"\nfiles: 3\nproviders: {v: }", 0o600)
		}, []sought{{levelFail, "config", "envv", ""}}},
		{"no YAML", func(t *testing.T, p *place) { p.write(t, "project/pylee.yaml", "a: ["+doctorCanary, 0o600) }, []sought{{levelFail, "config", "pylee.yaml:1", ""}}},
		{"open config", func(t *testing.T, p *place) { p.write(t, "project/pylee.yaml", "", 0o666) }, []sought{{levelFail, "config", "writable by group or others", "chmod go-w "}}},
		{"open project", func(t *testing.T, p *place) { p.write(t, "project/pylee.yaml", "", 0o600); os.Chmod(p.project, 0o777) },
			[]sought{{levelFail, "config", "the directory", "chmod go-w "}}},
		{"missing .env", func(t *testing.T, p *place) { p.write(t, "project/pylee.yaml", "env_files: [.env]", 0o600) }, []sought{{levelFail, "config", "env_files: .env", ""}}},
		{"missing named", func(_ *testing.T, p *place) { p.env = append(p.env, "PYLEE_CONFIG=none.yaml") }, []sought{{levelFail, "config", "none.yaml: no such file", ""}}},
		{"bad environment", func(_ *testing.T, p *place) { p.options.store.env = "a b" }, []sought{{levelFail, "config", "the name of an environment", "--env production"}, {levelFail, "store", "environment: the name needs", ""}}},
		{"project store", func(t *testing.T, p *place) {
			p.write(t, "project/pylee.yaml", "", 0o600)
			os.MkdirAll(p.project+"/.pylee/secrets", 0o755)
		}, []sought{{levelOK, "store", "beside the config of the project", ""}, {levelOK, "permissions", "/project/.pylee/secrets: mode 0755", ""}, {levelFail, "config", "not allowed yet", "pylee allow"}}},
		{"variables", func(_ *testing.T, p *place) {
			p.env = append(p.env, "VAULT_TOKEN="+doctorCanary, "PYLEE_CONFG="+doctorCanary, "A=${secret:a}"+doctorCanary, "B="+doctorCanary, "B=1", "bare", "GODEBUG="+doctorCanary)
		}, []sought{
			{levelWarn, "environment", "PYLEE_CONFG: pylee knows no such", "did you mean PYLEE_CONFIG?"}, {levelOK, "environment", "not passed on to commands: PYLEE_CONFG VAULT_TOKEN", ""},
			{levelOK, "environment", "holding references", "--env-refs=A "}, {levelWarn, "environment", "more than once, and the first counts: B", ""}, {levelWarn, "environment", "1 without a name", ""}, {levelWarn, "environment", "GODEBUG", "unset GODEBUG"},
		}},
		{"relative state", func(_ *testing.T, p *place) { p.env = append(p.env, "XDG_STATE_HOME=x") }, []sought{{levelWarn, "permissions", "not an absolute path", "unset XDG_STATE_HOME"}}},
		{"future", func(t *testing.T, p *place) {
			later := time.Now().Add(time.Hour)
			os.Chtimes(p.secret(t).Path, later, later)
		}, []sought{{levelWarn, "clock", "but ", "date -u"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPlace(t)
			c.set(t, p)
			found, text, err := p.doctor(t)
			fails := false
			for _, want := range c.want {
				fails = fails || want.level == levelFail
				if !contains(found, want) {
					t.Errorf("no %v in\n%s", want, text)
				}
			}
			if want := map[bool]error{false: nil, true: status(exitFindings)}[fails]; err != want {
				t.Errorf("%v, want %v, with\n%s", err, want, text)
			}
		})
	}
}
