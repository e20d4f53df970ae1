package integration

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/pyleeai/pylee/providers"
)

// try runs a cell, and judges what is there then.
func (h *storeHome) try(t *testing.T, c storeCell, s states, y *tally) {
	h.restore(t, c.from)
	f := h.file(c.store)
	o := cellEnd{storeCell: c, states: s, h: h, old: bytesOf(t, f.Path), backup: bytesOf(t, f.Path+".bak")}
	o.code, o.said, o.log = h.traced(t, c.mutation, "trace="+c.call, "inject="+c.call+":"+c.inject+":when="+strconv.Itoa(c.when))
	if !o.met() {
		return
	}
	y.count(&o)
	o.judge(t, y)
}

// A cellEnd is what a cell left.
type cellEnd struct {
	storeCell
	states
	h           *storeHome
	old, backup []byte // the store and its backup before
	code        int
	said, log   string
	accepted    bool // the list of recipients had to be accepted
}

func (o *cellEnd) killed() bool { return o.code < 0 }

// met tells whether there was a fault.
func (o *cellEnd) met() bool {
	return o.killed() || strings.Contains(o.log, "(INJECTED)") || strings.Contains(o.log, "killed by SIGKILL")
}

// saying tells whether it was in what the command prints.
func (o *cellEnd) saying() bool {
	for line := range strings.Lines(o.log) {
		if strings.Contains(line, "(INJECTED)") && (strings.Contains(line, " write(1, ") || strings.Contains(line, " write(2, ")) {
			return true
		}
	}
	return false
}

func (o *cellEnd) errorf(t *testing.T, format string, args ...any) {
	t.Helper()
	var met []string
	for line := range strings.Lines(o.log) {
		if strings.Contains(line, "(INJECTED)") || o.killed() {
			met = append(met, line)
		}
	}
	t.Errorf(o.String()+": "+format+"; status %d, said %q, trace:\n%s", append(args, o.code, o.said, strings.Join(met[max(0, len(met)-8):], ""))...)
}

func (o *cellEnd) judge(t *testing.T, y *tally) {
	t.Helper()
	if found := readable(t, o.h.home); len(found) > 0 {
		o.errorf(t, "plaintext in %q", found)
	}
	o.judgeMemory(t)
	o.judgeStatus(t)
	backup := bytesOf(t, o.h.file(o.store).Path+".bak")
	if o.code == 0 && o.store == "" {
		o.judgeHeight(t)
	}
	if o.code != 0 && len(temporary(t, o.h.home)) > 0 {
		y.leftover.Add(1)
	}
	now, ok := o.opens(t)
	if !ok {
		return
	}
	fresh := now == o.after
	switch {
	case !fresh && now != o.before && now != o.between:
		o.errorf(t, "corrupt: %s", now)
		return
	case o.code == 0 && !fresh:
		o.errorf(t, "acknowledged and lost")
	case o.accepted:
	case o.code > 0 && fresh && !strings.Contains(o.said, "written") && !o.saying():
		o.errorf(t, "it is written, and that is not told")
	case o.code != 0 && fresh:
		y.newer.Add(1)
	}
	o.judgeBackup(t, backup, fresh, y)
	if o.code == 0 {
		o.judgePin(t)
	}
	o.judgeNext(t, now)
}

// judgeMemory looks for what an editor was given: only a command that was killed may
// leave it, to the next one.
func (o *cellEnd) judgeMemory(t *testing.T) {
	t.Helper()
	left := readable(t, o.h.runtime)
	if len(left) > 0 && !o.killed() && !strings.Contains(o.log, o.h.runtime) {
		o.errorf(t, "plaintext in memory: %q", left)
	}
	if len(left) == 0 {
		return
	}
	next := o.h.command("", filepath.Join(o.h.bin, "pylee"), "secret", "edit", nameCanary+"_b")
	next.Env = append(next.Env, "EDITOR=true")
	next.Run() //nolint:errcheck // the store may be gone
	if left := readable(t, o.h.runtime); len(left) > 0 {
		o.errorf(t, "plaintext in memory after the next start: %q", left)
	}
}

// judgeStatus wants an error of a disk or of rights, in words.
func (o *cellEnd) judgeStatus(t *testing.T) {
	t.Helper()
	switch {
	case o.killed(), o.code == 0, o.saying():
	case o.code == 66 && o.from == "empty": // it was looked for in vain, which is true
	case o.code == 78 && strings.HasPrefix(o.said, "pylee: /etc/pylee/"): // what may be a policy and cannot be looked at refuses
	case o.code == 126 && strings.HasPrefix(o.said, "pylee: /usr/bin/cp: "): // the editor does not start
	case o.code != 1 && o.code != 75 && o.code != 77:
		o.errorf(t, "the wrong exit status")
	case !strings.Contains(o.said, "pylee: "), strings.Contains(o.said, "goroutine "), strings.Contains(o.said, "tampered"):
		o.errorf(t, "the wrong words")
	}
}

