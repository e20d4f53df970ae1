package cli

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pyleeai/pylee/internal/control"
	"github.com/pyleeai/pylee/internal/runner"
	"github.com/pyleeai/pylee/resolve"
)

// serve answers those who ask this pylee.
func (w *watching) serve(ctx context.Context, r control.Request, send func(control.Reply) error) {
	switch r.Command {
	case control.CommandStatus:
		state, _ := w.state.get()
		_ = send(control.Reply{Status: w.status(state)}) //nolint:errcheck // who asked is gone
	case control.CommandWatch:
		for {
			state, changed := w.state.get()
			if send(control.Reply{Status: w.status(state)}) != nil {
				return
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	default:
		_ = send(w.ask(ctx, r.Command)) //nolint:errcheck // as above
	}
}

// ask hands a wish to the loop.
func (w *watching) ask(ctx context.Context, kind string) control.Reply {
	answers := make(chan runner.Answer, 1)
	select {
	case w.requests <- runner.Request{Kind: kind, Reply: answers}:
	case <-ctx.Done():
		return control.Reply{Error: "pylee ends"}
	}
	var answer runner.Answer
	select {
	case answer = <-answers:
	case <-ctx.Done():
		return control.Reply{Error: "pylee ends"}
	}
	reply := control.Reply{Message: answer.Message, Changes: changesOf(answer.Changes)}
	if answer.Err != nil {
		reply.Error = oneLine(answer.Err)
	}
	return reply
}

// status is what people are shown.
func (w *watching) status(s runner.State) *control.Status {
	status := &control.Status{
		Pid: os.Getpid(), Child: s.Child, Command: w.r.command(), State: s.Name, Since: s.Since, Generation: s.Generation,
		Started: s.Started, Degraded: append([]string{}, s.Degraded...), Pinned: changesOf(s.Pinned),
		LastError: s.LastError, LastErrorAt: s.LastErrorAt, Restarts: s.Restarts, Secrets: w.r.secrets(),
	}
	if s.Pending != "" || len(s.Changes) > 0 {
		status.Pending = &control.Pending{Why: s.Pending, Until: s.Until, Reaction: s.Reaction, Changes: changesOf(s.Changes)}
	}
	return status
}

func changesOf(list []runner.Change) []control.Change {
	var changes []control.Change
	for _, c := range list {
		changes = append(changes, control.Change(c))
	}
	return changes
}

// command is the name of the program that runs.
func (r *rotator) command() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return filepath.Base(r.inUse.Spec.Argv[0])
}

// secrets are those behind the values in use, with what the last look knows of their
// sources.
func (r *rotator) secrets() []control.Secret {
	r.mu.Lock()
	inUse, latest := valuesOf(r.inUse).snapshot, r.latest
	r.mu.Unlock()
	list := []control.Secret{}
	for _, entry := range inUse.Entries() {
		if !entry.Secret {
			continue
		}
		seen, _ := latest.Entry(entry.Name)
		secret := control.Secret{Name: entry.Name, Sources: []control.Source{}}
		for _, source := range entry.Sources {
			if isReference(source.Reference) {
				secret.Sources = append(secret.Sources, sourceOfStatus(source, seen))
			}
		}
		list = append(list, secret)
	}
	return list
}

// isReference tells what a provider answers from a ${NAME}.
func isReference(text string) bool {
	return strings.HasPrefix(text, "${") && strings.Contains(text, ":")
}

// show has the metrics show the values in use.
func (r *rotator) show() {
	r.mu.Lock()
	inUse, latest := valuesOf(r.inUse).snapshot, r.latest
	r.mu.Unlock()
	r.m.inv.showSecrets(r.m.a, inUse, latest)
}

func sourceOfStatus(source resolve.Source, seen resolve.Entry) control.Source {
	s := control.Source{
		Reference: source.Reference, Provider: source.Provider, Version: source.Version,
		Fetched: source.Fetched, Expires: source.Expires,
	}
	for _, now := range seen.Sources {
		if now.Reference == source.Reference {
			s.Fetched, s.Stale = now.Fetched, now.Stale
		}
	}
	if source.Lease.ID != "" {
		s.Lease = "of " + source.Lease.Duration.Round(time.Second).String()
	}
	return s
}
