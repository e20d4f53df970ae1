package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pyleeai/pylee/exec"
	"github.com/pyleeai/pylee/internal/format"
	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/resolve"
)

// report is an error as it is printed, and as --json prints it.
type report struct {
	Place   string   `json:"place,omitempty"`
	Name    string   `json:"name,omitempty"`
	Reason  string   `json:"reason"`
	Hint    string   `json:"hint,omitempty"`
	Code    int      `json:"code"`
	Changes []string `json:"changes,omitempty"` // of a config since it was allowed
	text    string   // the message line
	caret   []string // lines below it
}

func reportOf(err error) report {
	r := report{Reason: err.Error(), Code: exitFailed, text: err.Error()}
	var (
		own     *failure
		refused *untrusted
		place   *format.Error
		problem *resolve.Problem
		started *exec.Error
		from    *providers.Error
	)
	switch {
	case errors.As(err, &own):
		r.Place, r.Reason, r.Hint, r.Code = own.place, own.message, own.hint, own.code
	case errors.As(err, &refused):
		r.Place, r.Reason, r.Hint, r.Code = refused.path, refused.reason, refused.hint, exitConfig
		r.Changes, r.caret = refused.changes, refused.changes
	case errors.As(err, &place):
		r.Place, r.Reason, r.Hint, r.Code = place.Pos.String(), place.Message, place.Hint, exitConfig
	case errors.As(err, &started):
		r.Hint, r.Code = started.Hint, started.Code
	case errors.As(err, &problem):
		r.Place, r.Name, r.Hint, r.Code = problem.Place, problem.Name, problem.Hint, kindCode(err)
		r.Reason = problem.Err.Error()
		if problem.Caret != "" {
			r.caret = strings.Split(strings.TrimRight(problem.Caret, "\n"), "\n")
		}
	case errors.As(err, &from):
		r.Hint, r.Code = from.Hint, kindCode(err)
	}
	return r
}

// reportsOf returns what err joins in the order of places, each once: a text behind a
// name is reported for itself and for those that use it.
func reportsOf(err error) []report {
	type placed struct {
		report
		file      string
		line, col int
	}
	var all []placed
	said := map[string]bool{}
	for _, e := range leaves(err) {
		p := placed{report: reportOf(e)}
		if said[p.text] {
			continue
		}
		said[p.text] = true
		p.file, p.line, p.col = splitPlace(p.Place)
		all = append(all, p)
	}
	slices.SortStableFunc(all, func(a, b placed) int {
		return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.line, b.line), cmp.Compare(a.col, b.col))
	})
	reports := make([]report, len(all))
	for i := range all {
		reports[i] = all[i].report
	}
	return reports
}

// splitPlace takes file:line:col apart; a place of another form is all file.
func splitPlace(place string) (file string, line, col int) {
	rest, last := cutLast(place)
	file, middle := cutLast(rest)
	line, errLine := strconv.Atoi(middle)
	col, errCol := strconv.Atoi(last)
	if errLine != nil || errCol != nil {
		return place, 0, 0
	}
	return file, line, col
}

func cutLast(s string) (before, after string) {
	if i := strings.LastIndexByte(s, ':'); i >= 0 {
		return s[:i], s[i+1:]
	}
	return "", s
}

// exitCode returns the code for all errors together.
func exitCode(reports []report) int {
	for _, code := range precedence {
		if slices.ContainsFunc(reports, func(r report) bool { return r.Code == code }) {
			return code
		}
	}
	return reports[0].Code
}

// finish prints what err says and returns the exit code of the process.
func (inv *invocation) finish(err error, command string) int {
	var s status
	if err == nil {
		return exitDone
	}
	if errors.As(err, &s) {
		return int(s)
	}
	reports := reportsOf(err)
	inv.printReports(reports)
	code := exitCode(reports)
	if command == "run" && (code == exitFailed || code == exitUsage) {
		return exitRun
	}
	return code
}

// maxReports is how many errors are printed: nobody reads more.
const maxReports = 100

func (inv *invocation) printReports(reports []report) {
	said := map[string]bool{}
	for i, r := range reports {
		if i == maxReports && !inv.json {
			inv.message("", fmt.Sprintf("and %d more", len(reports)-i))
			return
		}
		if inv.json {
			line, _ := json.Marshal(r) //nolint:errcheck // strings and a number
			inv.err.write(inv.stdio.Err, string(line)+"\n")
			continue
		}
		inv.message("", r.text)
		for _, line := range r.caret {
			inv.err.write(inv.stdio.Err, "       "+plain(line)+"\n")
		}
		if r.Hint != "" && !said[r.Hint] {
			said[r.Hint] = true
			inv.message("hint: ", r.Hint)
		}
	}
}
