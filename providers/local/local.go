// Package local is the provider of pylee's own encrypted store. It reads the store
// once per Fetch. Writing it is the business of package store.
package local

import (
	"context"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/pyleeai/pylee/internal/command"
	"github.com/pyleeai/pylee/internal/store"
	"github.com/pyleeai/pylee/providers"
)

// kind is the scheme in the table of package providers.
const kind = "local"

// settings that may stand in Settings.Options, strings but for lists and keep. Those
// that scheme.go has come from the config or the command line, the others from pylee
// itself.
var settings = []string{
	"store",         // absolute path of the store; else where store.Path has it for env, below the home directory
	"identity",      // a file or fd:N
	"identity_file", // else $PYLEE_IDENTITY_FILE
	"literal",       // text of an identity; else $PYLEE_IDENTITY
	"credentials",   // else $CREDENTIALS_DIRECTORY
	"env",           // environment that the store must be of; else "default"
	"state",         // directory of pins; else $XDG_STATE_HOME/pylee, ~/.local/state/pylee
	"ssh_identity",  // file of an SSH private key; else $PYLEE_SSH_IDENTITY
	"keep",          // how many versions are kept, for those who write
}

// lists are the settings that are lists of strings.
var lists = []string{
	"identity_command", // else $PYLEE_IDENTITY_COMMAND, parted at white space
	"age_plugins",      // else $PYLEE_AGE_PLUGINS, parted at commas
}

// Driver returns the driver of local stores.
func Driver() providers.Driver {
	return providers.Driver{Kind: kind, Open: open}
}

type local struct {
	file store.File
}

func open(_ context.Context, s providers.Settings) (providers.Provider, error) {
	o, words, err := options(s.Options)
	if err != nil {
		return nil, err
	}
	or := func(name, variable string) string {
		if o[name] != "" {
			return o[name]
		}
		return s.Environ[variable]
	}
	file := store.File{
		Path:     o["store"],
		StateDir: o["state"],
		Env:      o["env"],
		Keys: store.Keys{
			Identity:     o["identity"],
			IdentityFile: or("identity_file", "PYLEE_IDENTITY_FILE"),
			Literal:      providers.NewValue([]byte(or("literal", "PYLEE_IDENTITY"))),
			Credentials:  or("credentials", "CREDENTIALS_DIRECTORY"),
			Keyring:      true,
			Home:         s.Home,
			Command:      words["identity_command"],
			CommandEnv:   command.Environ(s.Environ, nil, nil),
			SSH:          or("ssh_identity", "PYLEE_SSH_IDENTITY"),
			Plugins:      words["age_plugins"],
		},
	}
	file.Keys = file.Keys.FromEnviron(s.Environ)
	if file.Path == "" {
		file.Path = store.Path("", s.Home, file.Env)
	} else if !filepath.IsAbs(file.Path) {
		return nil, invalid(`setting "store": must be an absolute path`)
	}
	if file.StateDir == "" {
		file.StateDir = store.StateDir(s.Home, s.Environ["XDG_STATE_HOME"])
	}
	if file.Keys, err = file.Keys.Held(); err != nil { // a pipe can be read once, Fetch comes often
		return nil, err
	}
	return &local{file}, nil
}

// options returns the settings, those that are lists apart, and refuses unknown ones.
// Common ones are the core's business.
func options(given map[string]any) (map[string]string, map[string][]string, error) {
	o, words := make(map[string]string, len(given)), map[string][]string{}
	for name, v := range given {
		if slices.Contains(providers.CommonSettings, name) && name != "env" {
			continue
		}
		if slices.Contains(lists, name) {
			list, ok := store.Words(v)
			if !ok {
				return nil, nil, invalid(`setting "` + name + `": must be a list of strings`)
			}
			words[name] = list
			continue
		}
		if name == "keep" {
			continue
		}
		if !slices.Contains(settings, name) {
			return nil, nil, invalid(`setting "` + name + `": unknown; a local store has store and identity`)
		}
		text, ok := v.(string)
		if !ok {
			return nil, nil, invalid(`setting "` + name + `": must be a string`)
		}
		o[name] = text
	}
	return o, words, nil
}

// Fetch reads the store once, whatever the number of keys.
func (l *local) Fetch(ctx context.Context, keys []providers.Key) []providers.Result {
	results := make([]providers.Result, len(keys))
	err := ctx.Err()
	var s *store.Store
	if err == nil {
		s, err = l.file.Open()
	}
	if err != nil {
		for i := range results {
			results[i].Err = err
		}
		return results
	}
	defer s.Close()
	for i, key := range keys {
		version, err := versionOf(key.Options)
		if err != nil {
			results[i].Err = err
			continue
		}
		results[i].Secret, results[i].Err = s.Lookup(key.Name, version)
	}
	return results
}

// Paths returns the store's file, whatever the keys.
func (l *local) Paths([]providers.Key) []string { return []string{l.file.Path} }

// Close does nothing: nothing is held between two Fetches.
func (l *local) Close() error { return nil }

// versionOf returns the version asked for, 0 for the active one.
func versionOf(o providers.Options) (int, error) {
	for name := range o {
		if name != "version" && !slices.Contains(providers.CommonOptions, name) {
			return 0, invalid("option " + name + ": unknown; a local store has version")
		}
	}
	text, given := o["version"]
	if !given {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil || n == 0 || strings.HasPrefix(text, "0") {
		return 0, invalid("option version: must be a number from 1 on")
	}
	return int(n), nil
}

func invalid(detail string) error {
	return &providers.Error{Kind: providers.ErrInvalid, Detail: detail}
}
