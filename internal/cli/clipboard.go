package cli

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/pyleeai/pylee/internal/command"
	"github.com/pyleeai/pylee/providers"
)

// clipboard is a program that sets the clipboard to what it reads.
type clipboard struct {
	set  []string // path and arguments
	get  []string // prints it; empty: set owns it, and what it holds goes when it ends
	envs []string // variables it needs besides those of every tool
}

// clipboards are looked for in this order, where their variable is set. Those of X
// and Wayland stay in the foreground: there a program offers its text itself, for as
// long as it runs.
var clipboards = []struct {
	system, variable string
	clipboard
}{
	{"", "WAYLAND_DISPLAY", clipboard{set: []string{"wl-copy", "--foreground"}}},
	{"", "DISPLAY", clipboard{set: []string{"xclip", "-quiet", "-selection", "clipboard"}}},
	{"", "DISPLAY", clipboard{set: []string{"xsel", "--clipboard", "--input", "--nodetach"}}},
	{"darwin", "", clipboard{set: []string{"pbcopy"}, get: []string{"pbpaste"}}},
}

// clipboard returns the first that exists here.
func (inv *invocation) clipboard() (clipboard, error) {
	for _, known := range clipboards {
		if known.system != "" && known.system != runtime.GOOS || known.variable != "" && inv.env[known.variable] == "" {
			continue
		}
		tool := known.clipboard
		var err error
		if tool.set, err = inv.tool(known.set); err != nil {
			return tool, err
		}
		if tool.set == nil {
			continue
		}
		if known.get != nil {
			if tool.get, err = inv.tool(known.get); err != nil || tool.get == nil {
				continue
			}
		}
		tool.envs = []string{"DISPLAY", "XAUTHORITY", "WAYLAND_DISPLAY"}
		return tool, nil
	}
	return clipboard{}, &failure{
		message: "--copy: there is no clipboard: neither wl-copy, xclip, xsel nor pbcopy for this session was found",
		hint:    "apt install wl-clipboard, or xclip on X11", code: exitFailed,
	}
}

// tool returns argv with the path of its program in PATH, nil if there is none. A
// program that somebody else could have put there is refused.
func (inv *invocation) tool(argv []string) ([]string, error) {
	for _, dir := range filepath.SplitList(inv.env["PATH"]) {
		path := filepath.Join(dir, argv[0])
		info, err := os.Stat(path)
		if !filepath.IsAbs(path) || err != nil || !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
			continue
		}
		if err := command.Check(path, inv.uid()); err != nil {
			return nil, toolFailure(path, err)
		}
		return append([]string{path}, argv[1:]...), nil
	}
	return nil, nil
}

func toolFailure(path string, err error) error {
	f := &failure{message: printable(path) + ": " + printable(err.Error()), code: exitFailed}
	var said *command.Error
	if errors.As(err, &said) {
		f.hint = said.Hint
		if said.Reason == command.Refused {
			f.code = exitDenied
		}
	}
	return f
}

// copyFor leaves the value on the clipboard for a time. A signal clears it at once, and
// there is time for that.
func (inv *invocation) copyFor(tool clipboard, name string, value providers.Value, after time.Duration) error {
	inv.guard.Close()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, after)
	defer cancel()
	inv.say("%s is on the clipboard for %s; Ctrl-C clears it at once", name, after)
	run := func(ctx context.Context, argv []string, input []byte) ([]byte, error) {
		return command.Run(ctx, command.Tool{Argv: argv, Env: command.Environ(inv.env, tool.envs, nil), Input: input, Name: name})
	}
	_, err := run(ctx, tool.set, value.Reveal())
	var failed *command.Error
	if owns := tool.get == nil; owns && errors.As(err, &failed) && failed.Reason == command.Stopped {
		err = nil
	} else if !owns && err == nil {
		<-ctx.Done()
		err = tool.clear(run, value)
	}
	if err != nil {
		return toolFailure(tool.set[0], err)
	}
	inv.say("cleared the clipboard")
	return nil
}

// clear empties the clipboard if it still holds the value.
func (t clipboard) clear(run func(context.Context, []string, []byte) ([]byte, error), value providers.Value) error {
	const patience = 5 * time.Second
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	now, err := run(ctx, t.get, nil)
	if err == nil && providers.NewValue(now).Equal(value) {
		_, err = run(ctx, t.set, []byte{})
	}
	return err
}
