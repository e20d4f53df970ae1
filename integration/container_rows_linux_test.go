package integration

import (
	"strings"
	"testing"
)

var boxConfigs = map[string]string{
	"files.yaml":   "files: {key: \"${CANARY}\"}\n",
	"memfd.yaml":   "files: {key: {value: \"${CANARY}\", delivery: memfd}}\n",
	"private.yaml": "files: {tls: {dir: /run/secrets/tls, credentials: true, entries: {key: \"${CANARY}\"}}}\n",
	"absent.yaml":  "files: {tls: {dir: /run/secrets/absent, entries: {key: \"${CANARY}\"}}}\n",
	"disk.yaml":    "files: {tls: {dir: /app/tls, entries: {key: \"${CANARY}\"}}}\n",
}

// inBox is a command in a container.
type inBox struct {
	name   string
	config string
	env    []string
	flags  []string
	script string
	out    string
	code   int
	errs   string // what stderr holds; empty: stderr is empty
}

func (tt inBox) argv() []string {
	argv := []string{"/bin/pylee", "run"}
	if tt.config != "" {
		argv = append(argv, "-c", "/app/"+tt.config, "--set", "CANARY="+fileCanary)
	}
	return append(append(argv, tt.flags...), "--", "/bin/sh", "-c", tt.script)
}

const (
	lookAtFile = `cat $PYLEE_SECRETS_DIR/key; echo; stat -c '%a %u %g' $PYLEE_SECRETS_DIR/key; stat -f -c %T $PYLEE_SECRETS_DIR; echo ${PYLEE_SECRETS_DIR%/pylee*}; `
	theFile    = fileCanary + "\n400 10001 10001\ntmpfs\n"
)

var inBoxes = []inBox{
	{name: "surroundings", script: `id -u; id -g; grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status; touch /x 2>/dev/null || echo read-only; echo $PPID`,
		out: "10001\n10001\nCapEff:\t0000000000000000\nCapBnd:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\nread-only\n1\n"},
	{name: "runtime directory", config: "files.yaml", env: []string{"XDG_RUNTIME_DIR=/run/secrets"}, script: lookAtFile, out: theFile + "/run/secrets\n"},
	{name: "shm", config: "files.yaml", script: lookAtFile, out: theFile + "/dev/shm\n"},
	{name: "memfd", config: "memfd.yaml", script: `for i in 1 2; do cat $PYLEE_FILE_key; echo; done; stat -L -c '%a %u %g' $PYLEE_FILE_key`,
		out: fileCanary + "\n" + fileCanary + "\n400 10001 10001\n"},
	{name: "named directory", config: "private.yaml", script: `cat $CREDENTIALS_DIRECTORY/key; echo; echo $CREDENTIALS_DIRECTORY; stat -f -c %T /run/secrets/tls`,
		out: fileCanary + "\n/run/secrets/tls\ntmpfs\n"},
	{name: "no directory", config: "absent.yaml", script: `echo started`, code: 125, errs: "hint: mkdir -p -m 700 /run/secrets/absent"},
	{name: "read-only directory", config: "disk.yaml", script: `echo started`, code: 125, errs: "/app/tls"},
	{name: "exec", flags: []string{"--exec"}, script: "echo $$; exit 7", out: "1\n", code: 7, errs: "process 1"},
	{name: "exit", script: "exit 7", code: 7},
	{name: "killed", config: "files.yaml", script: "kill -KILL $$", code: 137},
	{name: "missing", flags: []string{"--", "/no/such/program"}, script: "", code: 127, errs: "/no/such/program"},
	{name: "orphans", script: `i=0; while [ $i -lt 50 ]; do (true & sleep 0.05 &); i=$((i+1)); done; sleep 0.5; cat /proc/[0-9]*/stat 2>/dev/null | grep -c ' Z '; exit 4`, out: "0\n", code: 4},
	{name: "left behind", script: "sleep 60 & exit 5", code: 5},
}

