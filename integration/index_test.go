package integration

import (
	"bufio"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// indexed is a line of testdata/s16.txt.
type indexed struct {
	id, what string
	tests    []string // PACKAGE:NAME
	none     string   // why there are none
}

func readIndex(t *testing.T) (rows []indexed) {
	t.Helper()
	file, err := os.Open("testdata/s16.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for scan := bufio.NewScanner(file); scan.Scan(); {
		line := scan.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		cells := strings.Split(line, " | ")
		if len(cells) != 3 {
			t.Fatalf("%q: want three cells", line)
		}
		row := indexed{id: cells[0], what: cells[1]}
		if reason, ok := strings.CutPrefix(cells[2], "- "); ok {
			row.none = reason
		} else {
			row.tests = strings.Fields(cells[2])
		}
		rows = append(rows, row)
	}
	return rows
}

// The index has each item once, and names tests that exist.
func TestIndex(t *testing.T) {
	var want, got []string
	for _, series := range []struct {
		prefix string
		last   int
	}{{"E", 15}, {"S", 12}, {"T", 8}, {"P", 6}, {"X", 5}, {"D", 29}, {"F", 13}, {"W", 5}, {"R", 19}} {
		for n := 1; n <= series.last; n++ {
			want = append(want, series.prefix+strconv.Itoa(n))
		}
	}
	known := map[string]string{}
	for pkg, dir := range map[string]string{"exec": "../exec", "watch": "../watch", "resolve": "../resolve", "runner": "../internal/runner", "integration": "."} {
		known[pkg] = testSource(t, dir)
	}
	for _, row := range readIndex(t) {
		got = append(got, row.id)
		for _, test := range row.tests {
			pkg, name, _ := strings.Cut(test, ":")
			if reason := missing(known[pkg], name); reason != "" {
				t.Errorf("%s: %s: %s", row.id, test, reason)
			}
		}
		if len(row.tests) == 0 && row.none == "" {
			t.Errorf("%s: no test and no reason", row.id)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("items\n%q\nwant\n%q", got, want)
	}
}

// missing tells what a package lacks of a test: the function, or in its source the
// name of the subtest. Scenarios are files.
func missing(source, name string) string {
	parts := strings.Split(name, "/")
	if !strings.Contains(source, "\nfunc "+parts[0]+"(t *testing.T)") {
		return "no such function"
	}
	for _, part := range parts[1:] {
		if part == "*" || part == "exec" || part == "supervise" {
			continue
		}
		part = strings.TrimSuffix(strings.TrimSuffix(part, "--supervise"), "--exec")
		if _, err := os.Stat("testdata/scenarios/" + part + ".txtar"); err == nil {
			continue
		}
		if !regexp.MustCompile(`"` + strings.ReplaceAll(regexp.QuoteMeta(part), "_", "[ _]") + `["/]`).MatchString(source) {
			return "no such subtest: " + part
		}
	}
	return ""
}

func TestIndexMissing(t *testing.T) {
	const source = "\nfunc TestA(t *testing.T) {\n{\"one way\", 1}\n"
	for name, want := range map[string]string{
		"TestA": "", "TestA/one_way": "", "TestA/*/one_way": "", "TestB": "no such function", "Test": "no such function",
		"TestA/one": "no such subtest: one",
	} {
		if got := missing(source, name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func testSource(t *testing.T, dir string) string {
	t.Helper()
	paths, err := filepath.Glob(dir + "/*_test.go")
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: no tests: %v", dir, err)
	}
	var all strings.Builder
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}
