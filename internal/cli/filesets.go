package cli

import (
	"errors"
	"github.com/pyleeai/pylee/exec"
	"path/filepath"
	"strings"

	"github.com/pyleeai/pylee/internal/config"
	"github.com/pyleeai/pylee/resolve"
)

// fileSet is a directory that the config names.
type fileSet struct {
	key   string // the input of its path
	at    filesPlace
	dir   *config.Text
	files []*childFile
	open  *exec.SecretDir // nil: not yet
}

// filesPlace is where a file or a set is written: a block of files and a name in it.
type filesPlace struct{ block, name string }

// together tells whether one command can get both: those of two targets never meet, and
// a target's replaces the general one of its name.
func (p filesPlace) together(other filesPlace) bool {
	if p.block == other.block {
		return true
	}
	for _, both := range [][2]filesPlace{{p, other}, {other, p}} {
		if both[0].block == generalFiles && !strings.HasPrefix(both[1].block, "mcpServers.") {
			return p.name != other.name
		}
	}
	return false
}

// generalFiles is the block that belongs to no target.
const generalFiles = "files"

// checkSets reports what is wrong with the directories that the config names.
func (f *childFiles) checkSets(snapshot *resolve.Snapshot) error {
	var errs []error
	for i, set := range f.sets {
		entry, ok := snapshot.Entry(set.key)
		if !ok {
			continue
		}
		reason, hint := set.fault(string(entry.Value.Reveal())), ""
		if entry.Secret {
			reason = "holds a secret, and the name of a directory is no secret"
		}
		for _, other := range f.sets[:i] {
			if _, ok := snapshot.Entry(other.key); ok && reason == "" && set.at.together(other.at) {
				reason, hint = set.conflict(realPath(set.path(snapshot)), other, realPath(other.path(snapshot)))
			}
		}
		if reason != "" {
			errs = append(errs, &failure{place: set.dir.At(0), message: set.key + ": " + reason, hint: hint, code: exitConfig})
		}
	}
	return errors.Join(errs...)
}

// fault says what is wrong with the path that the config names.
func (s *fileSet) fault(path string) string {
	switch {
	case path == "":
		return "is empty"
	case strings.HasPrefix(path, "~"):
		return "~ has no meaning here; write ${HOME}"
	}
	return ""
}

// conflict says why two sets cannot be had at once: what is mounted at one directory
// hides what is below.
func (s *fileSet) conflict(path string, other *fileSet, otherPath string) (reason, hint string) {
	switch {
	case path == otherPath:
		return "another set has this directory already: " + other.key, ""
	case strings.HasPrefix(path+"/", otherPath+"/"):
		reason = "lies in the directory of another set: " + other.key
	case strings.HasPrefix(otherPath+"/", path+"/"):
		reason = "holds the directory of another set: " + other.key
	default:
		return "", ""
	}
	return reason, "name directories beside each other, or put the files into one set"
}

// realPath is path without the links on the way, as far as it exists.
func realPath(path string) string {
	for front := path; front != filepath.Dir(front); front = filepath.Dir(front) {
		if real, err := filepath.EvalSymlinks(front); err == nil {
			return filepath.Join(real, path[len(front):])
		}
	}
	return path
}
