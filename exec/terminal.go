package exec

// Terminal is how a child stands to the controlling terminal of this process.
type Terminal int

const (
	// TerminalShare leaves the child in the process group of this process, so that
	// the job control of a shell takes the two for one program.
	TerminalShare Terminal = iota
	// TerminalGroup gives the child a process group of its own, and no terminal.
	TerminalGroup
	// TerminalForeground gives the child a process group of its own and makes it
	// the foreground group of the terminal.
	TerminalForeground
)

// String describes t for debug output.
func (t Terminal) String() string {
	switch t {
	case TerminalGroup:
		return "a process group of its own, without a terminal"
	case TerminalForeground:
		return "a process group of its own, in the foreground of the terminal"
	}
	return "the process group of pylee"
}
