package probe

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/pyleeai/pylee/internal/command"
)

// Exec runs a program, which is to end with status 0. argv[0] is a path, relative to
// dir, or a name that is looked for in the PATH of environ. dir is its working
// directory, environ all of its environment.
//
// Nothing of what it prints is shown. A program that somebody else could have changed is
// not run. When ctx is done it is killed, with all that it started.
func Exec(ctx context.Context, argv, environ []string, dir string) error {
	if len(argv) == 0 || argv[0] == "" {
		return errors.New("exec: no program")
	}
	what := "exec " + printable(argv[0])
	path, err := find(argv[0], environ, dir)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if err = command.Check(path, os.Geteuid()); err == nil {
		argv = append([]string{path}, argv[1:]...)
		_, err = command.Run(ctx, command.Tool{Argv: argv, Env: environ, Dir: dir})
	}
	return told(what, err)
}

// told says how a program ended, and nothing that it said.
func told(what string, err error) error {
	var failed *command.Error
	if !errors.As(err, &failed) {
		return err
	}
	bare := *failed
	bare.Said = ""
	hint := ""
	if bare.Hint != "" {
		hint = " (" + bare.Hint + ")"
	}
	return fmt.Errorf("%s: %w%s", what, &bare, hint)
}

// find returns the path of a program.
func find(name string, environ []string, dir string) (string, error) {
	if strings.Contains(name, "/") {
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		return name, nil
	}
	var path string
	for _, entry := range environ {
		if list, ok := strings.CutPrefix(entry, "PATH="); ok {
			path = list
		}
	}
	for _, place := range filepath.SplitList(path) {
		if !filepath.IsAbs(place) {
			continue // who can write to the working directory would choose the program
		}
		file := filepath.Join(place, name)
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return file, nil
		}
	}
	return "", errors.New("not found in PATH")
}
