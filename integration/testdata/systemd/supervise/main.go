// Command supervise is the systemd side of a supervising pylee and nothing else: it
// starts the command after "--" as a child, with the parts of package exec that stand
// between it and the service manager. With ROTATE set, SIGHUP starts the command again
// as new secrets would.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/pyleeai/pylee/exec"
)

func main() {
	if code, is := exec.Shim(os.Args, os.Environ()); is {
		os.Exit(code)
	}
	at := slices.Index(os.Args, "--")
	status, err := supervise(os.Args[at+1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "supervise:", err)
		os.Exit(exitCode(err))
	}
	if sig, ok := status.Signal(); ok {
		exec.Die(sig)
	}
	os.Exit(status.Code())
}

func exitCode(err error) int {
	if e, ok := err.(*exec.Error); ok {
		return e.Code
	}
	return exec.CodeFailed
}

// service is what is kept from one command to the next.
type service struct {
	argv       []string
	spawner    *exec.Spawner
	notifier   *exec.Notifier
	listen     *exec.Listen
	generation int
}

func supervise(argv []string) (exec.Status, error) {
	signals := make(chan os.Signal, 128)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGABRT)
	if warning, hint := exec.KillModeWarning(os.Environ(), os.Getpid(), true, exec.OwnUnit("", os.Environ())); warning != "" {
		fmt.Fprintf(os.Stderr, "warning: %s\nhint: %s\n", warning, hint)
	}
	s := service{argv: argv, listen: exec.InheritedListen(os.Environ(), os.Getpid())}
	var err error
	if s.spawner, err = exec.NewSpawner(exec.SpawnerOptions{}); err != nil {
		return exec.Status{}, err
	}
	s.notifier, err = exec.NewNotifier(exec.NotifyOptions{
		Socket: os.Getenv("NOTIFY_SOCKET"), OnStart: os.Getenv("ON_START") != "", Listen: s.listen,
	})
	if err != nil {
		return exec.Status{}, err
	}
	defer s.notifier.Close()
	child, err := s.start()
	if err != nil {
		return exec.Status{}, err
	}
	for {
		select {
		case <-child.Done():
			s.notifier.Child(nil)
			return child.Status(), nil
		case sig := <-signals:
			switch {
			case sig == syscall.SIGHUP && os.Getenv("ROTATE") != "":
				if child, err = s.restart(child); err != nil {
					return exec.Status{}, err
				}
				continue
			case sig == syscall.SIGTERM:
				s.notifier.Stopping(true)
			}
			_ = child.Signal(sig.(syscall.Signal))
		}
	}
}

// start starts the command and listens to it.
func (s *service) start() (*exec.Child, error) {
	s.generation++
	env := exec.NewEnv(os.Environ())
	if err := env.Set("GENERATION", []byte(strconv.Itoa(s.generation))); err != nil {
		return nil, err
	}
	if name, value, ok := s.notifier.Env(); ok {
		if err := env.Set(name, []byte(value)); err != nil {
			return nil, err
		}
	}
	s.listen.Env(env)
	child, err := s.spawner.Start(exec.Spec{Argv: s.argv, Env: env.List(), Death: syscall.SIGKILL, Files: s.listen.Descriptors()})
	if err != nil {
		return nil, err
	}
	s.notifier.Child(child)
	return child, nil
}

// restart replaces the command, and keeps the watchdog quiet until the new one is ready.
func (s *service) restart(old *exec.Child) (*exec.Child, error) {
	s.notifier.Reloading()
	limit := exec.WatchdogTimeout(os.Environ(), os.Getpid())
	if limit > 0 {
		tick := time.NewTicker(limit / 2)
		go func() {
			for range tick.C {
				s.notifier.Watchdog()
			}
		}()
	}
	old.Stop(syscall.SIGTERM, 10*time.Second)
	s.notifier.Child(nil)
	return s.start()
}
