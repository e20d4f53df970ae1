package integration

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// canary stands in the corpus where a value stands. No part of it may be printed.
const canary = "K9vQ2xWm7TzL4pRb"

// nobody is the user that cases run as which root could not fail.
const nobody = 65534

// TestBadInput tries each case of testdata/badinput: pylee must end with the code of
// the right class, name the place, say what to do, print nothing of a value, start no
// command and write nothing.
func TestBadInput(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("not run: the cases are laid out with GNU tools and devices of Linux")
	}
	old := syscall.Umask(0o022)
	t.Cleanup(func() { syscall.Umask(old) })
	bin := build(t)
	if err := os.Chmod(filepath.Dir(bin), 0o755); err != nil { // for nobody
		t.Fatal(err)
	}
	paths, err := filepath.Glob(filepath.Join("testdata", "badinput", "*.txtar"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no corpus: %v", err)
	}
	var mu sync.Mutex
	count := map[int]int{}
	t.Cleanup(func() { logCount(t, count) })
	for _, path := range paths {
		cases, err := readCorpus(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range cases {
			t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar")+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				c.prepare(t, bin)
				for _, fault := range c.faults(c.execute(t)) {
					t.Error(fault)
				}
				mu.Lock()
				defer mu.Unlock()
				count[c.code]++
			})
		}
	}
}

func logCount(t *testing.T, count map[int]int) {
	var codes []int
	total := 0
	for code, n := range count {
		codes = append(codes, code)
		total += n
	}
	slices.Sort(codes)
	line := fmt.Sprintf("bad input: %d cases", total)
	for _, code := range codes {
		line += fmt.Sprintf(", %d of exit code %d", count[code], code)
	}
	t.Log(line)
}

// outcome is what a run of pylee left.
type outcome struct {
	code           int
	stdout, stderr string
	before, after  map[string]string
}

