// Command pid1 compares pylee as process 1 with the init programs tini and dumb-init,
// each in a process namespace of its own, and prints a Markdown table. It is no test:
// nothing in it passes or fails. It needs the right to make such namespaces.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
)

func main() {
	pylee := flag.String("pylee", "bin/pylee", "the pylee to compare")
	starts := flag.Int("n", 600, "children whose status is looked at")
	orphans := flag.Int("orphans", 1200, "orphans that are left to process 1")
	flag.Parse()
	if err := run(os.Stdout, *pylee, *starts, *orphans); err != nil {
		fmt.Fprintln(os.Stderr, "pid1:", err)
		os.Exit(1)
	}
}

// An initial is a program that can be process 1.
type initial struct {
	name string
	argv []string // in front of the command
}

func run(out io.Writer, pylee string, starts, orphans int) error {
	path, err := filepath.Abs(pylee)
	if err != nil {
		return err
	}
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("%w; make build", err)
	}
	if said, err := exec.Command("unshare", "--pid", "--fork", "--mount-proc", "true").CombinedOutput(); err != nil {
		fmt.Fprintf(out, "not run: no new process namespace here: %v: %s\n", err, bytes.TrimSpace(said))
		return nil
	}
	programs := []initial{{"pylee", []string{path, "run", "--"}}}
	for _, name := range []string{"tini", "dumb-init"} {
		if path, err := exec.LookPath(name); err == nil {
			programs = append(programs, initial{name, []string{path, "--"}})
		} else {
			fmt.Fprintf(out, "not run: %s: it is not installed (apt-get install %s)\n", name, name)
		}
	}
	table := [][]string{{"as process 1"}, {"---"}}
	for _, p := range programs {
		table[0], table[1] = append(table[0], p.name), append(table[1], "---")
	}
	for _, row := range rows(starts, orphans) {
		cells := []string{row.name}
		for _, p := range programs {
			cell, err := row.measure(p)
			if err != nil {
				return fmt.Errorf("%s: %s: %w", p.name, row.name, err)
			}
			cells = append(cells, cell)
		}
		table = append(table, cells)
	}
	if err := write(out, table); err != nil {
		return err
	}
	_, err = io.WriteString(out, note)
	return err
}

func write(out io.Writer, table [][]string) error {
	w := tabwriter.NewWriter(out, 0, 0, 1, ' ', tabwriter.TabIndent)
	for _, cells := range table {
		if _, err := fmt.Fprintf(w, "| %s\t|\n", strings.Join(cells, "\t| ")); err != nil {
			return err
		}
	}
	return w.Flush()
}

// row is one line of the table.
type row struct {
	name    string
	measure func(initial) (string, error)
}

// kept are the signals that pylee does not hand on.
var kept = []int{int(syscall.SIGPIPE), int(syscall.SIGPROF), 34}

// note says why, and what no program can do.
const note = `
Note: pylee does not hand on three signals. 13 (PIPE) is about a write of process 1 itself;
27 (PROF) and 34 the runtime of Go hands to no program. 9 (KILL)
ends process 1 itself, and 32 and 33 belong to the C library: they are not sent here.
`

func numbers(list []int) string {
	return strings.Trim(strings.Join(strings.Fields(fmt.Sprint(list)), ", "), "[]")
}

func rows(starts, orphans int) []row {
	return []row{
		{"SIGTERM to exit, median and worst of 50", func(p initial) (string, error) {
			return p.stops("exec sleep 1000", 50)
		}},
		{"of 20 in the background, told to end before they are killed", initial.told},
		{fmt.Sprintf("statuses lost, of %d children among orphans", starts), func(p initial) (string, error) {
			return p.lost(starts)
		}},
		{fmt.Sprintf("zombies of %d orphans", orphans), func(p initial) (string, error) {
			return p.zombies(orphans)
		}},
		{"a child that dies by signal n: 128+n", initial.deaths},
		{"signal n to process 1, without " + numbers(kept) + " (note): it ends with 128+n", func(p initial) (string, error) {
			return p.forwards(slices.DeleteFunc(deadly(), func(sig int) bool { return slices.Contains(kept, sig) || sig == int(syscall.SIGKILL) }))
		}},
		{"the same of " + numbers(kept), func(p initial) (string, error) { return p.forwards(kept) }},
	}
}

