package cli

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"
)

// S9: messages that nobody reads neither end the program nor stop it.
func TestS9NobodyReads(t *testing.T) {
	t.Run("closed", func(t *testing.T) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		r.Close()
		var m messages
		began := time.Now()
		m.write(w, "text\n")
		if took := time.Since(began); took > nobodyReads/2 {
			t.Errorf("waited %v", took)
		}
	})
	t.Run("full", func(t *testing.T) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		defer w.Close()
		var m messages
		long := strings.Repeat("x", 1<<20) // more than a pipe holds
		began := time.Now()
		m.write(w, long)
		m.write(w, long) // is dropped at once
		if took := time.Since(began); took < nobodyReads || took > nobodyReads*9/5 {
			t.Errorf("waited %v", took)
		}
		held := make([]byte, 1<<16)
		n, err := r.Read(held)
		if err != nil || n == 0 || len(bytes.Trim(held[:n], "x")) != 0 {
			t.Fatalf("read %d bytes: %v", n, err)
		}
		for m.stuck = false; ; { // there is room again
			m.write(w, "end\n")
			if n, err := r.Read(held); err != nil || bytes.HasSuffix(held[:n], []byte("end\n")) {
				break
			}
		}
		if m.stuck {
			t.Error("dropped although there was room")
		}
	})
	t.Run("read", func(t *testing.T) {
		f, err := os.Create(t.TempDir() + "/messages")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		var m messages
		long := strings.Repeat("line\n", 3000)
		m.write(f, long)
		m.write(f, "end\n")
		if got, err := os.ReadFile(f.Name()); string(got) != long+"end\n" || err != nil {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	})
	t.Run("no file", func(t *testing.T) {
		f, err := os.Create(t.TempDir() + "/messages")
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		new(messages).write(f, "text\n")
		if info, err := os.Stat(f.Name()); err != nil || info.Size() != 0 {
			t.Errorf("%v, %v", info, err)
		}
	})
}
