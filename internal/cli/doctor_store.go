package cli

import (
	"path/filepath"
	"strings"
	"time"

	"github.com/pyleeai/pylee/internal/config"
	"github.com/pyleeai/pylee/internal/store"
)

// checkIdentity goes through the places of an identity in their order.
func checkIdentity(f *findings, keys store.Keys) {
	used := ""
	for _, s := range keys.Sources() {
		name := s.Name
		if s.Path != "" && s.Path != s.Name {
			name += " (" + printable(s.Path) + ")"
		}
		switch {
		case !s.Set:
			f.ok("%s: %s", name, map[bool]string{false: "not set", true: "there is no home directory"}[strings.HasPrefix(s.Name, "~")])
		case s.Unasked && used == "":
			f.ok("%s: would be run for one; doctor runs nothing", name)
			used = s.Name
		case s.Unasked:
			f.ok("%s: not run, because %s comes first", name, used)
		case !s.Found:
			f.ok("%s: nothing there", name)
		case s.Err != nil && used == "":
			r := reportOf(s.Err)
			f.fail(r.Hint, "%s: cannot be used, and those behind it are not tried: %s", name, r.text)
			used = s.Name
		case s.Err != nil:
			r := reportOf(s.Err)
			f.warn(r.Hint, "%s: not used, because %s comes first; it could not be: %s", name, used, r.text)
		case used != "":
			f.ok("%s: there, and not used, because %s comes first", name, used)
		default:
			f.ok("%s: used; its public half is %s", name, strings.Join(s.Recipients, " "))
			used = s.Name
		}
	}
	if used == "" {
		f.add(levelOK, "pylee secret init", "there is none; the first pylee secret set makes one")
	}
}

// checkStore looks at the store that the flags and the place choose.
func (inv *invocation) checkStore(f *findings, choice storeChoice, file store.File, cfg *config.Config, held error) {
	if held != nil {
		f.errors(levelFail, held)
		return
	}
	r, err := file.Inspect()
	if r.Path != "" {
		f.ok("%s: %s", printable(r.Path), inv.whyStore(choice, r))
	}
	f.errors(levelFail, err)
	if len(r.Leftovers) > 0 {
		f.warn("if no pylee is writing: rm "+shellWords(r.Leftovers), "%s left by a writer that was killed; the next pylee secret set removes them",
			plural(len(r.Leftovers), "temporary file"))
	}
	switch {
	case r.Store != nil:
		defer r.Store.Close()
		describeStore(f, r)
	case err == nil && usesStore(cfg):
		f.warn(secretSet(choice), "there is no store yet, and the config refers to secrets in it")
	case err == nil:
		f.add(levelOK, secretSet(choice), "there is no store yet; the first pylee secret set makes it")
	}
}

func (inv *invocation) whyStore(choice storeChoice, r store.Report) string {
	switch {
	case choice.path != "":
		return "named with --store"
	case inv.home != "" && resolved(filepath.Dir(r.Path)) == resolved(filepath.Join(inv.home, ".pylee", "secrets")):
		return "in the home directory"
	}
	return "beside the config of the project"
}

// resolved is path without symbolic links, if it exists.
func resolved(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}

func describeStore(f *findings, r store.Report) {
	list := r.Store.List()
	f.ok("it opens: %s, %s, after %s", plural(len(list), "secret"), plural(len(r.Store.Recipients()), "recipient"), plural(int(r.Store.Generation()), "change"))
	switch {
	case r.Pin == "":
		f.warn("export HOME, or XDG_STATE_HOME", "it is not pinned, because there is no state directory: forged and older stores go unseen")
	case r.Pinned == 0:
		f.ok("it is not pinned yet; its first use pins it")
	default:
		f.ok("it is pinned at change %d by %s", r.Pinned, printable(r.Pin))
	}
	var expired, broken []string
	for _, info := range list {
		switch {
		case info.Version == 0:
			broken = append(broken, info.Name)
		case !info.Expires.IsZero() && !time.Now().Before(info.Expires):
			expired = append(expired, info.Name)
		}
	}
	if len(expired) > 0 {
		f.warn("pylee secret set "+expired[0], "%s expired: %s", plural(len(expired), "secret"), printable(strings.Join(expired, " ")))
	}
	if len(broken) > 0 {
		f.warn("pylee secret set "+broken[0], "%s without a version to use: %s", plural(len(broken), "secret"), printable(strings.Join(broken, " ")))
	}
}

func secretSet(choice storeChoice) string {
	line := "printf VALUE | pylee secret set NAME"
	if choice.env != "" {
		line += " --env " + shellWord(choice.env)
	}
	if choice.path != "" {
		line += " --store " + shellWord(choice.path)
	}
	return line
}

func shellWords(words []string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = shellWord(word)
	}
	return strings.Join(quoted, " ")
}
