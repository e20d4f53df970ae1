package integration

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/pyleeai/pylee/internal/store"
)

// S10: what was done to a store has the exit status that its table has, whichever command
// meets it, and nothing of it is printed or written.
func TestS10ExitStatus(t *testing.T) {
	bin, err := programs()
	must(t, err)
	h := newStoreHome(t, bin, t.TempDir())
	name := nameCanary + "/a"
	commands := [][]string{
		{"get", name}, {"list"}, {"history", name}, {"verify"}, {"set", name}, {"remove", name}, {"rollback", name}, {"revoke", name + "@1"},
		{"expire", name, "90d"}, {"generate", name}, {"purge", "--all"}, {"rekey"}, {"recipients", "add", h.bob}, {"recipients", "list"}, {"edit", name},
		{"import", "--from", "dotenv", "-"}, {"export", "--format", "json", "--yes"},
	}
	cells := 0
	for _, state := range h.spoils() {
		for _, argv := range commands {
			h.restore(t, "filled")
			path := h.file("").Path
			state.change(t, path)
			before := bytesOf(t, path)
			code, said := h.secret(t, "A="+valueCanary, argv...)
			if code != state.code || strings.Contains(said, valueCanary) || !bytes.Equal(bytesOf(t, path), before) {
				t.Errorf("%s: %q: status %d, want %d: %s", state.name, argv, code, state.code, said)
			}
			cells++
		}
	}
	t.Logf("%d cells", cells)
}

// A spoil is something that was done to a store or what belongs to it.
type spoil struct {
	name   string
	change func(t *testing.T, path string) // of the store
	code   int                             // the exit status of every command then
}

func (h *storeHome) spoils() []spoil {
	return []spoil{
		{"a bit of the content", func(t *testing.T, path string) { flip(t, path, -9) }, 65},
		{"a bit of the sum", func(t *testing.T, path string) { flip(t, path, bytes.Index(bytesOf(t, path), []byte("\n---"))+8) }, 65},
		{"a bit of the version", func(t *testing.T, path string) { flip(t, path, 3) }, 65},
		{"a bit of one's own key", func(t *testing.T, path string) { flip(t, path, bytes.Index(bytesOf(t, path), []byte("-> "))+60) }, 77},
		{"truncated", func(t *testing.T, path string) { must(t, os.Truncate(path, int64(len(bytesOf(t, path))-1))) }, 65},
		{"cut in the header", func(t *testing.T, path string) { must(t, os.Truncate(path, 60)) }, 65},
		{"empty", func(t *testing.T, path string) { must(t, os.Truncate(path, 0)) }, 65},
		{"no age file", func(t *testing.T, path string) { must(t, os.WriteFile(path, []byte(valueCanary), 0o600)) }, 65},
		{"rolled back", func(t *testing.T, path string) { copyFile(t, path+".bak", path) }, 65},
		{"forged", func(t *testing.T, path string) {
			h.forge(t, path, `{"pylee_store":1,"store_secret":"`+strings.Repeat("A", 43)+`=","env":"default","generation":99,"recipients":[{"r":"`+h.self(t)+`"}],"secrets":{}}`)
		}, 65},
		{"no document", func(t *testing.T, path string) { h.forge(t, path, valueCanary) }, 65},
		{"of another environment", func(t *testing.T, path string) {
			h.good(t, valueCanary, "set", "x", "--env", "production")
			copyFile(t, filepath.Join(filepath.Dir(path), "production.age"), path)
		}, 65},
		{"of another home", func(t *testing.T, path string) { copyFile(t, filepath.Join(h.other(t), "default.age"), path) }, 77},
		{"another identity", func(t *testing.T, _ string) {
			copyFile(t, filepath.Join(h.other(t), "..", "identity"), filepath.Join(h.home, ".pylee", "identity"))
		}, 77},
		{"no identity", func(t *testing.T, _ string) { must(t, os.Remove(filepath.Join(h.home, ".pylee", "identity"))) }, 77},
		{"the list beside it differs", func(t *testing.T, path string) {
			must(t, os.WriteFile(strings.TrimSuffix(path, ".age")+".recipients", []byte(h.bob+"\n"), 0o600))
		}, 65},
		{"a damaged pin", func(t *testing.T, _ string) { must(t, os.WriteFile(h.pin(t), []byte(valueCanary), 0o600)) }, 65},
		{"a newer format", func(t *testing.T, path string) { h.forge(t, path, `{"pylee_store":2,"x":"`+valueCanary+`"}`) }, 78},
		{"open to others", func(t *testing.T, path string) { must(t, os.Chmod(path, 0o644)) }, 77},
		{"a symbolic link", func(t *testing.T, path string) {
			must(t, os.Rename(path, path+"2"))
			must(t, os.Symlink(path+"2", path))
		}, 77},
		{"gone", func(t *testing.T, path string) { must(t, os.Remove(path)) }, 66},
	}
}

// flip changes a bit of a file, at a place that is counted from the end if it is negative.
func flip(t *testing.T, path string, at int) {
	t.Helper()
	data := bytesOf(t, path)
	if at < 0 {
		at += len(data)
	}
	data[at] ^= 1
	must(t, os.WriteFile(path, data, 0o600))
}

// forge puts a file there that the home's identity opens.
func (h *storeHome) forge(t *testing.T, path, document string) {
	t.Helper()
	to, err := age.ParseX25519Recipient(h.self(t))
	must(t, err)
	var data bytes.Buffer
	w, err := age.Encrypt(&data, to)
	must(t, err)
	_, err = w.Write([]byte(document))
	must(t, err)
	must(t, w.Close())
	must(t, os.WriteFile(path, data.Bytes(), 0o600))
}

// other is the directory of the stores of somebody else.
func (h *storeHome) other(t *testing.T) string {
	t.Helper()
	f := h.file("")
	f.Keys.Home = filepath.Join(h.home, "other")
	f.Path = store.Path("", f.Keys.Home, "")
	if _, err := os.Stat(f.Path); err != nil {
		must(t, os.Mkdir(f.Keys.Home, 0o700))
		_, err := f.Init(t.Context(), store.InitOptions{})
		must(t, err)
	}
	return filepath.Dir(f.Path)
}

// pin is where the store is pinned.
func (h *storeHome) pin(t *testing.T) string {
	t.Helper()
	pins, err := filepath.Glob(filepath.Join(h.home, ".local/state/pylee/stores/*[0-9a-f]"))
	must(t, err)
	for _, path := range pins {
		if bytes.Contains(bytesOf(t, path), []byte(`"`+h.file("").Path+`"`)) {
			return path
		}
	}
	t.Fatalf("no pin of the store in %q", pins)
	return ""
}

// A clockState is a store that was written at some time. Durations count from now on.
type clockState struct {
	name      string
	written   time.Duration
	expires   time.Duration // zero: never
	rewritten time.Duration // another write after that; zero: none
	code      int           // of get
	says      string
}

func clockStates(now time.Time) []clockState {
	const year = 365 * 24 * time.Hour
	return []clockState{
		{"valid", -time.Hour, time.Hour, 0, 0, ""},
		{"without end", -time.Hour, 0, 0, 0, ""},
		{"expired a second ago", -time.Hour, -time.Second, 0, 79, "store a new value"},
		{"expired in another year", -20 * year, -10 * year, 0, 79, "store a new value"},
		{"valid for long", -20 * year, 200 * year, 0, 0, ""},
		{"written by a clock ahead", 10 * year, 0, 0, 0, ""},
		{"by a clock ahead, for a while", 10 * year, 11 * year, 0, 0, ""},
		{"expired by a clock ahead", 10 * year, 5 * year, 0, 79, "set the clock"},
		{"the same, written again", 10 * year, 5 * year, -time.Minute, 0, ""},
		{"by a clock at the epoch", now.Sub(time.Unix(0, 0)) * -1, time.Hour, 0, 0, ""},
		{"by a clock at the epoch, expired then", now.Sub(time.Unix(0, 0)) * -1, now.Sub(time.Unix(60, 0)) * -1, 0, 79, "store a new value"},
	}
}

// S13: stores that were written by a clock that was wrong, or at another time, read by
// the program now, in several zones.
func TestS13ExitStatus(t *testing.T) {
	bin, err := programs()
	must(t, err)
	h := newStoreHome(t, bin, t.TempDir())
	now := time.Now()
	cells := 0
	for _, c := range clockStates(now) {
		h.restore(t, "empty")
		h.good(t, "", "init")
		f := h.file("")
		f.Now = func() time.Time { return now.Add(c.written) }
		must(t, f.Update(context.Background(), func(e *store.Edit) error {
			o := store.AddOptions{RotateAfter: "90d"}
			if c.expires != 0 {
				o.Expires = now.Add(c.expires)
			}
			_, err := e.Add(nameCanary, []byte(valueCanary), o)
			return err
		}))
		if c.rewritten != 0 {
			f.Now = func() time.Time { return now.Add(c.rewritten) }
			must(t, setOnce(f))
		}
		for _, zone := range []string{"UTC", "America/New_York", "Pacific/Kiritimati", ":/nowhere"} {
			for _, argv := range [][]string{{"get", nameCanary}, {"list"}, {"verify"}, {"history", nameCanary}} {
				cmd := h.command("", append([]string{filepath.Join(h.bin, "pylee"), "secret"}, argv...)...)
				cmd.Env = append(cmd.Env, "TZ="+zone)
				said, _ := cmd.CombinedOutput() //nolint:errcheck // the status is judged
				want, text := 0, ""
				if argv[0] == "get" {
					want, text = c.code, c.says
				}
				if code := cmd.ProcessState.ExitCode(); code != want || !strings.Contains(string(said), text) {
					t.Errorf("%s: %q in %s: status %d, want %d: %s", c.name, argv, zone, code, want, said)
				}
				cells++
			}
		}
	}
	t.Logf("%d cells", cells)
}
