package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMaskOnATerminal has a command behind a mask find a terminal of the right size, write
// its colours to it, and hear of a new size.
func TestMaskOnATerminal(t *testing.T) {
	bin, home := build(t), t.TempDir()
	env := []string{"HOME=" + home, "PATH=" + bin + string(os.PathListSeparator) + os.Getenv("PATH"), "TERM=xterm"}
	script := filepath.Join(home, "show")
	text := `test -t 1 && test -t 2 && echo both are terminals
printf '\033[31m%s\033[0m\n' "$PW"
trap 'stty size <&1' WINCH
echo ready
until read -r line && test "$line" = end; do :; done
exit 3
`
	if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	value := filepath.Join(home, "pw")
	if err := os.WriteFile(value, []byte("hunter2-hunter2"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := onTerminal(t, env, filepath.Join(bin, "pylee"), "run", "--mask", "--set", "PW=${file:"+value+"}", "--", "sh", script)
	s.expect("both are terminals\r\n")
	if shown := s.expect("ready\r\n"); shown != "\x1b[31m[redacted]\x1b[0m\r\n" {
		t.Errorf("the terminal shows %q", shown)
	}
	s.resize(41)
	if before := s.expect("41 80\r\n"); strings.Contains(before, "hunter2") {
		t.Errorf("the terminal shows %q", before)
	}
	s.send("end\n")
	if status := s.wait(); status.ExitStatus() != 3 {
		t.Errorf("the status is %v, want that of the command", status)
	}
}
