package exec_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pyleeai/pylee/exec"
	"golang.org/x/sys/unix"
)

// group is a command that is shell script, in a process group of its own.
func group(script string) exec.Spec {
	return exec.Spec{Argv: []string{"sh", "-c", script}, Env: []string{"PATH=/bin:/usr/bin"}, Terminal: exec.TerminalGroup}
}

// S6, R8: the end of a group is the end of all in it, and its number is not given away
// while somebody may still signal it.
func TestGroup(t *testing.T) {
	spawner := newSpawner(exec.SpawnerOptions{})
	defer spawner.Close()
	child, err := spawner.Start(group(`sleep 600 & sleep 601 & exit 3`))
	must(t, err)
	if got := child.Status(); got.Code() != 3 || child.Group() != child.Pid() {
		t.Errorf("%v, group %d of %d", got, child.Group(), child.Pid())
	}
	if err := child.Signal(0); err != os.ErrProcessDone {
		t.Errorf("a signal to a child that has ended: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := child.Gone(ctx); err != context.Canceled {
		t.Errorf("two processes of the group are left, Gone says %v", err)
	}
	if err := child.SignalGroup(0); err != nil {
		t.Errorf("a signal to the group: %v", err)
	}
	child.KillTree(t.Context())
	must(t, child.Gone(t.Context()))
	must(t, child.Gone(t.Context()))
	if err := child.SignalGroup(0); err != os.ErrProcessDone {
		t.Errorf("the group is still held: %v", err)
	}
	if err := syscall.Kill(child.Pid(), 0); err != syscall.ESRCH {
		t.Errorf("the child is still in the process table: %v", err)
	}
}

// waitFor looks until something is so, for 10 seconds.
func waitFor(so func() bool) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	end := time.After(10 * time.Second)
	for !so() {
		select {
		case <-tick.C:
		case <-end:
			return errors.New("not within 10 seconds")
		}
	}
	return nil
}

// A child in the group of its parent takes nobody along.
func TestKillTreeWithoutGroup(t *testing.T) {
	spawner := newSpawner(exec.SpawnerOptions{})
	defer spawner.Close()
	spec := group(`exec sleep 600`)
	spec.Terminal = exec.TerminalShare
	child, err := spawner.Start(spec)
	must(t, err)
	child.KillTree(t.Context())
	must(t, child.Gone(t.Context()))
	if sig, _ := child.Status().Signal(); sig != syscall.SIGKILL || child.Group() != 0 {
		t.Errorf("%v, group %d", child.Status(), child.Group())
	}
}

// foreground is the mode of the leader of a session: it wakes what stops.
func foreground(spec exec.Spec) int {
	spec.Terminal = exec.TerminalForeground
	child, err := newSpawner(exec.SpawnerOptions{}).Start(spec)
	if err != nil {
		return report(err)
	}
	for {
		select {
		case sig := <-child.Stopped():
			fmt.Println("stopped by", unix.SignalName(sig))
			_ = child.Signal(syscall.SIGCONT)
		case <-child.Done():
			return child.Status().Code()
		}
	}
}

// T2: the child is in the foreground, and its stops are seen.
func TestForeground(t *testing.T) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	defer master.Close()
	must(t, unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	must(t, err)
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	must(t, err)
	cmd := self(t, "foreground", "sh", "-c", `read line; for s in STOP TSTP TTIN TTOU; do kill -$s $$; done; echo "$line"; exit 4`)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	must(t, cmd.Start())
	slave.Close()
	_, err = master.WriteString("typed\n")
	must(t, err)
	text := bufio.NewScanner(master)
	var lines []string
	for text.Scan() {
		lines = append(lines, text.Text())
	}
	err = cmd.Wait()
	want := "typed|stopped by SIGSTOP|stopped by SIGTSTP|stopped by SIGTTIN|stopped by SIGTTOU|typed"
	if got := strings.Join(lines, "|"); got != want || cmd.ProcessState.ExitCode() != 4 {
		t.Errorf("got %s, %v", got, err)
	}
}
