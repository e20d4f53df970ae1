package metrics

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestTextfile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "app.prom")
	synctest.Test(t, func(t *testing.T) {
		var warned []string
		r := New("1.2.3", time.Now())
		e, err := Start(r, Options{Textfile: path}, func(format string, a ...any) { warned = append(warned, fmt.Sprintf(format, a...)) })
		if err != nil {
			t.Fatal(err)
		}
		expectFile(t, path, "pylee_generation 0\n")
		r.SetCommand(Command{Generation: 7})
		time.Sleep(every + time.Second)
		synctest.Wait()
		expectFile(t, path, "pylee_generation 7\n")

		// One warning for a directory that is gone, and none when it is back.
		if err := os.Rename(dir, dir+".away"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * every)
		synctest.Wait()
		if err := os.Rename(dir+".away", dir); err != nil {
			t.Fatal(err)
		}
		r.SetCommand(Command{Generation: 8})
		time.Sleep(every)
		synctest.Wait()
		expectFile(t, path, "pylee_generation 8\n")
		if len(warned) != 1 || !strings.HasPrefix(warned[0], "metrics.textfile: ") {
			t.Errorf("warned %q", warned)
		}
		e.Close()
	})
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func expectFile(t *testing.T, path, line string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(text), line) {
		t.Errorf("no %q: %v", line, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o644 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestStartSaysWhatIsWrong(t *testing.T) {
	taken := exported(t).Address().String()
	textfile := filepath.Join(t.TempDir(), "a.prom")
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{Textfile: filepath.Join(t.TempDir(), "none", "a.prom")}, "metrics.textfile: "},
		{Options{Listen: taken, Textfile: textfile}, "metrics.listen: "},
		{Options{Listen: "0.0.0.0:9464"}, "metrics.listen: only this machine"},
	} {
		e, err := Start(New("1", time.Now()), c.o, quiet(t))
		if err == nil {
			e.Close()
		}
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%+v: %v", c.o, err)
		}
	}
	if _, err := os.Lstat(textfile); !os.IsNotExist(err) {
		t.Errorf("the text file stayed: %v", err)
	}
}