func (p initial) stops(script string, times int) (string, error) {
	var all []time.Duration
	wrong := 0
	for range times {
		status, took, err := p.signalled(script, syscall.SIGTERM)
		if err != nil {
			return "", err
		}
		if status != 143 {
			wrong++
		}
		all = append(all, took)
	}
	slices.Sort(all)
	text := fmt.Sprintf("%.1f ms, %.1f ms", milliseconds(all[len(all)/2]), milliseconds(all[len(all)-1]))
	if wrong > 0 {
		text += fmt.Sprintf("; %d not with 143", wrong)
	}
	return text, nil
}

// told counts the background processes that could end by themselves when the command
// had ended.
func (p initial) told() (string, error) {
	const script = `dir=$(mktemp -d); i=0
		while [ $i -lt 20 ]; do
			sh -c 'trap "echo >&3; exit" TERM; echo >$0; while :; do sleep 0.01; done' $dir/$i 3>&1 >/dev/null &
			i=$((i+1))
		done
		while [ "$(ls $dir | wc -l)" -lt 20 ]; do sleep 0.01; done
		rm -r $dir; exit 0`
	var out bytes.Buffer
	if _, err := p.status(script, &out); err != nil {
		return "", err
	}
	return strconv.Itoa(out.Len()), nil
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func (p initial) lost(times int) (string, error) {
	lost, endless := 0, 0
	for i := range times {
		want := i % 200
		got, err := p.status(fmt.Sprintf("for i in 1 2 3 4 5 6 7 8; do (true &); done; exit %d", want), nil)
		switch {
		case errors.Is(err, errEndless):
			endless++
		case err != nil:
			return "", err
		case got != want:
			lost++
		}
	}
	if endless > 0 {
		return fmt.Sprintf("%d, and %d went on after their child", lost, endless), nil
	}
	return strconv.Itoa(lost), nil
}

func (p initial) zombies(orphans int) (string, error) {
	script := fmt.Sprintf(`i=0; while [ $i -lt %d ]; do (true &); i=$((i+1)); done
		for i in 1 2 3 4 5; do
			n=$(cat /proc/[0-9]*/status 2>/dev/null | grep -c "^State:.Z")
			[ "$n" = 0 ] && break
			sleep 0.2
		done
		echo $n; exit 0`, orphans)
	var out bytes.Buffer
	if _, err := p.status(script, &out); err != nil {
		return "", err
	}
	return strings.TrimSpace(out.String()), nil
}

// deadly are the signals whose default effect is the end of a process, and that the C
// library does not keep.
func deadly() []int {
	var all []int
	for sig := 1; sig <= 64; sig++ {
		switch syscall.Signal(sig) {
		case syscall.SIGCHLD, syscall.SIGCONT, syscall.SIGSTOP, syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU,
			syscall.SIGURG, syscall.SIGWINCH, 32, 33:
		default:
			all = append(all, sig)
		}
	}
	return all
}

func (p initial) deaths() (string, error) {
	var wrong []string
	for _, sig := range deadly() {
		got, err := p.status(fmt.Sprintf("ulimit -c 0; kill -%d $$", sig), nil)
		if err != nil {
			return "", err
		}
		if got != 128+sig {
			wrong = append(wrong, fmt.Sprintf("%d: %d", sig, got))
		}
	}
	return report(wrong, len(deadly())), nil
}

// forwards sends each signal to process 1 and counts those of which it ends as its child.
func (p initial) forwards(signals []int) (string, error) {
	var wrong []string
	for _, sig := range signals {
		got, _, err := p.signalled("ulimit -c 0; exec sleep 1000", syscall.Signal(sig))
		if err != nil {
			return "", err
		}
		if got == -1 {
			wrong = append(wrong, fmt.Sprintf("%d: goes on", sig))
		} else if got != 128+sig {
			wrong = append(wrong, fmt.Sprintf("%d: %d", sig, got))
		}
	}
	return report(wrong, len(signals)), nil
}

func report(wrong []string, of int) string {
	text := fmt.Sprintf("%d of %d", of-len(wrong), of)
	if len(wrong) > 0 {
		text += " (" + strings.Join(wrong, ", ") + ")"
	}
	return text
}
