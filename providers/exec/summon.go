package tool

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pyleeai/pylee/internal/command"
	"github.com/pyleeai/pylee/providers"
)

// withoutDeadline is how long a stream may take where nothing else limits it.
const withoutDeadline = 30 * time.Second

// summon speaks the two protocols of summon's providers. With a path as its argument
// such a program prints one secret, and white space around it does not count. Without an
// argument some answer many: each line they read is a path, each they print a secret
// in base64, in the same order.
type summon struct {
	tool
	single atomic.Bool // it was found to know only the first
}

func openSummon(_ context.Context, s providers.Settings) (providers.Provider, error) {
	p, err := parse("summon", s)
	if err != nil {
		return nil, err
	}
	if strings.Contains(strings.Join(p.argv[1:], "\x00"), placeholder) {
		return nil, bad("command", "has "+placeholder+": a provider of summon gets the path as its last argument")
	}
	of := &summon{tool: newTool(p)}
	of.single.Store(!p.stream)
	return of, nil
}

// Fetch asks for all keys at once, and for each one alone if that gives nothing.
func (p *summon) Fetch(ctx context.Context, keys []providers.Key) []providers.Result {
	results := make([]providers.Result, len(keys))
	if err := p.ready(ctx); err != nil {
		return fail(results, err)
	}
	var names []string
	for i, key := range keys {
		if results[i].Err = key.Options.Refuse(); results[i].Err == nil {
			results[i].Err = checkLine(key.Name)
		}
		if results[i].Err == nil {
			names = append(names, key.Name)
		}
	}
	if values := p.stream(ctx, names); values != nil {
		for i := range results {
			if results[i].Err == nil {
				results[i] = secret(values[0])
				values = values[1:]
			}
		}
		return results
	}
	each(keys, results, func(name string) (providers.Secret, error) { return p.call(ctx, name) })
	return results
}

// secret is the answer with a value of a stream.
func secret(value []byte) providers.Result {
	if len(value) > command.MaxOutput {
		clear(value)
		return providers.Result{Err: &providers.Error{Kind: providers.ErrInvalid, Detail: "more than 1 MiB"}}
	}
	return providers.Result{Secret: providers.Secret{Value: providers.NewValue(value)}}
}

// stream asks one process for all names. It returns nil where that failed, whatever the
// reason: to know what is wrong with which, each has to be asked for alone.
func (p *summon) stream(ctx context.Context, names []string) [][]byte {
	if len(names) == 0 || p.single.Load() {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, share(ctx))
	defer cancel()
	left := len(names)
	out, err := p.run(limited, command.Tool{
		Argv: p.argv, Input: []byte(strings.Join(names, "\n") + "\n"), Limit: streamLimit(len(names)),
		Enough: func(piece []byte) bool {
			left -= bytes.Count(piece, []byte("\n"))
			return left <= 0
		},
	})
	defer clear(out)
	values, good := decode(out, len(names))
	if err == nil && good {
		return values
	}
	var failed *command.Error
	started := errors.As(err, &failed) && failed.Reason != command.NotStarted
	if len(values) == 0 && ctx.Err() == nil && (err == nil || started) {
		p.single.Store(true)
	}
	for _, value := range values {
		clear(value)
	}
	return nil
}

// share is half of the time there is: a program that waits for something else than
// paths must leave the other half for asking it the other way.
func share(ctx context.Context) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return time.Until(deadline) / 2
	}
	return withoutDeadline
}

// call asks for one name.
func (p *summon) call(ctx context.Context, name string) (providers.Secret, error) {
	argv := append(p.argv[:len(p.argv):len(p.argv)], name)
	out, err := p.run(ctx, command.Tool{Argv: argv, Name: name})
	if err != nil {
		clear(out)
		return providers.Secret{}, p.failure(err, name)
	}
	return providers.Secret{Value: providers.NewValue(bytes.TrimSpace(out))}, nil
}

// checkLine refuses what cannot be asked for by both protocols.
func checkLine(name string) error {
	reason := ""
	switch {
	case strings.ContainsAny(name, "\r\n"):
		reason = "a path for summon may not hold a line break"
	case strings.HasPrefix(name, "-"):
		reason = `a path for summon may not begin with "-": it would be an option`
	default:
		return checkName(name)
	}
	return &providers.Error{Kind: providers.ErrInvalid, Detail: reason}
}
