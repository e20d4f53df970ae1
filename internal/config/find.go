package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// The layers, lowest first.
const (
	layerSystem  = "system"
	layerUser    = "user"
	layerProject = "project"
	layerNamed   = "named"
	layerExtends = "extends"

	layerTemplate = "template" // no layer, but read with one
)

var (
	projectNames = []string{"pylee.yaml", "pylee.yml", "pylee.json", "pylee.config.json"}
	userNames    = []string{"config.yaml", "config.json"}
)

// candidate is a file to read.
type candidate struct {
	path  string
	layer string
}

// find returns the files to read, lowest layer first.
func (l *loader) find() []candidate {
	var list []candidate
	put := func(path, layer string) {
		for _, c := range list {
			if c.path == path {
				return
			}
		}
		if path != "" {
			list = append(list, candidate{path, layer})
		}
	}
	if l.o.System != "" {
		put(first(l.o.System, userNames), layerSystem)
	}
	named := ""
	if l.o.Named != "" {
		named = absolute(l.o.Dir, l.o.Named)
	}
	if l.o.Home != "" {
		if path := first(filepath.Join(l.o.Home, ".pylee"), userNames); path != named {
			put(path, layerUser)
		}
	}
	if named != "" {
		put(named, layerNamed)
		return list
	}
	if !l.o.Own {
		put(l.discover(), layerProject)
	}
	return list
}

// discover looks for the config of the project, from the working directory up to
// the root of the repository, the home directory or the root of the file system.
// Directories above the working directory that everybody can write to are no
// project: a file planted in /tmp is not to stop everyone who works below it.
func (l *loader) discover() string {
	for dir := l.o.Dir; ; dir = filepath.Dir(dir) {
		if dir == l.o.Dir || !worldWritable(dir) {
			if path := first(dir, projectNames); path != "" {
				return path
			}
		}
		if dir == l.o.Home || dir == filepath.Dir(dir) || present(filepath.Join(dir, ".git")) {
			return ""
		}
	}
}

// first returns the path of the first of names that is in dir, or nothing. What
// cannot be looked at counts as absent: a service started in a directory that it
// may not search has no config there.
func first(dir string, names []string) string {
	for _, name := range names {
		if path := filepath.Join(dir, name); present(path) {
			return path
		}
	}
	return ""
}

func present(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func worldWritable(dir string) bool {
	info, err := os.Stat(dir)
	return err == nil && info.Mode()&0o002 != 0
}

func absolute(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

// isForeign tells whether a file of that name belongs to another program if it has
// mcpServers.
func isForeign(path, layer string) bool {
	own := layer == layerUser || layer == layerSystem
	return !own && !strings.HasPrefix(filepath.Base(path), "pylee")
}

// isJSON tells whether a config is read as JSON: by its name, or by its first byte
// if the name tells nothing.
func isJSON(path string, data []byte) bool {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".json", ".jsonc":
		return true
	case ".yaml", ".yml":
		return false
	}
	text := strings.TrimLeft(strings.TrimPrefix(string(data[:min(len(data), 4096)]), "\ufeff"), " \t\r\n")
	return strings.HasPrefix(text, "{")
}

// reason is the text of a system error without the path in front of it.
func reason(err error) string {
	var e *fs.PathError
	if errors.As(err, &e) {
		err = e.Err
	}
	if errors.Is(err, fs.ErrNotExist) {
		return "no such file"
	}
	return err.Error()
}
