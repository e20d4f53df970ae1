package control

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Text returns what people see of a status, in lines. Nothing in it moves a cursor. now
// is what ages are counted from.
func Text(s Status, now time.Time) string {
	var t table
	head := []string{printable(s.State) + since(s.Since, now)}
	if s.Generation > 0 {
		head = append(head, "generation "+strconv.Itoa(s.Generation))
	}
	t.row("pylee "+strconv.Itoa(s.Pid), strings.Join(head, ", "))
	t.row("command", printable(s.Command))
	t.row("child", s.child(now))
	for _, why := range s.Degraded {
		t.row("degraded", printable(why))
	}
	if p := s.Pending; p != nil {
		t.row("pending", p.text(now))
		t.changes(p.Changes)
	}
	if len(s.Pinned) > 0 {
		t.row("pinned", "these values failed and wait for another change, or for: pylee refresh")
		t.changes(s.Pinned)
	}
	if s.LastError != "" {
		t.row("last error", printable(s.LastError)+since(s.LastErrorAt, now))
	}
	return t.text() + secretsText(s.Secrets, now)
}

// child tells what is known of the child.
func (s Status) child(now time.Time) string {
	if s.Child == 0 {
		return "none" + s.restarts()
	}
	text := "pid " + strconv.Itoa(s.Child)
	if !s.Started.IsZero() {
		text += ", started " + ago(s.Started, now)
	}
	return text + s.restarts()
}

func (s Status) restarts() string {
	switch s.Restarts {
	case 0:
		return ""
	case 1:
		return ", 1 restart"
	}
	return fmt.Sprintf(", %d restarts", s.Restarts)
}

// text tells what will happen, when and why.
func (p *Pending) text(now time.Time) string {
	text := printable(p.Reaction)
	if !p.Until.IsZero() {
		text += " " + in(p.Until, now)
	}
	if p.Why != "" {
		text += ": " + printable(p.Why)
	}
	return strings.TrimSpace(text)
}

// secretsText has a line for each source.
func secretsText(secrets []Secret, now time.Time) string {
	if len(secrets) == 0 {
		return ""
	}
	t := table{indent: "  "}
	for _, secret := range secrets {
		name := printable(secret.Name)
		if len(secret.Sources) == 0 {
			t.row(name)
		}
		for _, source := range secret.Sources {
			t.row(name, printable(source.Reference), version(source.Version), source.state(now))
			name = ""
		}
	}
	return "secrets\n" + t.text()
}

// state tells how old the value is and how long it lasts.
func (s Source) state(now time.Time) string {
	var parts []string
	if !s.Fetched.IsZero() {
		parts = append(parts, "read "+ago(s.Fetched, now))
	}
	if s.Stale {
		parts = append(parts, "stale: the last read failed")
	}
	if !s.Expires.IsZero() {
		word := "expires "
		if !s.Expires.After(now) {
			word = "expired "
		}
		parts = append(parts, word+relative(s.Expires, now))
	}
	if s.Lease != "" {
		parts = append(parts, "lease "+printable(s.Lease))
	}
	return strings.Join(parts, ", ")
}

// table aligns the columns of its rows. The last one of a row may be of any length.
type table struct {
	indent string
	rows   [][]string
}

func (t *table) row(columns ...string) { t.rows = append(t.rows, columns) }

// changes has a row for each change, below one that tells of them.
func (t *table) changes(changes []Change) {
	for _, c := range changes {
		text := printable(c.Name)
		if c.From != "" || c.To != "" {
			text += " " + version(c.From) + " -> " + version(c.To)
		}
		if c.Reaction != "" {
			text += " (" + printable(c.Reaction) + ")"
		}
		t.row("", "- "+text)
	}
}

func version(v string) string {
	if v == "" {
		return "-"
	}
	return printable(v)
}

func (t *table) text() string {
	var widths []int
	for _, row := range t.rows {
		for i, cell := range row[:len(row)-1] {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, row := range t.rows {
		line := t.indent
		for i, cell := range row {
			line += cell
			if i < len(row)-1 {
				line += strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2)
			}
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}
