package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/pyleeai/pylee/exec"
	"github.com/pyleeai/pylee/internal/format"
	"golang.org/x/sys/unix"
)

// editor is the command of $VISUAL or $EDITOR, or vi: a program, with arguments that
// white space parts, as git and crontab have it, but without a shell.
func (inv *invocation) editor() ([]string, error) {
	line := inv.env["VISUAL"]
	if strings.TrimSpace(line) == "" {
		line = inv.env["EDITOR"]
	}
	if strings.TrimSpace(line) == "" {
		line = "vi"
	}
	argv := strings.Fields(line)
	path := argv[0]
	if !strings.Contains(path, "/") {
		found, err := inv.tool(argv[:1])
		if err != nil {
			return nil, err
		}
		if found == nil {
			return nil, &failure{message: "no editor: " + printable(path) + " was not found in PATH", hint: "EDITOR=nano pylee secret edit NAME", code: exitNotFound}
		}
		path = found[0]
	}
	return slices.Concat([]string{path}, discreet(path), argv[1:]), nil
}

// discreet are the arguments that keep an editor from writing the text elsewhere. The
// name of a link, as vi is one, does not tell which editor it is.
func discreet(path string) []string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	base := filepath.Base(path)
	if strings.HasPrefix(base, "vim") || strings.HasPrefix(base, "nvim") {
		return []string{"-n", "-i", "NONE", "--cmd", "set nobackup nowritebackup noundofile noswapfile nomodeline viminfo=", "-c", "set nobackup nowritebackup noundofile noswapfile"}
	}
	return nil
}

// editText lets the editor work on text in a directory in memory, which is gone when
// it returns, and returns what read makes of the result. On a terminal a text that
// cannot be read can be edited again.
func (inv *invocation) editText(editor []string, base string, text []byte, read func([]byte) ([]incoming, error)) (list []incoming, err error) {
	inv.guard.Close()
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	dir, err := exec.NewSecretDir(exec.SecretDirOptions{Runtime: inv.env["RUNTIME_DIRECTORY"], XDG: inv.env["XDG_RUNTIME_DIR"], UID: -1, GID: -1})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, dir.Remove()) }()
	inv.debugf("edit: %s", dir.Why())
	if runtime.GOOS != "linux" {
		inv.say("this system has no directory in memory: the text lies on a disk while it is edited, in %s", dir.Path())
	}
	path := filepath.Join(dir.Path(), base)
	if err := writeNew(path, text); err != nil {
		return nil, err
	}
	for {
		if ended := inv.runEditor(append(editor, path), dir.Path(), signals); ended != nil {
			return nil, ended
		}
		edited, err := readEdited(path)
		if err != nil {
			return nil, err
		}
		if bytes.Equal(edited, text) {
			return nil, nil
		}
		list, err := read(edited)
		if err == nil || !isTerminal(inv.stdio.In) {
			return list, err
		}
		inv.printReports(reportsOf(err))
		if inv.confirm(false, "edit it again? else the changes are lost;") != nil {
			return nil, err
		}
	}
}

// runEditor returns when the editor has ended. The keys that interrupt are the
// editor's own; a signal that ends pylee ends it too.
func (inv *invocation) runEditor(argv []string, dir string, signals <-chan os.Signal) error {
	env := slices.DeleteFunc(slices.Clone(inv.environ), func(entry string) bool {
		return strings.HasPrefix(entry, "TMPDIR=") || strings.HasPrefix(entry, "PYLEE_IDENTITY=")
	})
	child, err := exec.Start(exec.Spec{Argv: argv, Env: append(env, "TMPDIR="+dir)})
	if err != nil {
		return err
	}
	var last syscall.Signal
	for ended := false; !ended; {
		select {
		case <-child.Done():
			ended = true
		case s := <-signals:
			if sig := s.(syscall.Signal); sig == syscall.SIGTERM || sig == syscall.SIGHUP {
				last = sig
				child.Signal(sig) //nolint:errcheck // it may have ended
			}
		}
	}
	code := child.Status().Code()
	switch {
	case last != 0:
		return &failure{message: "interrupted: " + unix.SignalName(last) + "; nothing was stored", code: 128 + int(last)}
	case code != 0:
		return &failure{message: fmt.Sprintf("the editor ended with status %d; nothing was stored", code), code: exitFailed}
	}
	return nil
}

// writeNew makes a file that only this user can read and change.
func writeNew(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

// readEdited reads the text again. The editor may have put another file in its place.
func readEdited(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, &failure{message: "the text is gone; nothing was stored", code: exitFailed}
	}
	defer f.Close() //nolint:errcheck // read only
	return io.ReadAll(io.LimitReader(f, format.MaxConfig+1))
}
