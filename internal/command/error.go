package command

import (
	"fmt"
	"syscall"
)

// Reason tells in which way a tool gave no output.
type Reason int

// The reasons.
const (
	Refused    Reason = iota // somebody else could have changed the program; Detail tells how
	NotStarted               // the system could not execute it; Err is a syscall.Errno
	Exited                   // with a Status other than 0
	Signalled                // by Signal
	Stopped                  // because the context was done; Err is that of the context
	Flooded                  // more output than allowed
)

// Error is the failure of a tool.
type Error struct {
	Reason Reason
	Status int            // for Exited
	Signal syscall.Signal // for Signalled
	Err    error          // for NotStarted and Stopped
	Detail string         // for Refused
	Hint   string         // command that mends it; may be empty

	// Said is the first line of the standard error, at most 200 bytes, printable, and
	// without what looks like a secret. It may be empty.
	Said string
}

// Error tells what happened, without the name of the program.
func (e *Error) Error() string {
	text := e.what()
	if e.Said != "" {
		text += ": " + e.Said
	}
	return text
}

func (e *Error) what() string {
	switch e.Reason {
	case Refused:
		return e.Detail
	case NotStarted:
		return "cannot be executed: " + e.Err.Error()
	case Exited:
		return fmt.Sprintf("exit status %d", e.Status)
	case Signalled:
		return "ended by signal " + name(e.Signal)
	case Flooded:
		return "too much output"
	case Stopped:
		return "did not end in time and was killed"
	}
	return "failed"
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }
