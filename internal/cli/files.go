package cli

import (
	"errors"
	"fmt"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pyleeai/pylee/exec"
	"github.com/pyleeai/pylee/internal/config"
	"github.com/pyleeai/pylee/resolve"
)

const secretsDirVariable = "PYLEE_SECRETS_DIR"

// childFile is a file for the command and what its content is made of.
type childFile struct {
	key   string // in messages: files.tls.entries.cert.pem
	at    filesPlace
	name  string // in its directory
	entry config.FileEntry
	set   *fileSet  // with a directory of its own; nil: in $PYLEE_SECRETS_DIR
	doc   *document // nil: the text of the input called key

	onChange config.OnChange // of the set it belongs to

	uid, gid int // as the config names them; -1: it does not
	fd       int // of a file in no directory; 0: it has one
}

// inMemory tells whether f is a descriptor of the command and lies in no directory.
func (f *childFile) inMemory() bool { return f.entry.Delivery == "memfd" }

// within returns the directory below $PYLEE_SECRETS_DIR, empty if none, and the name in it.
func (f *childFile) within() (set, name string) {
	if set, name, ok := strings.Cut(f.name, "/"); ok {
		return set, name
	}
	return "", f.name
}

// childFiles are the files of the config and of the target.
type childFiles struct {
	list          []*childFile
	sets          []*fileSet
	credentials   *config.File // whose directory CREDENTIALS_DIRECTORY names
	credentialsAt []filesPlace // all that ask for it; those of two targets may
	place         filePlace
	dir           *exec.SecretDir   // $PYLEE_SECRETS_DIR; nil: none
	rotates       bool              // the files will be others while the command runs
	open          []*exec.SecretDir // all that were made, for remove
}

// filePlace says where files go and whose they are.
type filePlace struct {
	exec.SecretDirOptions
	user string // of --user
}

// none tells that the command gets no files.
func (f *childFiles) none() bool { return len(f.list) == 0 }

// inDir tells whether a file goes to $PYLEE_SECRETS_DIR.
func (f *childFiles) inDir() bool {
	for _, file := range f.list {
		if file.set == nil && !file.inMemory() {
			return true
		}
	}
	return false
}

// stay tells whether somebody has to remove the files when the command ends: all but
// those that go with its last process.
func (f *childFiles) stay() bool {
	return f.dir != nil || len(f.sets) > 0 && exec.CanPrivate() != nil
}

// addFiles collects the files of the config and then those of the target, which
// replace the ones of the same name. With everything it adds those of all targets, for
// a check.
func (a *assembly) addFiles(everything bool) error {
	replaced := map[string]bool{}
	var errs []error
	add := func(prefix string, files []config.File, skip map[string]bool) {
		for i := range files {
			if !skip[files[i].Name] {
				errs = append(errs, a.addFile(filesPlace{prefix, files[i].Name}, &files[i]))
			}
		}
	}
	if a.target != nil {
		for _, file := range a.target.Files {
			replaced[file.Name] = true
		}
	}
	if a.target == nil || !a.fromServers() {
		add(generalFiles, a.cfg.Files, replaced)
	}
	if a.target != nil {
		add(a.targetKey()+".files", a.target.Files, nil)
	} else if everything {
		for _, t := range a.cfg.Commands {
			add("commands."+t.Name+".files", t.Files, nil)
		}
		for _, t := range a.cfg.Servers {
			add("mcpServers."+t.Name+".files", t.Files, nil)
		}
	}
	return errors.Join(errs...)
}

