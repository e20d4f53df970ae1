package cli

import (
	"context"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/pyleeai/pylee/exec"
	"github.com/pyleeai/pylee/internal/mask"
	"github.com/pyleeai/pylee/internal/runner"
	"github.com/pyleeai/pylee/resolve"
)

// lingering is how long pylee listens to what a command left behind.
const lingering = 2 * time.Second

// masks tells whether the output of the command is masked. The flag is above the config.
func (a *assembly) masks(flag *bool) bool {
	if flag != nil {
		return *flag
	}
	return a.blocks.mask.On
}

// masking hides the values of the command in what it writes.
type masking struct {
	m    *mode
	name func(resolve.Entry) string

	mu     sync.Mutex
	said   map[string]bool // what is not masked, which was said
	masker *mask.Masker
	open   []*masked
}

// masked is the output of one start of the command.
type masked struct {
	of *masking
	*mask.Output
}

func newMasking(m *mode, first *resolve.Snapshot) *masking {
	k := &masking{m: m, name: m.a.shownNames(), said: map[string]bool{}}
	k.use(first)
	return k
}

// use has the values of all these hidden from now on, in running commands too. Before a
// rotation they are the old and the new ones: the command still knows the old.
func (k *masking) use(snapshots ...*resolve.Snapshot) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var names []string
	var values [][]byte
	for _, s := range snapshots {
		k.collect(s, &names, &values)
	}
	k.masker = mask.Compile(values)
	for _, skip := range k.masker.Skipped() {
		if line := names[skip.Index] + ": " + skip.Reason.String(); !k.said[line] {
			k.said[line] = true
			k.m.inv.say("mask: %s", line)
		}
	}
	for _, o := range k.open {
		o.Use(k.masker)
	}
}

// collect adds the secrets of s: the values as a whole, and those that are parts of them.
func (k *masking) collect(s *resolve.Snapshot, names *[]string, values *[][]byte) {
	for _, entry := range s.Entries() {
		name := k.name(entry)
		if !entry.Secret || entry.Absent || slices.Contains(k.m.a.blocks.mask.Except, name) {
			continue
		}
		*names, *values = append(*names, name), append(*values, entry.Value.Reveal())
		for _, part := range entry.Parts {
			*names, *values = append(*names, name), append(*values, part.Reveal())
		}
	}
}

// output makes the streams of one start of the command.
func (k *masking) output(spec *exec.Spec) (runner.Stream, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	out, err := mask.Open(k.masker, os.Stdout, os.Stderr)
	if err != nil {
		return nil, err
	}
	spec.Stdout, spec.Stderr = out.Stdout(), out.Stderr()
	o := &masked{of: k, Output: out}
	k.open = append(k.open, o)
	return o, nil
}

// Drain implements runner.Stream.
func (o *masked) Drain(ctx context.Context) {
	if err := o.Output.Drain(ctx, lingering); err != nil && ctx.Err() == nil {
		o.of.m.inv.say("%v", err)
	}
	k := o.of
	k.mu.Lock()
	defer k.mu.Unlock()
	k.open = slices.DeleteFunc(k.open, func(other *masked) bool { return other == o })
}
