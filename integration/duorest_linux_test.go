package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestResting looks at what pylee and its helper hold of the memory while a command
// runs: little, and no helper at all where nothing is lent. It logs the rows of a table
// for make bench.
func TestResting(t *testing.T) {
	m := newDuoMany(t)
	m.bao.call(t, "PUT", "sys/mounts/pki", map[string]any{"type": "pki"})
	m.bao.call(t, "PUT", "pki/root/generate/internal", map[string]any{"common_name": "test", "ttl": "1h"})
	m.bao.call(t, "PUT", "pki/roles/web", map[string]any{"allow_any_name": true, "generate_lease": true, "max_ttl": "30m"})
	const lease = "  CERT: ${bao:pki/issue/web?common_name=a#certificate}\n"
	t.Log("| while a command runs | pylee: own MB (PSS) | helper: own MB (PSS) |")
	t.Log("|---|---|---|")
	for _, c := range []struct {
		name, more string
		kinds      []string
	}{
		{"no secret", "", nil},
		{"85 secrets of four providers", "", []string{"aws", "ssm", "bao", "azure"}},
		{"a lease of `bao`", lease, nil},
		{"a lease, 85 secrets of four providers", lease, []string{"aws", "ssm", "bao", "azure"}},
	} {
		m.config(t, newDuoCounter(1, 0), c.kinds...)
		path := filepath.Join(m.dir, "pylee.yaml")
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		baoWrite(t, path, append(text, "  NONE: none\n"+c.more...))
		cmd, out := m.start(t, m.dir, m.env, "run", "--subreaper", "--", "sh", "-c", "echo begun; exec sleep 60")
		if line := duoLine(t, out); line != "begun" {
			t.Fatalf("%s: said %q\n%s", c.name, line, cmd.Stderr)
		}
		own, helper, with := restingMemory(t, cmd.Process.Pid), "none", m.helper(cmd.Process.Pid)
		if own.own > 4<<10 {
			t.Errorf("%s: pylee rests with %v", c.name, own)
		}
		if (with != 0) != (c.more != "") {
			t.Errorf("%s: helper %d", c.name, with)
		}
		if with != 0 {
			its := restingMemory(t, with)
			helper = its.String()
			if its.own > 18<<10 {
				t.Errorf("%s: the helper rests with %v", c.name, its)
			}
		}
		t.Logf("| %s | %v | %s |", c.name, own, helper)
		cmd.Process.Kill() //nolint:errcheck // it runs; the command goes with it
		cmd.Wait()         //nolint:errcheck // killed
	}
}

// duoMemory is what a process has, in kB.
type duoMemory struct {
	own int // it alone, which nothing but its end gives back
	pss int // with its share of the pages of its program file
}

// String returns both in MB.
func (m duoMemory) String() string {
	return fmt.Sprintf("%.1f (%.1f)", float64(m.own)/1024, float64(m.pss)/1024)
}

// restingMemory waits until the memory of a process has not changed for half a second,
// ten seconds at most.
func restingMemory(t *testing.T, pid int) duoMemory {
	t.Helper()
	every := time.NewTicker(100 * time.Millisecond)
	defer every.Stop()
	last, same := duoMemory{}, 0
	for range 100 {
		<-every.C
		now := memoryOf(t, pid)
		if same++; now.own != last.own {
			same = 0
		}
		if last = now; same == 5 {
			break
		}
	}
	return last
}

// memoryOf reads smaps_rollup, see proc_pid_smaps(5).
func memoryOf(t *testing.T, pid int) (m duoMemory) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		name, rest, _ := strings.Cut(line, ":")
		n, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB")) //nolint:errcheck // the first line has none
		switch name {
		case "Pss":
			m.pss = n
		case "Pss_Anon":
			m.own = n
		}
	}
	return m
}
