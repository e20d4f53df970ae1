package config

import (
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/pyleeai/pylee/internal/format"
)

// Text is a text of the config, mostly a template, with everything that was said
// about it.
type Text struct {
	Value string
	Dir   string       // where relative paths in it start: the directory of its file
	Node  *format.Node // as written

	Source      string // path of the file it is written in
	Layer       string // of that file
	Environment string // the environment it is written in; empty: the base
	Said        []Said // what lower layers said instead, lowest first
	Template    bool   // it is the content of a template file
	Confine     string // of its file: what it names must lie below; empty: anywhere
}

// At returns file:line:col of the byte at offset of Value.
func (t *Text) At(offset int) string {
	if !t.Template {
		return t.Node.At(offset).String()
	}
	before := t.Value[:min(max(offset, 0), len(t.Value))]
	pos := t.Node.Pos
	pos.Line += strings.Count(before, "\n")
	pos.Col = len(before) - strings.LastIndexByte(before, '\n')
	return pos.String()
}

// Said is what a layer says about a text that a higher one replaces.
type Said struct {
	Source      string // path of the file
	Layer       string // of that file
	Environment string // environment it is written in; empty: the base
	Pos         format.Pos
	Value       string // as written, references included
	Removed     bool   // the layer says null
}

// Field is a named text with its rules: a variable, a header, or what a file holds.
type Field struct {
	Name     string
	KeyPos   format.Pos
	*Text         // nil: only rules are given, for what comes from a lower place
	Remove   bool // the name is taken away, also from the inherited environment
	Rules    Rules
	OnChange OnChange
	MaxStale time.Duration // zero: not set
	OnStale  string        // keep, restart, stop; empty: not set
}

// At returns file:line:col of the byte at offset of the text, or the place of the key
// if there is none.
func (f Field) At(offset int) string {
	if f.Text == nil {
		return f.KeyPos.String()
	}
	return f.Text.At(offset)
}

// The actions of OnChange.
const (
	actionRestart = "restart"
	actionNone    = "none"
	actionSignal  = "signal"
	actionExec    = "exec"
)

// OnChange is what follows when a value changes.
type OnChange struct {
	Action string         // "restart", "none", "signal", "exec"; empty: the default
	Signal syscall.Signal // for "signal"
	Hook   *Hook          // for "exec"
	Pos    format.Pos
}

// Hook is a program to run, without a shell.
type Hook struct {
	Argv []string // at least the program
	Dir  string   // where a relative program starts: the directory of the file
	Pos  format.Pos
}

// Provider is the block of an instance.
type Provider struct {
	Name     string // as in references
	Kind     string // type, else the name
	Pos      format.Pos
	Prefix   string
	Poll     time.Duration // zero: not set
	Timeout  time.Duration // zero: not set
	Fallback []string
	Settings *format.Node // the whole block, a map
}

// Target is a command named in the config.
type Target struct {
	Name     string
	Pos      format.Pos
	Command  *Text // nil: a remote server, which is not run
	Args     []*Text
	Cwd      *Text
	Env      []Field // of this target alone
	Files    []File  // of this target alone
	Watch    Watch   // laid over the general one, and so are the next two
	Child    Child
	Rotation Rotation
	URL      *Text
	Headers  []Field
	Type     string
	Foreign  bool // written in a file of another program
}

// File is a file for the child, or a directory of files that change together.
type File struct {
	Name        string
	Pos         format.Pos
	Set         bool
	Dir         *Text       // of a set; nil: the default
	Entries     []FileEntry // of a set; else exactly one
	OnChange    OnChange    // of a set
	Credentials bool
}

// FileEntry is one file.
type FileEntry struct {
	Field
	Mode     os.FileMode // zero: the default
	Owner    string
	Group    string
	Format   string
	Delivery string
}

// Watch says how changes are noticed. Defaults are filled in.
type Watch struct {
	Enabled  bool
	Interval time.Duration
	Quiet    time.Duration
	Splay    time.Duration
	Pos      format.Pos // of enabled; zero: not set
}

// Child says how the child runs. Nil and zero: not set.
type Child struct {
	User, Group           string
	StopSignal            syscall.Signal
	StopGrace             *time.Duration
	Ready                 *Ready
	Restart               *Restart
	DropEnv, KeepEnv      []string
	IgnoreSignals         []syscall.Signal
	SignalGroup           bool
	Notify                string
	ReloadSignalIsRefresh bool
	Overlap               bool
	KillAfter             *time.Duration
	Pos                   format.Pos
}

// Ready says how the child shows that it is ready.
type Ready struct {
	Kind  string // notify, tcp, http, exec, alive
	TCP   string
	HTTP  string
	Exec  *Hook
	Alive time.Duration
	Pos   format.Pos
}

// Restart is the budget of restarts. Nil: not set.
type Restart struct {
	Max                    *int
	Window                 *time.Duration
	BackoffLow, BackoffTop *time.Duration
}

// Rotation says how new values are put to use. Defaults are filled in.
type Rotation struct {
	Verify      []*Hook
	Rollback    bool
	ReadyWithin time.Duration
	MinInterval time.Duration
	Lease       string
	Pos         format.Pos
}
