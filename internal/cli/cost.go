package cli

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/pyleeai/pylee/internal/runner"
	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/resolve"
)

// batches are the kinds of providers whose reads cost something, with how many secrets
// one read has.
var batches = map[string]int{"aws": 20, "ssm": 10, "vault": 1, "bao": 1, "azure": 1, "gcp": 1, "k8s": 1}

const month = 30 * 24 * time.Hour

// costLine is what watching one provider takes, or keeping what it lends.
type costLine struct {
	Provider string `json:"provider"`
	Leased   bool   `json:"leased,omitempty"` // prolonged, not read again
	Secrets  int    `json:"secrets"`
	Interval string `json:"interval"`
	Calls    int    `json:"calls_each_time"`
	Month    int    `json:"calls_per_month"`

	every time.Duration
}

// costRead is what a reference reads. References with the same are read once.
type costRead struct {
	place string // what one batch cannot mix: region, role and the like
	name  string
	alone string // the version or label that no batch can ask for
}

// cost says how many calls a month of watching takes, one line for each provider that
// is asked over the network, and one for each term that it lends secrets for.
func (a *assembly) cost(snapshot *resolve.Snapshot) []costLine {
	kinds, poll := map[string]string{}, map[string]time.Duration{}
	for _, r := range a.sources.plan.References() {
		kinds[r.Provider] = r.Kind
	}
	for _, p := range a.cfg.Providers {
		poll[p.Name] = p.Poll
		if kinds[p.Name] == "" { // one that answers for another
			kinds[p.Name] = p.Kind
		}
	}
	var order []string
	reads := map[string]map[costRead]bool{}
	for _, entry := range snapshot.Entries() {
		for _, source := range entry.Sources {
			name := source.Provider
			if batches[kinds[name]] == 0 || source.Lease.ID != "" {
				continue
			}
			if reads[name] == nil {
				reads[name] = map[costRead]bool{}
				order = append(order, name)
			}
			reads[name][readOf(kinds[name], source.Reference)] = true
		}
	}
	var lines []costLine
	for _, name := range order {
		every := poll[name]
		if every <= 0 {
			every = a.cfg.Watch.Interval
		}
		lines = append(lines, costLine{
			Provider: name, Secrets: len(reads[name]), Calls: callsFor(reads[name], batches[kinds[name]]), every: every,
		})
	}
	lines = append(lines, leaseCost(a.lent(snapshot))...)
	for i := range lines {
		l := &lines[i]
		l.Interval, l.Month = l.every.String(), l.Calls*int(month/l.every)
	}
	return lines
}

// leaseCost returns a line for each provider and term of leases.
func leaseCost(loans []resolve.Loan) []costLine {
	var lines []costLine
	for _, loan := range loans {
		every := max(runner.RenewAfter(loan.Lease), time.Second)
		i := slices.IndexFunc(lines, func(l costLine) bool { return l.Provider == loan.Provider && l.every == every })
		if i < 0 {
			i = len(lines)
			lines = append(lines, costLine{Provider: loan.Provider, Leased: true, every: every})
		}
		lines[i].Secrets++
		lines[i].Calls++
	}
	return lines
}

// callsFor returns how many calls it takes to read all, size at a time.
func callsFor(reads map[costRead]bool, size int) int {
	calls, together := 0, map[string]int{}
	for r := range reads {
		if r.alone != "" {
			calls++
			continue
		}
		together[r.place]++
	}
	for _, n := range together {
		calls += (n + size - 1) / size
	}
	return calls
}

// readOf returns what a reference reads. The field and what pylee makes of a text cost
// nothing.
func readOf(kind, reference string) costRead {
	t, err := resolve.Parse(reference)
	if err != nil || len(t.Parts) != 1 || t.Parts[0].Expr == nil {
		return costRead{name: reference}
	}
	x := t.Parts[0].Expr
	r := costRead{name: literal(x.Path)}
	for _, o := range x.Options {
		option := o.Name + "=" + literal(o.Value) + "\n"
		switch {
		case slices.Contains(providers.CommonOptions, o.Name):
		case kind == "aws" && (o.Name == "stage" || o.Name == "version"):
			r.alone += option
		default:
			r.place += option
		}
	}
	if arn := strings.Split(r.name, ":"); arn[0] == "arn" && len(arn) > 5 {
		r.place += "region=" + arn[3] + "\n"
		if kind == "aws" && len(arn) == 10 { // a member, a stage and a version, as ECS writes them
			r.name = strings.Join(arn[:7], ":")
			r.alone += arn[8] + arn[9]
		}
	}
	return r
}

// literal returns a text that is printed in canonical form.
func literal(parts []resolve.Part) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString(p.Literal)
	}
	return b.String()
}

func (inv *invocation) printCost(lines []costLine) error {
	if len(lines) == 0 {
		_, err := fmt.Fprintln(inv.stdio.Out, "cost: no reference is read over the network")
		return err
	}
	w := tabwriter.NewWriter(inv.stdio.Out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "provider\tsecrets\tinterval\tcalls\tcalls a month") //nolint:errcheck // Flush tells
	for _, l := range lines {
		name := l.Provider
		if l.Leased {
			name += ", leases"
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%d\t%d\n", name, l.Secrets, l.Interval, l.Calls, l.Month) //nolint:errcheck // as above
		if l.every < time.Minute && !l.Leased {
			inv.hint("%s is read every %s; below a minute throttling is near, and 5m is the default", l.Provider, l.every)
		}
	}
	return w.Flush()
}
