package watch

import (
	"bytes"
	"context"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestW2NoChangeNoHint: what happens beside a file, or to it without changing what it
// holds, gives no hint. Another file tells when all of it has been looked at.
func TestW2NoChangeNoHint(t *testing.T) {
	noise := map[string]func(d tree){
		"an editor's files": func(d tree) {
			d.write("a/.f.swp", "x")
			d.write("a/4913", "")
			d.remove("a/4913")
			d.write("a/f~", "1")
			d.remove("a/.f.swp")
		},
		"the same content, in place": func(d tree) {
			f, err := os.OpenFile(d.path("a/f"), os.O_WRONLY, 0) // not truncated: a look could see that
			d.must(err)
			_, err = f.WriteString("1")
			d.must(err)
			d.must(f.Close())
		},
		"the same content, another file": func(d tree) { d.replace("a/f", "1") },
		"mode":                           func(d tree) { d.must(os.Chmod(d.path("a/f"), 0o640)) },
		"times":                          func(d tree) { d.must(os.Chtimes(d.path("a/f"), time.Unix(1, 0), time.Unix(1, 0))) },
		"the same content, elsewhere":    func(d tree) { d.write("b/f", "1"); d.link("/b/f", "a/f") },
		"read by others": func(d tree) {
			_, err := os.ReadFile(d.path("a/f"))
			d.must(err)
		},
	}
	for name, act := range noise {
		t.Run(name, func(t *testing.T) {
			d := newTree(t)
			d.write("a/f", "1")
			d.write("c/g", "1")
			b := newBench(t, Options{}, nil,
				Target{Name: "f", Paths: []string{d.path("a/f")}}, Target{Name: "g", Paths: []string{d.path("c/g")}})
			act(d)
			d.replace("c/g", "2")
			if names := b.hint(); !slices.Equal(names, []string{"g"}) {
				t.Errorf("hinted: %q", names)
			}
			d.write("a/f", "2") // and still watched
			b.await(d.path("a/f"))
		})
	}
}

func TestW2OneFileOfManyTargets(t *testing.T) {
	d := newTree(t)
	d.write("f", "1")
	path := []string{d.path("f")}
	b := newBench(t, Options{}, nil, Target{Name: "b", Paths: path}, Target{Name: "a", Paths: path}, Target{Name: "a", Paths: path})
	d.write("f", "2")
	if names := b.hint(); !slices.Equal(names, []string{"a", "b"}) {
		t.Errorf("hinted: %q", names)
	}
}

// TestW2WhatIsNoFileIsNotOpened: to open a fifo would wait for a writer.
func TestW2WhatIsNoFileIsNotOpened(t *testing.T) {
	d := newTree(t)
	d.must(syscall.Mkfifo(d.path("f"), 0o600))
	b := newBench(t, Options{}, nil, Target{Name: "it", Paths: []string{d.path("f")}})
	d.remove("f")
	b.await(d.path("f"))
	d.write("f", "1")
	b.await(d.path("f"))
	d.remove("f")
	d.must(syscall.Mkfifo(d.path("f"), 0o600))
	b.await(d.path("f"))
}

func TestW2MarksAreOfContentAndKeyed(t *testing.T) {
	d := newTree(t)
	m := newMarker(newKey())
	of := func(name string) mark { return m.of(newView(nil).look(d.path(name))) }
	big := strings.Repeat("x", 100_000)
	seen := map[mark]string{}
	for name, content := range map[string]string{"empty": "", "one": "1", "big": big, "bigger": big + "x"} {
		d.write(name, content)
		seen[of(name)] = name
	}
	seen[of("missing")] = "missing"
	d.mkdir("directory")
	seen[of("directory")] = "directory"
	d.write("names/a", "b")
	seen[of("names")] = "names"
	d.write("other/ab", "")
	seen[of("other")] = "other"
	if len(seen) != 8 {
		t.Errorf("not all differ: %v", seen)
	}
	if again := of("big"); seen[again] != "big" {
		t.Error("a mark does not stay the same")
	}
	if of("one") == newMarker(newKey()).of(newView(nil).look(d.path("one"))) {
		t.Error("the key does not count")
	}
	if !bytes.Equal(m.buffer, make([]byte, len(m.buffer))) {
		t.Error("content is kept")
	}
}

func TestW4OwnOutputDoesNotCount(t *testing.T) {
	d := newTree(t)
	d.write("run/own/f", "1")
	d.link("/run", "link")
	d.write("g", "1")
	b := newBench(t, Options{Ignore: []string{d.path("link/own")}}, nil,
		Target{Name: "own", Paths: []string{d.path("run/own/f"), d.path("link/own/f"), d.path("run/own")}},
		Target{Name: "above", Paths: []string{d.path("run")}},
		Target{Name: "g", Paths: []string{d.path("g")}})
	d.write("run/own/f", "2")
	d.write("run/own/new", "2")
	d.remove("run/own/f")
	d.replace("g", "2")
	if names := b.hint(); !slices.Equal(names, []string{"g"}) {
		t.Errorf("hinted: %q", names)
	}
	b.Close()
	if _, listening := b.files.ears.places[d.path("run/own")]; listening {
		t.Error("listens to the directory to ignore")
	}
}

// TestNothingIsLeft: neither goroutines nor, where that can be told, descriptors.
func TestNothingIsLeft(t *testing.T) {
	d := newTree(t)
	d.write("a/f", "1")
	files, routines := descriptors(t), runtime.NumGoroutine()
	for range 3 {
		w, err := Start(t.Context(), Options{Quiet: time.Hour},
			Target{Name: "f", Paths: []string{d.path("a/f")}, Every: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		d.remove("a")
		d.write("a/f", "2")
		w.Close()
		w.Close()
	}
	late := time.Now().Add(patience)
	for runtime.NumGoroutine() > routines && time.Now().Before(late) {
		runtime.Gosched()
	}
	if n := runtime.NumGoroutine(); n > routines {
		t.Errorf("%d goroutines, %d before", n, routines)
	}
	if now := descriptors(t); now != files {
		t.Errorf("open: %s, before: %s", now, files)
	}
}

// descriptors lists what is open, except for what the list itself needs.
func descriptors(t *testing.T) string {
	var all []string
	for fd := range 200 {
		if target, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd)); err == nil {
			all = append(all, target)
		}
	}
	if runtime.GOOS == "linux" && len(all) == 0 {
		t.Fatal("descriptors cannot be listed")
	}
	return strings.Join(all, " ")
}

func TestStartEndsWithItsContext(t *testing.T) {
	d := newTree(t)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	w, err := Start(ctx, Options{}, Target{Name: "f", Paths: []string{d.path("f")}, Every: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	w.group.Wait() // without Close
	w.Close()
}

// BenchmarkHint measures the time from a change of a file to the hint, beyond the quiet period.
func BenchmarkHint(b *testing.B) {
	acts := []struct {
		name string
		act  func(d tree, n int)
	}{
		{"replaced", func(d tree, n int) { d.replace("v/..0/key", strconv.Itoa(n)) }},
		{"written", func(d tree, n int) { d.write("v/..0/key", strconv.Itoa(n)) }},
		{"swapped", func(d tree, n int) { // another set of directories
			d.write("v/.."+strconv.Itoa(n)+"/key", strconv.Itoa(n))
			d.link(".."+strconv.Itoa(n), "v/..data")
			d.remove("v/.." + strconv.Itoa(n-1))
		}},
	}
	for _, a := range acts {
		b.Run(a.name, func(b *testing.B) { latency(b, a.act) })
	}
}

func latency(b *testing.B, act func(d tree, n int)) {
	const quiet = 20 * time.Millisecond
	d := newTree(b)
	d.write("v/..0/key", "0")
	d.link("..0", "v/..data")
	d.link("..data/key", "v/key")
	bench := newBench(b, Options{Quiet: quiet}, nil, Target{Name: "it", Paths: []string{d.path("v/key")}})
	var all []time.Duration
	for n := 1; b.Loop(); n++ {
		act(d, n)
		began := time.Now()
		<-bench.C()
		all = append(all, time.Since(began)-quiet)
	}
	slices.Sort(all)
	b.ReportMetric(float64(all[len(all)/2])/1e6, "ms-median")
	b.ReportMetric(float64(all[len(all)*99/100])/1e6, "ms-p99")
}