// A container as it should be: somebody without rights, in a directory that nobody can
// write.
func TestContainer(t *testing.T) {
	for _, engine := range runtimes {
		t.Run(engine.name, func(t *testing.T) {
			b := newBox(t, engine.needs...)
			b.works(engine.start)
			for _, tt := range inBoxes {
				t.Run(tt.name, func(t *testing.T) { engine.start(b.of(t), tt.env, tt.argv()...).gives(tt) })
			}
			for _, tt := range stops {
				t.Run("stop/"+tt.name, func(t *testing.T) { engine.start(b.of(t), tt.env, tt.argv()...).stopped(tt.signal, tt.code) })
			}
			t.Run("killed", func(t *testing.T) { b.of(t).killed(engine.start) })
			if left := append(names(t, b.secrets), names(t, b.secrets+"/tls")...); len(left) != 1 {
				t.Errorf("left: %q", left)
			}
		})
	}
}

// of is b for a subtest.
func (b *box) of(t *testing.T) *box {
	b.count++
	one := *b
	one.T = t
	return &one
}

func (c *boxed) gives(tt inBox) {
	c.Helper()
	out, code := c.end()
	errs := c.errs.String()
	if out != tt.out || code != tt.code || (tt.errs == "") != (errs == "") || !strings.Contains(errs, tt.errs) {
		c.Errorf("%q\nstatus %d, want %d\noutput %q\nwant   %q\nstderr %q", c.cmd.Args, code, tt.code, out, tt.out, errs)
	}
}

// stops are commands that are told to end.
var stops = []struct {
	inBox
	signal string
	code   int
}{
	{inBox{name: "default", script: "echo ready; exec sleep 60"}, "TERM", 143},
	{inBox{name: "trap", script: `trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.1; done`}, "TERM", 3},
	{inBox{name: "hangup", script: "echo ready; exec sleep 60"}, "HUP", 129},
	{inBox{name: "files", config: "files.yaml", env: []string{"XDG_RUNTIME_DIR=/run/secrets"}, script: "cat $PYLEE_SECRETS_DIR/key; echo; exec sleep 60"}, "TERM", 143},
	{inBox{name: "named directory", config: "private.yaml", script: "cat /run/secrets/tls/key; echo; exec sleep 60"}, "TERM", 143},
	{inBox{name: "memfd", config: "memfd.yaml", script: "cat $PYLEE_FILE_key; echo; exec sleep 60"}, "TERM", 143},
}

// stopped ends a container that has said that it is ready, and what it had on a tmpfs
// of the host is gone.
func (c *boxed) stopped(signal string, code int) {
	c.Helper()
	if line := c.line(); line != "ready" && line != fileCanary {
		c.Errorf("line %q", line)
	}
	c.ends(signal, code)
	left, err := holders(c.secrets, fileCanary)
	if err != nil || len(left) > 0 {
		c.Errorf("left: %q, %v", left, err)
	}
	if strings.Contains(c.errs.String(), "pylee") {
		c.Errorf("stderr %q", c.errs.String())
	}
}

// killed kills a container, and the next one that has the tmpfs removes what was left.
func (b *box) killed(start func(*box, []string, ...string) *boxed) {
	b.Helper()
	tt := inBox{config: "files.yaml", script: "cat $PYLEE_SECRETS_DIR/key; echo; exec sleep 60"}
	env := []string{"XDG_RUNTIME_DIR=/run/secrets"}
	c := start(b, env, tt.argv()...)
	c.line()
	c.ends("KILL", 137)
	if left, err := holders(c.secrets, fileCanary); err != nil || len(left) != 1 {
		c.Errorf("left: %q, %v: nothing to test", left, err)
	}
	tt = inBox{config: "files.yaml", script: "ls /run/secrets | wc -l", out: "2\n"} // its own and tls
	b.count++
	start(b, env, tt.argv()...).gives(tt)
}
