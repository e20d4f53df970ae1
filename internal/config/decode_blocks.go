package config

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/pyleeai/pylee/internal/format"
)

// What holds where a config says nothing.
const (
	defaultInterval    = 5 * time.Minute
	defaultQuiet       = 2 * time.Second
	defaultReadyWithin = 30 * time.Second
	defaultMinInterval = 30 * time.Second
)

func dirOf(file string) string { return filepath.Dir(file) }

// compile returns the expression, whose syntax was checked before, or nil.
func compile(text string) *regexp.Regexp {
	re, err := regexp.Compile(text)
	if err != nil {
		return nil
	}
	return re
}

// fieldsOf splits A,B.
func fieldsOf(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
}

func (d *decoder) filesOf(n *format.Node, path string) []File {
	if n == nil {
		return nil
	}
	var list []File
	for _, e := range n.Entries {
		if e.Value.Kind == format.Null {
			continue
		}
		f := File{Name: e.Key, Pos: e.KeyPos}
		at := join(path, e.Key)
		if isFileSet(e.Value) {
			d.fileSet(&f, e.Value, at)
		} else {
			f.Entries = []FileEntry{d.fileEntry(e, path)}
		}
		list = append(list, f)
	}
	return list
}

func isFileSet(n *format.Node) bool {
	for _, mark := range fileSet.marks {
		if n.Lookup(mark) != nil {
			return true
		}
	}
	return false
}

func (d *decoder) fileSet(f *File, n *format.Node, path string) {
	f.Set = true
	f.Dir = d.Text(get(n, "dir"))
	f.OnChange = d.onChange(get(n, "on_change"))
	f.Credentials = flag(get(n, "credentials"), false)
	entries := get(n, "entries")
	if entries == nil {
		if !d.bad[n.Lookup("entries")] {
			d.addAt(f.Pos, path+": a set of files needs entries", "")
		}
		return
	}
	for _, e := range entries.Entries {
		if e.Value.Kind != format.Null {
			f.Entries = append(f.Entries, d.fileEntry(e, join(path, "entries")))
		}
	}
}

func (d *decoder) fileEntry(e format.Entry, path string) FileEntry {
	entry := FileEntry{Field: d.field(e, path, false)}
	n := e.Value
	if entry.Text == nil && !d.bad[n.Lookup("value")] && !d.bad[n.Lookup("template")] {
		d.addAt(e.KeyPos, join(path, e.Key)+": a file needs a value or a template", "")
	}
	if mode := get(n, "mode"); mode != nil {
		bits, _ := strconv.ParseUint(mode.Text, 8, 32) //nolint:errcheck // checked before
		entry.Mode = os.FileMode(bits)
	}
	entry.Owner, entry.Group = word(get(n, "owner")), word(get(n, "group"))
	entry.Format, entry.Delivery = word(get(n, "format")), word(get(n, "delivery"))
	return entry
}

func (d *decoder) watchOf(n *format.Node) Watch {
	w := Watch{
		Enabled:  flag(get(n, "enabled"), false),
		Interval: durationOf(get(n, "interval"), defaultInterval),
		Quiet:    durationOf(get(n, "quiet"), defaultQuiet),
		Splay:    durationOf(get(n, "splay"), 0),
	}
	if enabled := get(n, "enabled"); enabled != nil {
		w.Pos = enabled.Pos
	}
	return w
}

func (d *decoder) childOf(n *format.Node) Child {
	if !isSet(n) {
		return Child{}
	}
	c := Child{
		User: word(get(n, "user")), Group: word(get(n, "group")),
		StopSignal: signalOf(get(n, "stop_signal")),
		StopGrace:  durationIn(n, "stop_grace"),
		Ready:      d.ready(get(n, "ready")),
		Restart:    restart(get(n, "restart")),
		DropEnv:    stringsOf(get(n, "drop_env")), KeepEnv: stringsOf(get(n, "keep_env")),
		SignalGroup:           flag(get(n, "signal_group"), false),
		Notify:                word(get(n, "notify")),
		ReloadSignalIsRefresh: flag(get(n, "reload_signal_is_refresh"), false),
		Overlap:               flag(get(n, "overlap"), false),
		KillAfter:             durationIn(n, "kill_after"),
		Pos:                   n.Pos,
	}
	for _, item := range scalars(get(n, "ignore_signals")) {
		c.IgnoreSignals = append(c.IgnoreSignals, signalOf(item))
	}
	return c
}

func (d *decoder) ready(n *format.Node) *Ready {
	if n == nil {
		return nil
	}
	r := &Ready{
		TCP: word(get(n, "tcp")), HTTP: word(get(n, "http")),
		Exec: d.hook(get(n, "exec")), Alive: durationOf(get(n, "alive"), 0), Pos: n.Pos,
	}
	for _, e := range n.Entries {
		if isSet(e.Value) {
			r.Kind = e.Key
		}
	}
	return r
}

func restart(n *format.Node) *Restart {
	if n == nil {
		return nil
	}
	r := &Restart{Window: durationIn(n, "window")}
	if m := get(n, "max"); m != nil {
		r.Max = new(intOf(m))
	}
	if b := get(n, "backoff"); b != nil {
		low, top, _ := parseBackoff(b.Text)
		r.BackoffLow, r.BackoffTop = new(low), new(top)
	}
	return r
}

func (d *decoder) rotationOf(n *format.Node) Rotation {
	r := Rotation{
		Rollback:    flag(get(n, "rollback"), true),
		ReadyWithin: durationOf(get(n, "ready_within"), defaultReadyWithin),
		MinInterval: durationOf(get(n, "min_interval"), defaultMinInterval),
		Lease:       word(get(n, "lease")),
	}
	if !isSet(n) {
		return r
	}
	r.Pos = n.Pos
	verify := get(n, "verify")
	switch items := scalars(verify); {
	case len(items) == 0:
	case items[0].Kind == format.List:
		for _, item := range items {
			r.Verify = append(r.Verify, d.hook(item))
		}
	default:
		r.Verify = []*Hook{d.hook(verify)}
	}
	return r
}