// opens returns what the store holds, and whether there is one. A list of recipients
// that was written before the store has to be accepted first.
func (o *cellEnd) opens(t *testing.T) (now string, there bool) {
	t.Helper()
	f := o.h.file(o.store)
	var args []string
	if o.store != "" {
		args = []string{"--store", f.Path}
	}
	code, said := o.h.secret(t, "", append([]string{"verify"}, args...)...)
	if code == 65 && o.relists && strings.Contains(said, "differs from the recipients inside") && o.code != 0 {
		o.h.good(t, "", "recipients", "accept", "--yes")
		o.accepted = true
		code, said = o.h.secret(t, "", "verify")
	}
	if code == 66 && o.from == "empty" && o.code != 0 {
		if code, said := o.h.secret(t, valueCanary, "set", "next"); code != 0 {
			o.errorf(t, "the next write: %d: %s", code, said)
		}
		return "", false
	}
	if code != 0 {
		o.errorf(t, "verify: status %d: %s", code, said)
	}
	now, err := content(f)
	if err != nil {
		o.errorf(t, "the store does not open: %v", err)
	}
	return now, err == nil
}

// judgeBackup wants the state before the last change, or what was there before.
func (o *cellEnd) judgeBackup(t *testing.T, backup []byte, fresh bool, y *tally) {
	t.Helper()
	is := func(b []byte) bool { return bytes.Equal(backup, b) }
	var right bool
	switch {
	case o.old == nil: // there was no store
		right = backup == nil
		if !right {
			kept := o.h.file(".pylee/backup")
			must(t, os.WriteFile(kept.Path, backup, 0o600))
			kept.StateDir = ""
			got, err := content(kept)
			right = err == nil && got == o.between
			must(t, os.Remove(kept.Path))
		}
	case o.noBackup:
		right = is(o.backup)
	case !fresh: // a link to the store itself, made just before it would be replaced
		right = is(o.backup) || is(o.old)
	case o.destroys:
		right = backup == nil || o.code != 0 && is(o.backup)
	default:
		right = is(o.old) || o.relists && o.code != 0
	}
	if !right {
		o.errorf(t, "the backup has %d bytes; it had %d, the store %d", len(backup), len(o.backup), len(o.old))
	}
	if backup == nil && !o.noBackup && !o.destroys {
		y.nobackup.Add(1)
	}
}

// judgeHeight wants what was acknowledged to be pinned, before anything opens the store.
func (o *cellEnd) judgeHeight(t *testing.T) {
	t.Helper()
	generation, _, _ := strings.Cut(strings.TrimPrefix(o.after, "generation "), "\n")
	pins, err := filepath.Glob(filepath.Join(o.h.home, ".local/state/pylee/stores/*[0-9a-f]"))
	must(t, err)
	for _, path := range pins {
		if pin := string(bytesOf(t, path)); strings.Contains(pin, `"`+o.h.file("").Path+`"`) && strings.Contains(pin, `"generation":`+generation+"}") {
			return
		}
	}
	o.errorf(t, "generation %s is acknowledged, and no pin has it: %q", generation, pins)
}

// judgePin wants the old store refused once the new one is acknowledged.
func (o *cellEnd) judgePin(t *testing.T) {
	t.Helper()
	f := o.h.file(o.store)
	if o.old == nil || o.store != "" {
		return
	}
	now := bytesOf(t, f.Path)
	must(t, os.WriteFile(f.Path, o.old, 0o600))
	_, err := f.Open()
	if providers.ReasonOf(err) != providers.ReasonIntegrity {
		o.errorf(t, "the old store is not refused: %v", err)
	}
	must(t, os.WriteFile(f.Path, now, 0o600))
}

// judgeNext writes once more: that must do, and sweep what was left.
func (o *cellEnd) judgeNext(t *testing.T, now string) {
	t.Helper()
	f := o.h.file("")
	if o.store != "" { // git would do the same again
		if code, said := o.h.secret(t, o.stdin, o.argv...); code != 0 {
			o.errorf(t, "once more: %d: %s", code, said)
		}
		return
	}
	if err := setOnce(f); err != nil {
		o.errorf(t, "the next write: %v", err)
		return
	}
	after, err := content(f)
	if err != nil || !strings.Contains(after, valueCanary) || after == now {
		o.errorf(t, "after the next write: %v: %s", err, after)
	}
	for _, path := range temporary(t, o.h.home) {
		if !strings.Contains(path, ".recipients.") { // public keys; the next change of them sweeps
			o.errorf(t, "left after the next write: %s", path)
		}
	}
}

// temporary returns the temporary files of writers below dir.
func temporary(t *testing.T, dir string) (found []string) {
	t.Helper()
	for _, sub := range []string{".pylee", ".pylee/secrets", ".local/state/pylee/stores", "repo"} {
		list, err := filepath.Glob(filepath.Join(dir, sub, ".*.tmp"))
		must(t, err)
		found = append(found, list...)
	}
	return found
}
