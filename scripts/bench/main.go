// Command bench compares the cost of starting a program in several ways. It is no
// test: nothing in it passes or fails. It reads cases from standard input, one a line,
//
//	NAME <tab> DIRECTORY <tab> WORD <tab> WORD ...
//
// runs all of them once in every round, in an order that rotates, and prints a
// Markdown table. DIRECTORY is the working directory and the HOME of a case. The first
// case is the reference of the ratios, which are taken within a round: so a load that
// comes and goes hits both sides.
//
// It spawns processes by itself, and stays small: a child counts the memory of its
// parent as its own peak until it has executed something else.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"
)

func main() {
	rounds := flag.Int("n", 100, "rounds")
	flag.Parse()
	if err := run(os.Stdin, os.Stdout, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer, rounds int) error {
	cases, err := readCases(in)
	if err != nil {
		return err
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	debug.SetGCPercent(-1) // collected between rounds, where nothing is measured
	for round := -1; round < rounds; round++ {
		for i := range cases {
			c := cases[(i+max(round, 0))%len(cases)]
			s, err := c.spawn(null.Fd())
			if err != nil {
				return err
			}
			if round >= 0 { // the first is for warm caches
				c.samples = append(c.samples, s)
			}
		}
		runtime.GC()
	}
	return report(out, cases)
}

// A command is one row of the table.
type command struct {
	name, dir string
	argv      []string
	path      string
	samples   []sample // one per round
}

// A sample is what one run cost.
type sample struct {
	wall, cpu float64 // milliseconds; cpu is user and system time together
	rss       float64 // peak, MB
	faults    float64 // minor page faults
}

func readCases(in io.Reader) ([]*command, error) {
	var cases []*command
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		words := strings.Split(lines.Text(), "\t")
		if len(words) < 3 {
			return nil, fmt.Errorf("case %q: want name, directory and command", lines.Text())
		}
		c := &command{name: words[0], dir: words[1], argv: words[2:], path: words[2]}
		if !strings.Contains(c.path, "/") {
			c.path = lookup(c.path)
		}
		cases = append(cases, c)
	}
	if len(cases) == 0 {
		return nil, fmt.Errorf("no cases on standard input")
	}
	return cases, lines.Err()
}

// lookup is done once, not for every run; exec.LookPath would link more than it.
func lookup(name string) string {
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path
		}
	}
	return name
}

// spawn runs the command to its end, with input and output at fd.
func (c *command) spawn(fd uintptr) (sample, error) {
	attr := &syscall.ProcAttr{
		Dir:   c.dir,
		Env:   []string{"HOME=" + c.dir, "PATH=" + os.Getenv("PATH"), "LANG=C"},
		Files: []uintptr{fd, fd, 2},
	}
	start := time.Now()
	pid, err := syscall.ForkExec(c.path, c.argv, attr)
	if err != nil {
		return sample{}, fmt.Errorf("%s: %w", c.name, err)
	}
	var status syscall.WaitStatus
	var usage syscall.Rusage
	for {
		_, err = syscall.Wait4(pid, &status, 0, &usage)
		if err != syscall.EINTR {
			break
		}
	}
	wall := time.Since(start)
	if err != nil {
		return sample{}, fmt.Errorf("%s: %w", c.name, err)
	}
	if status != 0 {
		return sample{}, fmt.Errorf("%s: ended with status %d, signal %d", c.name, status.ExitStatus(), status.Signal())
	}
	return sample{
		wall:   wall.Seconds() * 1e3,
		cpu:    float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e6,
		rss:    peakMB(usage.Maxrss),
		faults: float64(usage.Minflt),
	}, nil
}

// peakMB converts ru_maxrss: kilobytes, but bytes on darwin (getrusage(2)).
func peakMB(maxrss int64) float64 {
	if runtime.GOOS == "darwin" {
		return float64(maxrss) / 1e6
	}
	return float64(maxrss) * 1024 / 1e6
}
