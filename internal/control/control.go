// Package control is the socket of a running pylee, and how others of its user talk to
// it: what it does, what it waits for, and a few wishes. It carries names, versions and
// times, and never a value.
//
// A socket is DIR/PID.sock, and only its user and root are heard. A client sends one
// Request as a line of JSON; replies follow, a line each, until the server closes:
//
//	{"command":"status"}
//	{"status":{"pid":4242,"child":4250,"state":"running",...}}
//
// The package decides nothing: the handler that Listen is given does.
package control

import (
	"path/filepath"
	"time"
)

// Bounds of what is read and of how long it may take.
const (
	maxRequest = 4 << 10 // bytes of a line
	maxReply   = 1 << 20
	maxClients = 16

	requestWithin = 2 * time.Second // for a client to say what it wants
	writeWithin   = 5 * time.Second // for a client to read a reply
	refuseWithin  = 100 * time.Millisecond
)

// Commands of a Request.
const (
	CommandStatus   = "status"   // one reply with a Status
	CommandWatch    = "watch"    // a reply with a Status now and at each change
	CommandRefresh  = "refresh"  // look again now
	CommandRollback = "rollback" // return to the last good values
	CommandPlan     = "plan"     // what would change
)

// Request is what a client asks.
type Request struct {
	Command string `json:"command"`
}

// Reply is an answer or a part of it.
type Reply struct {
	Status  *Status  `json:"status,omitempty"`
	Message string   `json:"message,omitempty"`
	Error   string   `json:"error,omitempty"` // why it could not be done; the last reply
	Changes []Change `json:"changes,omitempty"`
}

// Status is what a pylee is doing. No text in it holds a value.
type Status struct {
	Pid         int       `json:"pid"`
	Child       int       `json:"child"`   // 0: none at the moment
	Command     string    `json:"command"` // the program's name, without arguments
	State       string    `json:"state"`
	Since       time.Time `json:"since,omitzero"` // it is in that state
	Generation  int       `json:"generation"`
	Started     time.Time `json:"started,omitzero"` // the child
	Degraded    []string  `json:"degraded"`         // why; empty: not
	Pending     *Pending  `json:"pending,omitempty"`
	Pinned      []Change  `json:"pinned,omitempty"` // new values that failed and are not tried again
	LastError   string    `json:"last_error,omitempty"`
	LastErrorAt time.Time `json:"last_error_at,omitzero"`
	Restarts    int       `json:"restarts"`
	Secrets     []Secret  `json:"secrets"`
}

// Pending is a reaction that waits.
type Pending struct {
	Why      string    `json:"why"`
	Until    time.Time `json:"until,omitzero"`
	Reaction string    `json:"reaction"`
	Changes  []Change  `json:"changes"`
}

// Change is a variable or file with another value than before.
type Change struct {
	Name     string `json:"name"`
	From     string `json:"from,omitempty"` // version
	To       string `json:"to,omitempty"`
	Reaction string `json:"reaction,omitempty"`
}

// Secret is a variable or file and where it comes from.
type Secret struct {
	Name    string   `json:"name"`
	Sources []Source `json:"sources"`
}

// Source is a reference and what was last read for it.
type Source struct {
	Reference string    `json:"reference"`
	Provider  string    `json:"provider"` // instance
	Version   string    `json:"version,omitempty"`
	Fetched   time.Time `json:"fetched,omitzero"` // last good read
	Expires   time.Time `json:"expires,omitzero"`
	Stale     bool      `json:"stale"`           // the last read failed
	Lease     string    `json:"lease,omitempty"` // what remains of it, for people
}

// Dirs returns the directories where the sockets of a user are, the one to take first:
// $XDG_RUNTIME_DIR/pylee, and for root /run/pylee. It may be empty.
func Dirs(environ map[string]string, uid int) []string {
	var dirs []string
	if runtime := environ["XDG_RUNTIME_DIR"]; filepath.IsAbs(runtime) {
		dirs = append(dirs, filepath.Join(runtime, "pylee"))
	}
	if uid == 0 {
		dirs = append(dirs, "/run/pylee")
	}
	return dirs
}
