package config

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/pyleeai/pylee/internal/format"
)

const (
	signalPattern = "^(SIG)?[A-Z0-9]+$"
	modePattern   = "^0?[0-7]{3}$"
)

// The functions below say why a node is wrong though it is of the right kind, or
// nothing. They never quote it.

func notEmpty(n *format.Node) string {
	if n.Text == "" || strings.ContainsRune(n.Text, 0) {
		return "must not be empty"
	}
	return ""
}

func versionFault(n *format.Node) string {
	switch {
	case isNewer(n):
		return "this config needs a newer pylee; this one reads version 1"
	case n.Text != "1":
		return "must be 1"
	}
	return ""
}

func isNewer(n *format.Node) bool {
	v, err := strconv.Atoi(n.Text)
	return n.Kind == format.Number && err == nil && v > 1
}

func listFault(n *format.Node) string {
	if len(n.Items) == 0 {
		return "must not be empty"
	}
	return ""
}

func argvFault(n *format.Node) string {
	if len(n.Items) == 0 || n.Items[0].Text == "" {
		return "must begin with a program"
	}
	for _, item := range n.Items {
		if strings.ContainsRune(item.Text, 0) {
			return "an argument holds a NUL byte"
		}
	}
	return ""
}

func verifyFault(n *format.Node) string {
	for _, item := range n.Items {
		if item.Kind != n.Items[0].Kind {
			return "must be one list of arguments or a list of such lists"
		}
	}
	if len(n.Items) > 0 && n.Items[0].Kind != format.List {
		return argvFault(n)
	}
	return ""
}

func entryFault(n *format.Node) string {
	if isSet(n.Lookup("value")) && isSet(n.Lookup("template")) {
		return "value and template exclude each other"
	}
	return ""
}

func isSet(n *format.Node) bool { return n != nil && n.Kind != format.Null }

func regexpFault(n *format.Node) string {
	_, err := regexp.Compile(n.Text)
	var e *syntax.Error
	if errors.As(err, &e) {
		return "not a regular expression of RE2: " + string(e.Code)
	}
	return ""
}

func modeFault(n *format.Node) string {
	switch strings.TrimPrefix(n.Text, "0") {
	case "400", "440":
		return ""
	}
	return `must be "0400", or "0440" with a group`
}

func backoffFault(n *format.Node) string {
	if _, _, ok := parseBackoff(n.Text); !ok {
		return "must be a duration such as 1s, or a range such as 1s..1m"
	}
	return ""
}

// parseBackoff reads LOW..HIGH, or one duration that is both.
func parseBackoff(text string) (low, high time.Duration, ok bool) {
	from, to, ranged := strings.Cut(text, "..")
	low, ok = ParseDuration(from)
	if !ranged || !ok {
		return low, low, ok && low >= 0
	}
	high, ok = ParseDuration(to)
	return low, high, ok && low >= 0 && high >= low
}

func signalFault(n *format.Node) string {
	if _, ok := parseSignal(n.Text); !ok {
		return "unknown signal" + suggestion(n.Text, signalNames())
	}
	return ""
}

func stopFault(n *format.Node) string {
	if sig, ok := parseSignal(n.Text); ok && !ordinary(sig) {
		return "this signal cannot stop a program in order"
	}
	return signalFault(n)
}

func stopAdvice(n *format.Node) string {
	switch sig, _ := parseSignal(n.Text); {
	case sig == syscall.SIGKILL:
		return "kill_after: 30s sends KILL, that long after a signal to stop"
	case sig != 0 && !ordinary(sig):
		return "use a signal that the program ends by, such as SIGTERM, SIGINT, SIGQUIT, SIGUSR1 or SIGWINCH"
	}
	return ""
}

func ignoreFault(n *format.Node) string {
	switch sig, ok := parseSignal(n.Text); {
	case !ok:
		return signalFault(n)
	case uncatchable(sig):
		return "this signal cannot be ignored"
	}
	return ""
}

func envReactionFault(n *format.Node) string {
	if n.Text == actionRestart || n.Text == actionNone {
		return ""
	}
	if _, ok := parseSignal(n.Text); ok {
		return "a running process cannot see a new environment, so a signal does nothing: use restart, none or {exec: [...]}, or a file"
	}
	return "must be restart, none or {exec: [...]}" + suggestion(n.Text, []string{actionRestart, actionNone})
}

func fileReactionFault(n *format.Node) string {
	if n.Text == actionRestart || n.Text == actionNone {
		return ""
	}
	if sig, ok := parseSignal(n.Text); ok {
		if !ordinary(sig) {
			return "this signal cannot tell a program to read a file again"
		}
		return ""
	}
	return "must be restart, none, a signal such as SIGHUP or {exec: [...]}" +
		suggestion(n.Text, append(signalNames(), actionRestart, actionNone))
}

func fileReactionAdvice(n *format.Node) string {
	if sig, ok := parseSignal(n.Text); ok && !ordinary(sig) {
		return "use a signal that the program handles, such as SIGHUP or SIGUSR1, or restart"
	}
	return ""
}

// The functions below say why a key is wrong.

func variableNameFault(name string) string {
	if name == "" || strings.ContainsAny(name, "=\x00") {
		return "the name of a variable must not be empty and not hold = or NUL"
	}
	return ""
}

func targetNameFault(name string) string {
	if name == "" {
		return "the name of a target must not be empty"
	}
	return ""
}

func fileNameFault(name string) string {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") || len(name) > 255 {
		return "must be the name of a file, without a directory"
	}
	if strings.HasPrefix(name, ".pylee-") || strings.Contains(name, "\n") {
		return "cannot be the name of a file: .pylee- begins pylee's own, and none has a newline"
	}
	return ""
}

func environmentNameFault(name string) string {
	for i, r := range name {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		if !letter && (i == 0 || !strings.ContainsRune("._-", r)) {
			return "the name of an environment is made of letters, digits and . _ -"
		}
	}
	if name == "" || len(name) > maxQuoted {
		return "the name of an environment has 1 to 64 characters"
	}
	return ""
}

func instanceNameFault(name string) string {
	for i, r := range name {
		if !(r >= 'a' && r <= 'z') && (i == 0 || r != '_' && !(r >= '0' && r <= '9')) {
			return "the name of a provider is made of lower case letters, digits and _, a letter first"
		}
	}
	switch name {
	case "":
		return "the name of a provider must not be empty"
	case "secret":
		return "this name is taken: secret_provider says what it means"
	case "env", "var":
		return "this name is taken and has nothing to set"
	}
	return ""
}
