package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/pyleeai/pylee/internal/control"
	"github.com/urfave/cli/v2"
)

const statusDescription = `Shows what each pylee does that watches secrets: generation and versions in use, ages,
what is pending and why, the last error. A pylee that became its command is not there
any more.

Examples:

    pylee status
    pylee status --watch --pid 4242    # go on with each change
    pylee status --json | jq '.[].degraded'`

const refreshDescription = `Asks a running pylee to look at all its sources now. Values that failed before, and values
that are older than those in use, count as well. What is only lent is not read again.

Example:

    pylee refresh`

const rollbackDescription = `Asks a running pylee to go back to the values before the present ones, if they are still
valid. The present ones are not tried again until they change, or until pylee refresh.

Example:

    pylee rollback --pid 4242`

const planDescription = `Asks a running pylee which values would change now, from which version to which, and what
would follow. Nothing is changed.

Example:

    pylee plan`

const (
	asked  = time.Minute     // for an answer of a running pylee: it resolves meanwhile
	showed = 5 * time.Second // for its status, which it knows
)

func pidFlag() cli.Flag {
	return &cli.IntFlag{Name: "pid", Usage: "the pylee with process id `PID`; needed if several run"}
}

func statusCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:        "status",
		Usage:       "what running pylees do: generation, versions, what is pending and why",
		Description: statusDescription,
		Flags:       append(commonFlags(inv), jsonFlag(inv), pidFlag(), boolFlag("watch", "go on, with each change")),
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usagef("status takes no arguments; --pid PID chooses one")
			}
			return inv.status(c.Int("pid"), c.Bool("watch"))
		},
	}
}

// wishCommand is one that asks a running pylee to do something.
func wishCommand(inv *invocation, name, usage, description string) *cli.Command {
	return &cli.Command{
		Name: name, Usage: usage, Description: description,
		Flags: append(commonFlags(inv), jsonFlag(inv), pidFlag()),
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usagef("%s takes no arguments; --pid PID chooses one", name)
			}
			return inv.wish(name, c.Int("pid"))
		},
	}
}

func refreshCommand(inv *invocation) *cli.Command {
	return wishCommand(inv, control.CommandRefresh, "have a running pylee look for new values now",
		refreshDescription)
}

func rollbackCommand(inv *invocation) *cli.Command {
	return wishCommand(inv, control.CommandRollback, "have a running pylee go back to the values before the present ones",
		rollbackDescription)
}

func planCommand(inv *invocation) *cli.Command {
	return wishCommand(inv, control.CommandPlan, "which secrets would change now, and what would follow",
		planDescription)
}

// status shows one pylee, or all. One that gives no answer, as when it is stopped, keeps
// no other from being shown.
func (inv *invocation) status(pid int, follow bool) error {
	dirs := control.Dirs(inv.env, os.Geteuid())
	pids := []int{pid}
	if pid == 0 && !follow {
		var err error
		if pids, err = control.List(dirs); err != nil && len(pids) == 0 {
			return refusedBy(err)
		}
		if len(pids) == 0 {
			return refusedBy(&control.Error{Detail: control.ErrNone.Error(), Err: control.ErrNone})
		}
	}
	var all []*control.Status
	var errs []error
	for _, pid := range pids {
		err := inv.talk(dirs, pid, control.CommandStatus, follow, func(r control.Reply) error {
			all = append(all, r.Status)
			if follow || !inv.json {
				return inv.showStatus(r.Status)
			}
			return nil
		})
		if err != nil && (len(pids) == 1 || !errors.Is(err, control.ErrNone)) { // of several one may have ended
			errs = append(errs, refusedBy(err))
		}
	}
	if inv.json && !follow && (len(all) > 0 || len(errs) == 0) {
		errs = append(errs, inv.writeJSON(all))
	}
	return errors.Join(errs...)
}

func (inv *invocation) showStatus(s *control.Status) error {
	if s == nil {
		return nil
	}
	if inv.json {
		return inv.writeJSON(s)
	}
	_, err := io.WriteString(inv.stdio.Out, control.Text(*s, time.Now()))
	return err
}

// wish asks for something and shows the answer.
func (inv *invocation) wish(command string, pid int) error {
	return refusedBy(inv.talk(control.Dirs(inv.env, os.Geteuid()), pid, command, false, func(r control.Reply) error {
		if inv.json {
			return inv.writeJSON(r)
		}
		text := plain(r.Message)
		if text != "" {
			text += "\n"
		}
		for _, c := range r.Changes {
			text += plain("  "+c.Name+": "+c.From+" -> "+c.To+": "+c.Reaction) + "\n"
		}
		_, err := io.WriteString(inv.stdio.Out, text)
		return err
	}))
}

// talk talks to a pylee until all is said.
func (inv *invocation) talk(dirs []string, pid int, command string, follow bool, each func(control.Reply) error) error {
	ctx, within := inv.guard.Context(), asked
	if command == control.CommandStatus {
		within = showed
	}
	if follow {
		command = control.CommandWatch
	} else {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, within)
		defer cancel()
	}
	return control.Ask(ctx, dirs, pid, control.Request{Command: command}, func(r control.Reply) error {
		if r.Error != "" {
			return nil // it is the error of Ask
		}
		return each(r)
	})
}

// refusedBy adds what to do to an error of the control socket.
func refusedBy(err error) error {
	if err == nil {
		return nil
	}
	f := &failure{message: oneLine(err), code: exitFailed}
	var e *control.Error
	if errors.As(err, &e) {
		f.hint = e.Hint
	}
	if errors.Is(err, control.ErrNone) && f.hint == "" {
		f.hint = "pylee run --watch -- COMMAND"
	}
	return f
}
