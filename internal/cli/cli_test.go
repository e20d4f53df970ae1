package cli

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

func testApp(t *testing.T) *cli.App {
	t.Helper()
	app := newApp(newInvocation(nil, "0", Stdio{os.Stdin, os.Stdout, os.Stderr}))
	app.Setup()
	return app
}

// all returns every visible command with its full name.
func all(prefix string, commands []*cli.Command) map[string]*cli.Command {
	m := map[string]*cli.Command{}
	for _, c := range commands {
		if c.Hidden {
			continue
		}
		m[prefix+" "+c.Name] = c
		for name, sub := range all(prefix+" "+c.Name, c.Subcommands) {
			m[name] = sub
		}
	}
	return m
}

func TestEveryCommandHasAnExample(t *testing.T) {
	for name, c := range all("pylee", testApp(t).Commands) {
		if !strings.Contains(c.Description, "    "+name) && !strings.Contains(c.Description, "| "+name) && !strings.Contains(c.Description, "   "+name) {
			t.Errorf("%s: the help shows no example of it", name)
		}
	}
}

func TestHelpNamesOnlyFlagsThatExist(t *testing.T) {
	flag := regexp.MustCompile(`(?:^|\s)--([a-z][a-z-]+)`)
	commands := all("pylee", testApp(t).Commands)
	for name, c := range commands {
		for _, line := range strings.Split(c.Description, "\n") {
			owner := ""
			for other := range commands { // the longest command that the line names
				if strings.Contains(line, other+" ") && len(other) > len(owner) {
					owner = other
				}
			}
			if owner == "" {
				continue
			}
			own, _, _ := strings.Cut(line[strings.Index(line, owner):], " -- ")
			for _, m := range flag.FindAllStringSubmatch(own, -1) {
				if !hasFlag(commands[owner], m[1]) {
					t.Errorf("help of %s: %s has no flag --%s", name, owner, m[1])
				}
			}
		}
	}
}

func hasFlag(c *cli.Command, name string) bool {
	for _, f := range c.Flags {
		if slices.Contains(f.Names(), name) {
			return true
		}
	}
	return false
}

func TestPermute(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"pylee secret get a --reveal", "pylee secret get --reveal -- a"},
		{"pylee secret set a v --note n --env=x", "pylee secret set --note n --env=x -- a v"},
		{"pylee secret set a -- --v", "pylee secret set -- a --v"},
		{"pylee explain K --env e", "pylee explain --env e -- K"},
		{"pylee check --env-refs --json", "pylee check --env-refs --json --"},
		{"pylee run a --env b", "pylee run a --env b"},
		{"pylee run -- a -- b", "pylee run -- a -- b"},
		{"pylee secret set a --note", "pylee secret set --note"},
		{"pylee", "pylee"},
		{"pylee --debug run a", "pylee --debug run a"},
		{"pylee --debug secret get a --reveal", "pylee --debug secret get --reveal -- a"},
	} {
		got := strings.Join(permute(testApp(t), strings.Fields(test.in)), " ")
		if got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", test.in, got, test.want)
		}
	}
}

func TestEnvRefs(t *testing.T) {
	for _, test := range []struct {
		set  []string
		name string
		want bool
	}{
		{nil, "A", false},
		{[]string{"true"}, "A", true},
		{[]string{"A,B"}, "B", true},
		{[]string{"A,B"}, "C", false},
		{[]string{"A", "C"}, "C", true},
		{[]string{"true", "false"}, "A", false},
	} {
		var e envRefs
		for _, s := range test.set {
			if err := e.Set(s); err != nil {
				t.Fatal(err)
			}
		}
		if got := e.wants(test.name); got != test.want {
			t.Errorf("%v wants %s: %v", test.set, test.name, got)
		}
	}
}

func TestDropEcho(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "\n": "", "a": "a", "a\n": "a", "a\r\n": "a", "a\n\n": "a\n\n", "a\nb\n": "a\nb\n", "a\nb": "a\nb",
	} {
		if got := string(dropEcho([]byte(in))); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestTheReferenceHasEveryExitCode(t *testing.T) {
	page, err := os.ReadFile("../../docs/reference.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for _, row := range exitTable {
		line := fmt.Sprintf("| %d | %s |", row.code, row.meaning)
		if strings.Contains(strings.ReplaceAll(string(page), "`", ""), line) {
			rows++
			continue
		}
		t.Errorf("docs/reference.md lacks %s", line)
	}
	if rows == 0 {
		t.Error("no row at all")
	}
}

func TestRefsFromTheEnvironment(t *testing.T) {
	for value, want := range map[string][2]bool{
		"": {}, "0": {}, "false": {}, "off": {},
		"1": {true, true}, "true": {true, true}, "ALL": {true, true}, "A": {true, false}, "A,B": {true, true},
	} {
		refs := refsFrom(value)
		if got := [2]bool{refs.wants("A"), refs.wants("B")}; got != want {
			t.Errorf("PYLEE_ENV_REFS=%s: %v, want %v", value, got, want)
		}
	}
}