// prepare lays out the input: work holds the files and is the working directory, home
// is the home directory.
func (c *badCase) prepare(t *testing.T, bin string) {
	t.Helper()
	if c.needs == "root" && os.Geteuid() != 0 {
		t.Skip("not run: needs root")
	}
	c.root = t.TempDir()
	t.Cleanup(func() { exec.Command("chmod", "-R", "u+rwX", c.root).Run() }) //nolint:errcheck // TempDir tells
	c.env = []string{
		"PATH=" + bin + ":/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", // none that nobody may not search
		"HOME=" + filepath.Join(c.root, "home"), "WORK=" + filepath.Join(c.root, "work"), "LC_ALL=C",
		"CANARY=" + canary, "STORE=" + filepath.Join(c.root, "home", ".pylee", "secrets", "default.age"),
	}
	if c.atHome {
		c.env[1] = "HOME=" + c.root
	}
	for _, dir := range []string{"home", "work"} {
		if err := os.Mkdir(filepath.Join(c.root, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range c.files {
		path := filepath.Join(c.root, "work", file.Name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, file.Data, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range c.steps {
		if err := c.step(step); err != nil {
			t.Fatalf("%s: %v", step, err)
		}
	}
	if c.needs == "user" && os.Geteuid() == 0 {
		if out, err := exec.Command("chown", "-R", fmt.Sprint(nobody), filepath.Dir(c.root)).CombinedOutput(); err != nil {
			t.Fatalf("chown: %v\n%s", err, out)
		}
	}
}

// execute runs the command line in a process group that does not outlive it.
func (c *badCase) execute(t *testing.T) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", c.run, "sh", c.input)
	cmd.Dir, cmd.Env = filepath.Join(c.root, "work"), c.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if c.needs == "user" && os.Geteuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	o := outcome{before: listing(t, c.root)}
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	if ctx.Err() != nil {
		t.Errorf("hangs")
	}
	o.code, o.stdout, o.stderr = cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()
	o.after = listing(t, c.root)
	return o
}

// faults says what is wrong with an outcome.
func (c *badCase) faults(o outcome) []string {
	var list []string
	fault := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	if o.code != c.code {
		fault("exit code %d, want %d", o.code, c.code)
	}
	// A path in the working directory may be told either way.
	near := strings.ReplaceAll(o.stderr, filepath.Join(c.root, "work")+"/", "")
	lines := strings.Split(strings.TrimSuffix(near, "\n"), "\n")
	for _, want := range c.want {
		place, hint := os.Expand(want.place, c.getenv), "pylee: hint: "
		if !slices.ContainsFunc(lines, func(line string) bool { return want.saidBy(line, place) }) {
			fault("no message at %s: %s", want.place, want.text)
		}
		if want.hint != "" && !slices.ContainsFunc(lines, func(line string) bool {
			return strings.HasPrefix(line, hint) && (want.hint == "*" || strings.Contains(line, want.hint))
		}) {
			fault("no hint: %s", want.hint)
		}
	}
	list = append(list, unclean(o.stdout, o.stderr)...)
	for path, was := range o.before {
		if is, there := o.after[path]; is != was {
			fault("%s was changed or removed (there: %v)", path, there)
		}
	}
	for path := range o.after {
		if _, there := o.before[path]; !there {
			fault("%s was written", path)
		}
	}
	if len(list) > 0 {
		fault("command: %s\ninput: %s\nstdout: %s\nstderr:\n%s", c.run, c.input, o.stdout, o.stderr)
	}
	return list
}

// unclean says what no message may be like, whatever it is about.
func unclean(stdout, stderr string) []string {
	var list []string
	for i := range len(canary) - 8 {
		part := canary[i : i+9]
		for _, form := range []string{part, hex.EncodeToString([]byte(part)), base64.StdEncoding.EncodeToString([]byte(part))} {
			if strings.Contains(stdout+stderr, form) {
				list = append(list, "a value was printed: "+form)
			}
		}
	}
	if stdout != "" {
		list = append(list, "stdout is for the command and for data")
	}
	if len(stderr) > 8<<10 {
		list = append(list, fmt.Sprintf("%d bytes of messages", len(stderr)))
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(stderr, "\n"), "\n") {
		if !strings.HasPrefix(line, "pylee: ") && !strings.HasPrefix(line, "       ") && !strings.HasPrefix(line, "{") {
			list = append(list, "a line that is not pylee's: "+line)
		}
		if !utf8.ValidString(line) || strings.ContainsFunc(line, unicode.IsControl) {
			list = append(list, fmt.Sprintf("a line that is not plain text: %q", line))
		}
		for _, word := range []string{"strconv.", " yaml:", "invalid character '", "cannot unmarshal", " age:", "parse \"", "EOF", "runtime error", "%!", "<nil>", "malformed HTTP"} {
			if strings.Contains(line, word) {
				list = append(list, "words of a library: "+line)
			}
		}
	}
	return list
}

// TestUnclean makes sure that the checks of the corpus catch something.
func TestUnclean(t *testing.T) {
	for _, stderr := range []string{
		"", "other: x", "pylee: \x1b[31mx", "pylee: \xff", "panic: runtime error: x", "pylee: x: strconv.Atoi: x",
		"pylee: " + canary[3:14], "pylee: " + hex.EncodeToString([]byte(canary)), "pylee: " + base64.StdEncoding.EncodeToString([]byte("abcd"+canary)),
		"pylee: " + strings.Repeat("x", 10000),
	} {
		if len(unclean("", stderr)) == 0 {
			t.Errorf("%q passes", stderr)
		}
	}
	if list := unclean("", "pylee: a:1:2: x\n       ${x}\n       ^\npylee: hint: y\n"); len(list) > 0 {
		t.Error(list)
	}
	c := badCase{code: 78, want: []complaint{{"a:1:2", "no", "do"}}}
	good := outcome{code: 78, stderr: "pylee: a:1:2: x: no\npylee: hint: do\n"}
	if list := c.faults(good); len(list) > 0 {
		t.Error(list)
	}
	for _, bad := range []outcome{
		{code: 1, stderr: good.stderr},
		{code: 78, stderr: "pylee: a:1:20: no\npylee: hint: do\n"},
		{code: 78, stderr: "pylee: a:1:2: x: no\n"},
		{code: 78, stderr: good.stderr, before: map[string]string{"a": "1"}, after: map[string]string{"a": "2"}},
		{code: 78, stderr: good.stderr, before: map[string]string{"a": "1"}},
		{code: 78, stderr: good.stderr, after: map[string]string{"a": "1"}},
	} {
		if len(c.faults(bad)) == 0 {
			t.Errorf("%+v passes", bad)
		}
	}
}