func (a *assembly) addFile(at filesPlace, file *config.File) error {
	var set *fileSet
	key, front := at.block+"."+at.name, ""
	if file.Set {
		front = file.Name + "/"
	}
	if file.Dir != nil {
		set = &fileSet{key: key + ".dir", at: at, dir: file.Dir}
		front = ""
		a.inputs = append(a.inputs, textInput(set.key, file.Dir, resolve.ForArg))
		a.files.sets = append(a.files.sets, set)
	}
	var errs []error
	if file.Credentials {
		if slices.ContainsFunc(a.files.credentialsAt, at.together) {
			errs = append(errs, &failure{place: file.Pos.String(), message: key + ".credentials: another set has it already, and CREDENTIALS_DIRECTORY names one directory", code: exitConfig})
		}
		a.files.credentials, a.files.credentialsAt = file, append(a.files.credentialsAt, at)
	}
	for _, entry := range file.Entries {
		if entry.Text == nil {
			continue // the config has said what is wrong with it
		}
		f := &childFile{key: key, at: at, name: front + entry.Name, entry: entry, set: set, onChange: file.OnChange}
		if file.Set {
			f.key = key + ".entries." + entry.Name
			if f.inMemory() {
				errs = append(errs, &failure{place: entry.At(0), message: f.key + ".delivery: a file of a set lies in its directory", hint: "take it out of the set, or leave out delivery:", code: exitConfig})
			}
		}
		errs = append(errs, a.addContent(f), f.look())
		a.files.list = append(a.files.list, f)
		if set != nil {
			set.files = append(set.files, f)
		}
	}
	return errors.Join(errs...)
}

// addContent adds the inputs that make up the content of f.
func (a *assembly) addContent(f *childFile) error {
	switch f.entry.Format {
	case "", "text":
		in := textInput(f.key, f.entry.Text, resolve.ForFile)
		in.Required, in.Check = f.entry.Rules.Required, f.entry.Rules.Check
		a.inputs = append(a.inputs, in)
		return nil
	}
	doc, err := newDocument(f.key, f.entry.Format, f.entry.Text)
	if err != nil {
		return err
	}
	f.doc = doc
	a.inputs = append(a.inputs, doc.inputs...)
	return nil
}

// content returns the bytes of f and whether they could be had: what was not resolved
// has been reported.
func (f *childFile) content(snapshot *resolve.Snapshot) ([]byte, bool, error) {
	if f.doc == nil {
		entry, ok := snapshot.Entry(f.key)
		if !ok {
			return nil, false, nil
		}
		return entry.Value.Reveal(), true, nil
	}
	data, err := f.doc.write(snapshot)
	if errors.Is(err, errUnresolved) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	var errs []error
	for _, reason := range f.entry.Rules.Check(data, time.Time{}) {
		errs = append(errs, &failure{place: f.entry.At(0), message: f.key + ": " + reason, code: exitConfig})
	}
	return data, true, errors.Join(errs...)
}

// checkFiles reports what is wrong with files whose values are all there.
func (a *assembly) checkFiles(snapshot *resolve.Snapshot) error {
	var errs []error
	for _, f := range a.files.list {
		_, _, err := f.content(snapshot)
		errs = append(errs, err)
	}
	return errors.Join(append(errs, a.files.checkSets(snapshot))...)
}

// look finds the user and the group that the config names for f.
func (f *childFile) look() error {
	f.uid, f.gid = -1, -1
	fault := func(format string, args ...any) error {
		return &failure{place: f.entry.At(0), message: f.key + fmt.Sprintf(format, args...), code: exitConfig}
	}
	var errs []error
	if name := f.entry.Owner; name != "" {
		if f.uid = numberOf(name, lookUser); f.uid < 0 {
			errs = append(errs, fault(".owner: no user %q on this machine", name))
		}
	}
	if name := f.entry.Group; name != "" {
		if f.gid = numberOf(name, lookGroup); f.gid < 0 {
			errs = append(errs, fault(".group: no group %q on this machine", name))
		}
	}
	if f.entry.Mode != 0o440 && f.entry.Group != "" {
		errs = append(errs, fault(".group: has no effect with mode 0400; add mode: \"0440\""))
	}
	if f.entry.Mode == 0o440 && f.entry.Group == "" {
		errs = append(errs, fault(".mode: 0440 lets a group read, and none is named; add group: NAME, or use 0400"))
	}
	return errors.Join(errs...)
}

// numberOf returns the id that text is, or that look finds under it; -1: none.
func numberOf(text string, look func(string) (string, error)) int {
	id, err := strconv.ParseUint(text, 10, 31)
	if err == nil {
		return int(id)
	}
	if text, err = look(text); err == nil {
		id, err = strconv.ParseUint(text, 10, 31)
	}
	if err != nil {
		return -1
	}
	return int(id)
}

func lookUser(name string) (string, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return "", err
	}
	return u.Uid, nil
}

func lookGroup(name string) (string, error) {
	g, err := user.LookupGroup(name)
	if err != nil {
		return "", err
	}
	return g.Gid, nil
}
