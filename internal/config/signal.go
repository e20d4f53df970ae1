package config

import (
	"strings"
	"syscall"
)

// signals that Linux and macOS have in common, sorted by the name of signal(7).
var signals = []struct {
	name string
	is   syscall.Signal
}{
	{"SIGABRT", syscall.SIGABRT}, {"SIGALRM", syscall.SIGALRM}, {"SIGBUS", syscall.SIGBUS},
	{"SIGCHLD", syscall.SIGCHLD}, {"SIGCONT", syscall.SIGCONT}, {"SIGFPE", syscall.SIGFPE},
	{"SIGHUP", syscall.SIGHUP}, {"SIGILL", syscall.SIGILL}, {"SIGINT", syscall.SIGINT},
	{"SIGIO", syscall.SIGIO}, {"SIGKILL", syscall.SIGKILL}, {"SIGPIPE", syscall.SIGPIPE},
	{"SIGPROF", syscall.SIGPROF}, {"SIGQUIT", syscall.SIGQUIT}, {"SIGSEGV", syscall.SIGSEGV},
	{"SIGSTOP", syscall.SIGSTOP}, {"SIGSYS", syscall.SIGSYS}, {"SIGTERM", syscall.SIGTERM},
	{"SIGTRAP", syscall.SIGTRAP}, {"SIGTSTP", syscall.SIGTSTP}, {"SIGTTIN", syscall.SIGTTIN},
	{"SIGTTOU", syscall.SIGTTOU}, {"SIGURG", syscall.SIGURG}, {"SIGUSR1", syscall.SIGUSR1},
	{"SIGUSR2", syscall.SIGUSR2}, {"SIGVTALRM", syscall.SIGVTALRM}, {"SIGWINCH", syscall.SIGWINCH},
	{"SIGXCPU", syscall.SIGXCPU}, {"SIGXFSZ", syscall.SIGXFSZ},
}

// parseSignal reads SIGTERM or TERM. Numbers are refused: they differ between
// systems.
func parseSignal(name string) (syscall.Signal, bool) {
	name = "SIG" + strings.TrimPrefix(name, "SIG")
	for _, s := range signals {
		if s.name == name {
			return s.is, true
		}
	}
	return 0, false
}

func uncatchable(sig syscall.Signal) bool { return sig == syscall.SIGKILL || sig == syscall.SIGSTOP }

// ordinary tells whether a program can take sig for an order: not those that it never
// sees or that stop and continue it, those that tell of a child or of a broken pipe, and
// those that the runtimes of languages keep for themselves.
func ordinary(sig syscall.Signal) bool {
	switch sig {
	case syscall.SIGCHLD, syscall.SIGCONT, syscall.SIGPIPE, syscall.SIGPROF, syscall.SIGURG,
		syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU:
		return false
	}
	return !uncatchable(sig)
}

func signalNames() []string {
	names := make([]string, len(signals))
	for i, s := range signals {
		names[i] = s.name
	}
	return names
}
