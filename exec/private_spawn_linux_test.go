package exec_test

import (
	"os"
	"testing"

	"github.com/pyleeai/pylee/exec"
)

// Children that are started one after another find the generation of their time, and
// the rest of this process none.
func TestPrivateSpawner(t *testing.T) {
	private(t)
	if os.Geteuid() != 0 {
		t.Skip("not run: files for two users need root")
	}
	top := memory(t)
	must(t, os.Chmod(top, 0o777|os.ModeSticky))
	spawner, err := exec.NewSpawner(exec.SpawnerOptions{})
	must(t, err)
	defer spawner.Close()
	var d *exec.SecretDir
	must(t, spawner.Do(func() (err error) {
		d, err = exec.PrivateDir(exec.PrivateOptions{Path: top + "/p", UID: nobody, GID: nobody, ReadOnly: true, Links: true})
		return err
	}))
	defer d.Remove()
	user := &exec.User{UID: nobody, GID: nobody}
	var previous *exec.Generation
	for _, want := range []string{"first", "second"} {
		files := []exec.SecretFile{secret("token", want)}
		must(t, d.Readable(files, user))
		previous = swapped(t, d, "", files...)
		child, err := spawner.Start(exec.Spec{
			Argv: []string{"sh", "-c", `cat "$0" >"$1" 2>&1`, d.Credentials("") + "/token", top + "/" + want},
			Env:  []string{"PATH=/usr/bin:/bin"},
			User: user,
		})
		must(t, err)
		code := child.Status().Code()
		must(t, previous.Remove())
		if data, err := os.ReadFile(top + "/" + want); err != nil || string(data) != want || code != 0 {
			t.Errorf("%q, %v, status %d; want %q", data, err, code, want)
		}
	}
	if all := names(t, top+"/p"); all != nil {
		t.Error("seen outside:", all)
	}
}
