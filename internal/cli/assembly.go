package cli

import (
	"errors"
	"maps"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/pyleeai/pylee/exec"
	"github.com/pyleeai/pylee/internal/config"
	"github.com/pyleeai/pylee/internal/runner"
	"github.com/pyleeai/pylee/resolve"
)

// assembly is everything one run resolves, in the order in which it was written,
// and what the results are for.
type assembly struct {
	cfg     *config.Config
	scope   resolve.Scope
	inputs  []resolve.Input
	target  *config.Target
	env     string // of --env
	broken  bool   // the config has faults of its own
	refs    envRefs
	vars    []variable // environment of the child
	args    []string   // names of the inputs that make up argv
	cwd     string     // name of the input of the directory, or empty
	removed []string   // inherited variables that the config takes away
	files   childFiles
	user    *exec.User // of the command; nil: pylee's own
	sources *sources   // what answers; nil: closed
	guard   *guardrail // nil: there is no policy
	blocks  blocks
}

// variable is one environment variable of the child and the input it comes from.
type variable struct {
	name  string
	input string
}

// assemble reads what s names and returns it with every problem found; the assembly
// holds the parts that are fine, so that all problems are reported in one run. It is
// nil if the config may not be used.
func (inv *invocation) assemble(s source) (*assembly, error) {
	cfg, err := inv.loadConfig(s.config, s.env)
	found, foundErr := inv.dotenvOf(cfg)
	if refused := inv.admit(cfg, found, err); refused != nil {
		return nil, refused
	}
	a := &assembly{cfg: cfg, env: s.env, broken: err != nil}
	errs := []error{err, foundErr}
	a.target, err = pickTarget(cfg, s)
	errs = append(errs, err)
	sets, err := parseSets(s.sets, inv.dir)
	errs = append(errs, err)
	dotenv, err := inv.dotenv(found, s.envFiles)
	errs = append(errs, err)

	a.scope = inv.scope(cfg, s, sets, dotenv)
	if s.provider != "" {
		return a, errors.Join(errs...)
	}
	if s.only != nil {
		a.files.list = []*childFile{s.only}
		return a, errors.Join(append(errs, a.addContent(s.only))...)
	}
	a.blocks, err = blocksOf(cfg)
	errs = append(errs, unserved(cfg), err)
	a.addRefs(s)
	a.addVariables(inv, s, sets, dotenv)
	switch {
	case a.target != nil:
		a.addCommand(a.targetKey(), a.target)
	case s.everything:
		a.addTargets()
	}
	errs = append(errs, a.addFiles(s.everything))
	place := s.place
	if err = errors.Join(errs...); err != nil {
		place = nil
	}
	return a, errors.Join(err, inv.placeFiles(a, place))
}

// unplaced stands for the directory of files where nothing is written.
const unplaced = "/run/pylee"

// unwinding is how long a signal leaves to take back what is half written.
const unwinding = 5 * time.Second

// placeFiles makes the directory of the files, if there are any, and lets texts name
// it and what lies in no directory.
func (inv *invocation) placeFiles(a *assembly, place *filePlace) error {
	path := ""
	if a.files.inDir() {
		path = unplaced
	}
	if place != nil {
		if err := a.lookUser(place); err != nil {
			return err
		}
		for _, f := range a.files.list {
			if f.uid > 0 {
				place.Owners = append(place.Owners, f.uid)
			}
		}
		if !a.files.none() {
			inv.guard.Hold(unwinding) // from here on a signal leaves the time to remove them
		}
		if path != "" {
			dir, err := exec.NewSecretDir(place.SecretDirOptions)
			if err != nil {
				return err
			}
			inv.debugf("files: %s", dir.Why())
			a.files.dir, a.files.open = dir, append(a.files.open, dir)
			path = dir.Path()
		}
		a.files.place = *place
	}
	memory, err := a.files.reserve(place != nil)
	if err != nil {
		return err
	}
	if path != "" {
		memory[secretsDirVariable] = path
	}
	for _, layer := range a.scope {
		if layer.Name == resolve.LayerEnvironment {
			maps.Copy(layer.Plain, memory) // a command of pylee has its own
		}
	}
	return nil
}

