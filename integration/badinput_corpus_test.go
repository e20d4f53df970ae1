package integration

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"filippo.io/age"
	"golang.org/x/tools/txtar"
)

// badCase is a bad input and what pylee has to say to it.
type badCase struct {
	name  string
	files []txtar.File
	steps []string // lay out what no text can hold
	needs string   // "root", "user" (not root), or nothing
	run   string   // for sh
	input string   // its $1
	code  int
	want  []complaint
	root  string
	env   []string

	atHome bool // the work directory lies below the home directory
}

// complaint is one error: where, what, and what to do.
type complaint struct {
	place string // file:line:col; "-": none
	text  string
	hint  string // empty: not looked at
}

func (w complaint) saidBy(line, place string) bool {
	head := "pylee: "
	switch {
	case place != "-":
		head += place + ":"
	case strings.HasPrefix(line, "{"): // --json
		head = ""
	}
	return strings.HasPrefix(line, head) && strings.Contains(line, w.text)
}

func (c *badCase) getenv(name string) string {
	for _, entry := range c.env {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}

// readCorpus reads the cases of one archive. Its sections are
//
//	-- NAME FILE --   a case: the header, then the content of FILE; without "run:" it is
//	                  pylee run --config FILE -- touch started
//	                  further sections of this NAME are further files
//	-- NAME --        the header, then a case on each line: INPUT => EXPECTATION, where
//	                  INPUT is $1 of the header's "run:", or the command line itself
//
// and the lines of a header
//
//	$ STEP            lays out the input: a command for sh, "seal FILE" or "socket FILE"
//	needs: WHO        "root", or "user" for anybody but root
//	run: COMMAND      for sh, with pylee in PATH
//	=> EXPECTATION    CODE PLACE TEXT [=> HINT]: the exit code, file:line:col or "-", and
//	                  a part of the message and of a hint; "*" is any hint
//	+> PLACE TEXT     a further message
func readCorpus(path string) ([]*badCase, error) {
	archive, err := txtar.ParseFile(path)
	if err != nil {
		return nil, err
	}
	var cases []*badCase
	for _, section := range archive.Files {
		name, file, single := strings.Cut(section.Name, " ")
		i := slices.IndexFunc(cases, func(c *badCase) bool { return c.name == name })
		switch {
		case !single:
			list, err := readList(name, string(section.Data))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			cases = append(cases, list...)
		case i >= 0:
			cases[i].files = append(cases[i].files, txtar.File{Name: file, Data: section.Data})
		default:
			c := &badCase{name: name, run: "pylee run --config " + file + " -- touch started"}
			rest, err := c.header(string(section.Data))
			if err != nil || c.want == nil {
				return nil, fmt.Errorf("%s: %s: no expectation, or a bad one: %w", path, name, err)
			}
			c.files = []txtar.File{{Name: file, Data: []byte(rest)}}
			cases = append(cases, c)
		}
	}
	return cases, nil
}

// readList reads a section with one case per line.
func readList(name, text string) ([]*badCase, error) {
	var common badCase
	text, err := common.header(text)
	if err != nil {
		return nil, err
	}
	var cases []*badCase
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || strings.HasPrefix(line, "# ") {
			continue
		}
		input, rest, ok := strings.Cut(line, " => ")
		c := common
		c.name = fmt.Sprintf("%s/%d", name, len(cases)+1)
		if c.input = strings.TrimRight(input, " "); c.run == "" {
			c.run, c.input = c.input, ""
		}
		if err := c.expect(rest); !ok || err != nil {
			return nil, fmt.Errorf("%s: %q: no expectation, or a bad one", name, line)
		}
		cases = append(cases, &c)
	}
	return cases, nil
}

// header reads the lines on top of a section and returns what is behind them.
func (c *badCase) header(text string) (string, error) {
	for text != "" {
		line, rest, _ := strings.Cut(text, "\n")
		switch word, arg, _ := strings.Cut(line, " "); word {
		case "$":
			c.steps = append(c.steps, arg)
		case "needs:":
			c.needs = arg
		case "run:":
			c.run = arg
		case "=>":
			if err := c.expect(arg); err != nil {
				return "", err
			}
		case "+>":
			c.want = append(c.want, parseComplaint(arg))
		default:
			return text, nil
		}
		text = rest
	}
	return "", nil
}

// expect reads CODE PLACE TEXT [=> HINT].
func (c *badCase) expect(text string) error {
	code, rest, _ := strings.Cut(text, " ")
	var err error
	c.code, err = strconv.Atoi(code)
	c.want = []complaint{parseComplaint(rest)}
	return err
}

func parseComplaint(text string) (w complaint) {
	text, w.hint, _ = strings.Cut(text, " => ")
	w.place, w.text, _ = strings.Cut(text, " ")
	return w
}

// step runs a command of sh, or what no command is there for.
func (c *badCase) step(step string) error {
	switch word, arg, _ := strings.Cut(step, " "); word {
	case "seal":
		return c.seal(arg)
	case "socket":
		return socket(filepath.Join(c.root, "work", arg))
	}
	cmd := exec.Command("sh", "-e", "-c", step, "sh", c.input)
	cmd.Dir, cmd.Env = filepath.Join(c.root, "work"), c.env
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

func socket(path string) error {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return err
	}
	l.SetUnlinkOnClose(false)
	return l.Close()
}

// seal makes a store of a document, whatever it says, and the identity for it.
func (c *badCase) seal(doc string) error {
	home := c.getenv("HOME")
	if err := os.MkdirAll(filepath.Join(home, ".pylee", "secrets"), 0o700); err != nil {
		return err
	}
	plain, err := os.ReadFile(filepath.Join(c.root, "work", doc))
	if err != nil {
		return err
	}
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(home, ".pylee", "identity"), []byte(id.String()+"\n"), 0o600); err != nil {
		return err
	}
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, id.Recipient())
	if err != nil {
		return err
	}
	if _, err := w.Write(plain); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return os.WriteFile(c.getenv("STORE"), sealed.Bytes(), 0o600)
}

// listing describes every file below root, but for lock files, which are made before
// a store is looked at, hold nothing and stay.
func listing(t *testing.T, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrPermission) {
			all[path] = "closed"
			return nil
		}
		if err != nil || strings.HasSuffix(path, ".lock") {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		said := info.Mode().String()
		if info.Mode().IsRegular() && info.Size() < 1<<20 {
			data, err := os.ReadFile(path)
			if err != nil && !errors.Is(err, fs.ErrPermission) {
				return err
			}
			said += fmt.Sprintf(" %x", sha256.Sum256(data))
		}
		all[path] = said
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
