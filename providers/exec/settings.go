package tool

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/pyleeai/pylee/internal/command"
	"github.com/pyleeai/pylee/providers"
)

// none are settings that other blocks have and that mean nothing for a program.
var none = []string{"tls", "regions", "addresses", "auth", "endpoint"}

// leastSecret is the length from which on a variable is kept out of messages; shorter
// ones are parts of other words.
const leastSecret = 4

// settings are the block of an instance.
type settings struct {
	instance string
	argv     []string // absolute path of the program, and what stands behind it
	env      []string // whole environment of the program
	secrets  []string // what in env may be one
	notFound []int    // exit statuses that mean that there is no such secret
	stream   bool     // summon: try the protocol for many secrets
}

func parse(kind string, s providers.Settings) (settings, error) {
	if err := s.Refuse(kind); err != nil {
		return settings{}, err
	}
	for _, name := range none {
		if _, set := s.Options[name]; set {
			return settings{}, bad(name, "has no meaning for a program")
		}
	}
	p := settings{instance: s.Instance, stream: true}
	var err error
	if p.argv, err = argv(s); err != nil {
		return settings{}, err
	}
	if err = p.environment(s); err != nil {
		return settings{}, err
	}
	if p.notFound, err = statuses(s.Options["not_found_status"]); err != nil {
		return settings{}, err
	}
	if v, set := s.Options["stream"]; set {
		if p.stream, set = v.(bool); !set {
			return settings{}, bad("stream", "is not true or false")
		}
	}
	return p, nil
}

// argv returns the command with the path of its program made absolute.
func argv(s providers.Settings) ([]string, error) {
	list, err := texts("command", s.Options["command"])
	if err != nil {
		return nil, err
	}
	if len(list) == 0 || list[0] == "" {
		return nil, &providers.Error{
			Kind: providers.ErrInvalid, Detail: `setting "command" is missing: the program to run`,
			Hint: "command: [/absolute/path/of/program]",
		}
	}
	program := list[0]
	if below, ok := strings.CutPrefix(program, "~/"); ok {
		if !filepath.IsAbs(s.Home) {
			return nil, bad("command", "begins with ~/, and the home directory is not known")
		}
		program = filepath.Join(s.Home, below)
	}
	switch {
	case strings.Contains(program, placeholder):
		return nil, bad("command", "has "+placeholder+" in the program: a reference cannot choose what runs")
	case !filepath.IsAbs(program):
		return nil, bad("command", "does not begin with an absolute path or ~/")
	}
	for _, arg := range list {
		if strings.ContainsRune(arg, 0) {
			return nil, bad("command", "holds NUL")
		}
	}
	return append([]string{filepath.Clean(program)}, list[1:]...), nil
}

// environment sets env and secrets from pass_env and env.
func (p *settings) environment(s providers.Settings) error {
	more, err := texts("pass_env", s.Options["pass_env"])
	if err != nil {
		return err
	}
	set, err := variables(s.Options["env"])
	if err != nil {
		return err
	}
	p.env = command.Environ(s.Environ, more, set)
	for _, entry := range p.env {
		name, value, _ := strings.Cut(entry, "=")
		_, own := set[name]
		if (own || !command.Passed(name)) && len(value) >= leastSecret {
			p.secrets = append(p.secrets, value)
		}
	}
	return nil
}

// variables returns a map of literals.
func variables(v any) (map[string]string, error) {
	if v == nil {
		return nil, nil
	}
	given, ok := v.(map[string]any)
	if !ok {
		return nil, bad("env", "is not a map of names and values")
	}
	set := make(map[string]string, len(given))
	for name, v := range given {
		switch v := v.(type) {
		case string:
			set[name] = v
		case json.Number:
			set[name] = v.String()
		case bool:
			set[name] = strconv.FormatBool(v)
		default:
			return nil, bad("env", "has a value that is not a text: "+strconv.Quote(name))
		}
		if name == "" || strings.ContainsAny(name, "=\x00") || strings.ContainsRune(set[name], 0) {
			return nil, bad("env", "holds what no variable can be: "+strconv.Quote(name))
		}
	}
	return set, nil
}

// statuses returns a list of exit statuses.
func statuses(v any) ([]int, error) {
	if v == nil {
		return nil, nil
	}
	items, ok := v.([]any)
	if !ok {
		items = []any{v}
	}
	var list []int
	for _, item := range items {
		number, _ := item.(json.Number)
		status, err := strconv.ParseUint(number.String(), 10, 8)
		if err != nil || status == 0 {
			return nil, bad("not_found_status", "is not a list of numbers from 1 to 255")
		}
		list = append(list, int(status))
	}
	return list, nil
}

// texts returns a text or a list of texts.
func texts(name string, v any) ([]string, error) {
	list, ok := providers.Texts(v)
	if !ok {
		return nil, bad(name, "is not a list of texts")
	}
	return list, nil
}

// means tells whether an exit status says that there is no such secret.
func (p *settings) means(status int) bool { return slices.Contains(p.notFound, status) }

func bad(name, reason string) error {
	return &providers.Error{Kind: providers.ErrInvalid, Detail: "setting " + strconv.Quote(name) + " " + reason}
}
