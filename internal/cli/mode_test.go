package cli

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pyleeai/pylee/internal/config"
	"github.com/urfave/cli/v2"
)

// runFlags reads the flags of run as a command line has them.
func runFlags(t *testing.T, inv *invocation, args ...string) (o runOptions) {
	t.Helper()
	command := runCommand(inv)
	command.Action = func(c *cli.Context) (err error) {
		o, err = runOptionsOf(c, inv)
		return err
	}
	app := &cli.App{Name: "pylee", Commands: []*cli.Command{command}, ExitErrHandler: func(*cli.Context, error) {}}
	if err := app.Run(append([]string{"pylee", "run"}, args...)); err != nil {
		t.Fatal(err)
	}
	return o
}

// A flag wins over the config, also one that says no.
func TestFlagsOverrideTheConfig(t *testing.T) {
	config := config.Child{SignalGroup: true, KillAfter: new(time.Second)}
	for _, test := range []struct {
		flags string
		group bool
		kill  time.Duration
		stay  bool
	}{
		{"", true, time.Second, true},
		{"--signal-group", true, time.Second, true},
		{"--signal-group=false", false, time.Second, true},
		{"--kill-after 0", true, 0, true},
		{"--kill-after 2s", true, 2 * time.Second, true},
		{"--signal-group=false --kill-after 0", false, 0, false},
		{"--signal-group=false --kill-after 0s --subreaper", false, 0, true},
		{"--signal-group=false --kill-after 0s --subreaper=false --supervise=false", false, 0, false},
	} {
		inv := newInvocation(nil, "0", Stdio{os.Stdin, os.Stdout, os.Stderr})
		o := runFlags(t, inv, append(strings.Fields(test.flags), "true")...)
		if err := o.validate(); err != nil {
			t.Errorf("%s: %v", test.flags, err)
		}
		m, err := inv.runMode(o, childAssembly(config))
		if err != nil || m.signalGroup != test.group || m.killAfter != test.kill || m.stay != test.stay {
			t.Errorf("%s: %+v, %v", test.flags, m, err)
		}
	}
}

func childAssembly(c config.Child) *assembly {
	return &assembly{cfg: &config.Config{Child: c}, sources: &sources{}}
}

// Without a socket nobody is to be told that the command is ready.
func TestNotifyNeedsASocket(t *testing.T) {
	for _, test := range []struct {
		socket string
		stay   bool
	}{{"", false}, {"/run/systemd/notify", true}} {
		inv := newInvocation([]string{"NOTIFY_SOCKET=" + test.socket}, "0", Stdio{os.Stdin, os.Stdout, os.Stderr})
		m, err := inv.runMode(runOptions{}, childAssembly(config.Child{Notify: "on_start"}))
		if err != nil || m.stay != test.stay {
			t.Errorf("%q: %+v, %v", test.socket, m, err)
		}
	}
}

func TestKillAfterRefuses(t *testing.T) {
	for _, value := range []string{"-1s", "5", "soon"} {
		o := runOptions{forward: "auto", killAfter: value, argv: []string{"true"}}
		if err := o.validate(); err == nil || !strings.Contains(err.Error(), "0 for never") {
			t.Errorf("%s: %v", value, err)
		}
	}
}

// The nearest place of a switch wins, over the environment too.
func TestSwitches(t *testing.T) {
	for _, test := range []struct {
		args  string
		value string
		want  bool
	}{
		{"pylee version", "1", true},
		{"pylee version --debug=false", "1", false},
		{"pylee --debug=false version", "1", false},
		{"pylee --debug version", "", true},
		{"pylee version --debug", "", true},
		{"pylee --debug version --debug=false", "", false},
		{"pylee --debug=false version --debug", "1", true},
	} {
		null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		inv := newInvocation([]string{"PYLEE_DEBUG=" + test.value}, "0", Stdio{null, null, null})
		if err := newApp(inv).Run(strings.Fields(test.args)); err != nil || inv.debug != test.want {
			t.Errorf("PYLEE_DEBUG=%s %s: %v, %v", test.value, test.args, inv.debug, err)
		}
		null.Close()
	}
}

func TestEnvRefsOverrideTheConfig(t *testing.T) {
	for _, test := range []struct {
		flags string
		a, b  bool
	}{
		{"", true, false}, {"--env-refs", true, true}, {"--env-refs=B", true, true},
		{"--env-refs=false", false, false}, {"--env-refs=false --env-refs=B", true, true},
	} {
		inv := newInvocation(nil, "0", Stdio{os.Stdin, os.Stdout, os.Stderr})
		a := &assembly{cfg: &config.Config{EnvRefs: config.EnvRefs{Names: []string{"A"}}}}
		a.addRefs(runFlags(t, inv, append(strings.Fields(test.flags), "true")...).source)
		if a.refs.wants("A") != test.a || a.refs.wants("B") != test.b {
			t.Errorf("%s: %+v", test.flags, a.refs)
		}
	}
}
