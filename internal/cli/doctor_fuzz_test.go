package cli

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
)

// Whatever a config says, doctor ends, and what it prints is harmless on a terminal.
func FuzzDoctorConfig(f *testing.F) {
	for _, text := range []string{
		"env: {A: '${secret:a}', B: {value: x}}\nfiles: {f: {value: '${secret:b}'}}\nenvironments: {e: {env: {A: null}}}",
		"extends: [pylee.yaml, x]\nenv_files: [.env, ../x, /dev/zero]\ncommands: {c: {command: [x], files: {g: {dir: /x, entries: {}}}}}",
		"providers: {v: {type: vault, address: }}\nmcpServers: {s: {url: 3}}\nchild: {keep_env: [1]}",
		"env: {\"\x1b[2K\": x}", "---\n- a", "",
	} {
		f.Add([]byte(text))
	}
	home := f.TempDir()
	if err := errors.Join(os.Chmod(home, 0o700), os.Mkdir(filepath.Join(home, "p"), 0o700)); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := filepath.Join(home, "p")
		if err := os.WriteFile(filepath.Join(dir, "pylee.yaml"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := os.CreateTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		defer out.Close()
		inv := newInvocation([]string{"HOME=" + home}, "0", Stdio{Out: out})
		inv.dir = dir
		if err := inv.doctor(context.Background(), doctorOptions{}); err != nil && err != status(exitFindings) {
			t.Fatal(err)
		}
		text, err := os.ReadFile(out.Name())
		if err != nil || !strings.Contains(string(text), "\nclock\n") {
			t.Fatalf("%v: %q", err, text)
		}
		if strings.ContainsFunc(string(text), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) {
			t.Errorf("%q", text)
		}
	})
}
