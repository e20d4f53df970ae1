package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const mounted = `
providers: {kube: {type: dir, path: PATH}}
env: {PW: "${kube:user}/${kube:password}"}
watch: {quiet: 20ms}
child: {ready: {notify: true}}
rotation: {ready_within: 10s, min_interval: 1ms}
`

// publish replaces a directory of secrets as the kubelet does: new files in a directory of
// their own, which the link ..data is made to lead to at one moment, and the old ones are
// removed (AtomicWriter of k8s.io/kubernetes/pkg/volume/util).
func publish(t *testing.T, dir string, n int, secrets map[string]string) {
	t.Helper()
	fresh := fmt.Sprintf("..2026_01_01_%06d", n)
	old, _ := os.Readlink(filepath.Join(dir, "..data")) //nolint:errcheck // the first time there is none
	try := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	try(os.MkdirAll(filepath.Join(dir, fresh), 0o755))
	for name, value := range secrets {
		try(os.WriteFile(filepath.Join(dir, fresh, name), []byte(value), 0o600))
	}
	try(os.Symlink(fresh, filepath.Join(dir, "..data_tmp")))
	try(os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
	for name := range secrets {
		if _, err := os.Lstat(filepath.Join(dir, name)); err != nil {
			try(os.Symlink(filepath.Join("..data", name), filepath.Join(dir, name)))
		}
	}
	if old != "" {
		try(os.RemoveAll(filepath.Join(dir, old)))
	}
}

// W1: a volume of Kubernetes is followed, also where the way to it leads through other
// links; each change is one restart, and never with a part of it.
func TestW1KubernetesVolume(t *testing.T) {
	for name, links := range map[string][]string{"directly": nil, "through two links": {"second", "first"}} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			volume := filepath.Join(p.dir, "volume")
			account := func(n int) map[string]string {
				return map[string]string{"user": fmt.Sprintf("u%d", n), "password": fmt.Sprintf("p%d", n)}
			}
			publish(t, volume, 0, account(0))
			path := volume
			for _, link := range links {
				if err := os.Symlink(path, filepath.Join(p.dir, link)); err != nil {
					t.Fatal(err)
				}
				path = filepath.Join(p.dir, link)
			}
			r := rotateIn(t, p, strings.ReplaceAll(mounted, "PATH", path), nil, p.bin+"/rotor")
			r.says("start u0/p0")
			r.status("running", running(1))
			const swaps = 20
			for n := 1; n <= swaps; n++ {
				publish(t, volume, n, account(n))
				r.says("term")
				r.says(fmt.Sprintf("start u%d/p%d", n, n))
			}
			if s := r.status("running", running(swaps+1)); s.Restarts != swaps {
				t.Errorf("%d restarts for %d swaps", s.Restarts, swaps)
			}
			r.ends()
			if r.err.Len() > 0 {
				t.Errorf("stderr %q", r.err.String())
			}
		})
	}
}

// W1: the way to a volume may itself be led elsewhere.
func TestW1LinkOnTheWay(t *testing.T) {
	p := newPlace(t)
	for n, name := range []string{"blue", "green"} {
		publish(t, filepath.Join(p.dir, name), n, map[string]string{"user": name, "password": "x"})
	}
	way := filepath.Join(p.dir, "way")
	lead := func(to string) {
		t.Helper()
		err := os.Symlink(to, way+".new")
		if err == nil {
			err = os.Rename(way+".new", way)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	lead("blue")
	r := rotateIn(t, p, strings.ReplaceAll(mounted, "PATH", way), nil, p.bin+"/rotor")
	r.says("start blue/x")
	r.status("running", running(1))
	for _, name := range []string{"green", "blue", "green"} {
		lead(name)
		r.says("term")
		r.says("start " + name + "/x")
	}
	publish(t, filepath.Join(p.dir, "green"), 7, map[string]string{"user": "later", "password": "x"})
	r.says("term")
	r.says("start later/x")
	r.ends()
}

// W3: a single file that is mounted, as with subPath, never changes, and pylee says so.
func TestW3SubPathIsTold(t *testing.T) {
	needsMounts(t)
	p := newPlace(t)
	for _, name := range []string{"source", "pw"} {
		baoWrite(t, filepath.Join(p.dir, name), []byte("one\n"))
	}
	wrapper := []string{"unshare", "--mount", "sh", "-c", `mount --bind source pw && exec "$0" "$@"`}
	r := rotateIn(t, p, quickly, wrapper, p.bin+"/rotor")
	r.says("start one")
	r.status("running", running(1))
	r.ends()
	if said := r.err.String(); strings.Count(said, "\n") != 1 || !strings.Contains(said, "mount") {
		t.Errorf("stderr %q", said)
	}
}
