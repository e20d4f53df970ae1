package tool

import (
	"context"
	"strings"

	"github.com/pyleeai/pylee/internal/command"
	"github.com/pyleeai/pylee/providers"
)

// placeholder stands in the arguments for the name of the secret.
const placeholder = "{path}"

// program runs one process for each secret, which prints it.
type program struct{ tool }

func openExec(_ context.Context, s providers.Settings) (providers.Provider, error) {
	p, err := parse("exec", s)
	if err != nil {
		return nil, err
	}
	if !strings.Contains(strings.Join(p.argv[1:], "\x00"), placeholder) {
		p.argv = append(p.argv, placeholder)
	}
	return &program{newTool(p)}, nil
}

// Fetch runs the program once for each key.
func (p *program) Fetch(ctx context.Context, keys []providers.Key) []providers.Result {
	results := make([]providers.Result, len(keys))
	if err := p.ready(ctx); err != nil {
		return fail(results, err)
	}
	for i, key := range keys {
		if results[i].Err = key.Options.Refuse(); results[i].Err == nil {
			results[i].Err = p.refuse(key.Name)
		}
	}
	each(keys, results, func(name string) (providers.Secret, error) {
		out, err := p.run(ctx, command.Tool{Argv: p.with(name), Name: name})
		if err != nil {
			clear(out)
			return providers.Secret{}, p.failure(err, name)
		}
		return providers.Secret{Value: providers.NewValue(out), Text: true}, nil
	})
	return results
}

// with returns the arguments for a name, which is not looked through for a placeholder.
func (p *program) with(name string) []string {
	args := make([]string, len(p.argv))
	for i, arg := range p.argv {
		args[i] = strings.ReplaceAll(arg, placeholder, name)
	}
	return args
}

// refuse returns the error of a name that cannot be an argument, or that the program
// could take for an option.
func (p *program) refuse(name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	if !strings.HasPrefix(name, "-") {
		return nil
	}
	for i, arg := range p.argv {
		if strings.HasPrefix(arg, placeholder) && p.argv[i-1] != "--" {
			return &providers.Error{
				Kind:   providers.ErrInvalid,
				Detail: `a name that begins with "-" could be taken for an option`,
				Hint:   `put "--" before "` + placeholder + `" in providers.` + p.instance + `.command`,
			}
		}
	}
	return nil
}

// checkName refuses what no argument can hold.
func checkName(name string) error {
	switch {
	case name == "":
		return &providers.Error{Kind: providers.ErrInvalid, Detail: "no name: what is to be asked for"}
	case strings.ContainsRune(name, 0):
		return &providers.Error{Kind: providers.ErrInvalid, Detail: "a name may not hold NUL"}
	}
	return nil
}
