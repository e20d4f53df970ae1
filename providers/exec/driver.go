// Package tool is the provider of secrets that a program prints: any program by its
// arguments (exec), and the providers of summon by their own protocol (summon). The
// program is named in the block of the config and never in a reference.
//
// How a program is run, and what becomes of one that hangs or floods, is the business
// of package command.
package tool

import (
	"context"
	"os"
	"sync"

	"github.com/pyleeai/pylee/internal/command"
	"github.com/pyleeai/pylee/providers"
)

// parallel is how many programs one instance runs at once.
const parallel = 8

// Drivers returns the drivers of the kinds exec and summon. Neither has options.
func Drivers() []providers.Driver {
	return []providers.Driver{
		{Kind: "exec", Open: openExec},
		{Kind: "summon", Open: openSummon},
	}
}

// tool is the program of an instance.
type tool struct {
	settings
	running chan struct{} // holds one for each program that runs
}

func newTool(s settings) tool {
	return tool{settings: s, running: make(chan struct{}, parallel)}
}

// run runs t in its turn. The output comes beside an error too.
func (p tool) run(ctx context.Context, t command.Tool) ([]byte, error) {
	select {
	case p.running <- struct{}{}:
		defer func() { <-p.running }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	t.Env, t.Secrets = p.env, p.secrets
	return command.Run(ctx, t)
}

// ready checks what holds for all keys of a Fetch.
func (p tool) ready(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := command.Check(p.argv[0], os.Geteuid()); err != nil {
		return p.failure(err, "")
	}
	return nil
}

// each calls fetch for those keys that have no error yet, all at once.
func each(keys []providers.Key, results []providers.Result, fetch func(name string) (providers.Secret, error)) {
	var wait sync.WaitGroup
	for i, key := range keys {
		if results[i].Err == nil {
			wait.Go(func() { results[i].Secret, results[i].Err = fetch(key.Name) })
		}
	}
	wait.Wait()
}

func fail(results []providers.Result, err error) []providers.Result {
	for i := range results {
		results[i].Err = err
	}
	return results
}

// Close does nothing: no program outlives a Fetch.
func (p tool) Close() error { return nil }