// lookUser finds out who the command runs as, whose the files will be.
func (a *assembly) lookUser(place *filePlace) error {
	name, group := place.user, ""
	if name == "" {
		name, group = a.child().User, a.child().Group
	}
	if name == "" && group == "" {
		return nil
	}
	if name == "" {
		name = strconv.Itoa(os.Geteuid())
	}
	user, err := exec.LookupUser(name, group)
	if err != nil {
		return err
	}
	if user.UID == os.Geteuid() && user.GID == os.Getegid() && os.Geteuid() != 0 {
		return nil
	}
	a.user, place.UID, place.GID = &user, user.UID, user.GID
	return nil
}

// addRefs decides which inherited variables are resolved: those of the command line
// and those of the config.
func (a *assembly) addRefs(s source) {
	a.refs = s.refs
	if s.refs.none {
		return
	}
	a.refs.all = a.refs.all || a.cfg.EnvRefs.All
	a.refs.names = append(a.refs.names[:len(a.refs.names):len(a.refs.names)], a.cfg.EnvRefs.Names...)
}

const layerDotenv = ".env"

// scope builds the layers behind ${NAME}, highest first.
func (inv *invocation) scope(cfg *config.Config, s source, sets, dotenv []named) resolve.Scope {
	environment := make(map[string]string, len(inv.env))
	for name, value := range inv.env {
		environment[name] = value
	}
	if s.env != "" {
		environment["PYLEE_ENV"] = s.env // the flag is this run's PYLEE_ENV
	}
	variables := map[string]resolve.Input{}
	for _, field := range cfg.Variables {
		if field.Text != nil {
			variables[field.Name] = textInput("variables."+field.Name, field.Text, resolve.ForEnv)
		}
	}
	return resolve.Scope{
		{Name: "command line", Texts: texts(sets)},
		{Name: resolve.LayerEnvironment, Plain: environment, Secret: runner.Unlocks},
		{Name: layerDotenv, Texts: texts(dotenv)},
		{Name: resolve.LayerVariables, Texts: variables},
		{Name: "built-in", Plain: map[string]string{
			"PYLEE_CONFIG_DIR": cfg.Dir, "PYLEE_VERSION": inv.version, "PYLEE_ENV": cfg.Environment,
		}},
	}
}

func texts(list []named) map[string]resolve.Input {
	m := make(map[string]resolve.Input, len(list))
	for _, n := range list {
		m[n.name] = n.input
	}
	return m
}

func textInput(name string, t *config.Text, use resolve.Use) resolve.Input {
	return resolve.Input{Name: name, Text: t.Value, Origin: t, Dir: t.Dir, Confine: t.Confine, Use: use}
}

// addVariables collects the variables of the child in the order of precedence.
func (a *assembly) addVariables(inv *invocation, s source, sets, dotenv []named) {
	v := newChildVars(len(a.cfg.Env) + len(dotenv) + len(sets))
	for _, entry := range inv.environ {
		name, value, _ := strings.Cut(entry, "=")
		if in, ok := inheritedReference(name, value, a.refs, a.cfg); ok {
			in.Dir = inv.dir
			v.put(name, in)
		}
	}
	for _, n := range dotenv {
		if _, inherited := inv.env[n.name]; !inherited {
			v.put(n.name, n.defined())
		}
	}
	if a.target == nil || !a.fromServers() {
		v.putFields("env", a.cfg.Env)
	}
	if a.target != nil {
		v.putFields(a.targetKey()+".env", a.target.Env)
	}
	for _, n := range sets {
		v.put(n.name, n.defined())
	}
	a.inputs = make([]resolve.Input, 0, len(v.list))
	a.vars = make([]variable, 0, len(v.list))
	for _, c := range v.list {
		if !c.dropped {
			a.inputs = append(a.inputs, c.input)
			a.vars = append(a.vars, variable{name: c.name, input: c.input.Name})
		}
	}
	a.removed = v.removed
}

// place returns where the text of an input is written.
func (a *assembly) place(name string) string {
	for _, in := range a.inputs {
		if in.Name == name && in.Origin != nil {
			return in.Origin.At(0)
		}
	}
	return ""
}
