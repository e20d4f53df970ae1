package store

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/pyleeai/pylee/providers"
)

func TestVerify(t *testing.T) {
	f := versions(t)
	v, err := f.Verify(context.Background(), VerifyOptions{})
	if err != nil || v.Generation != 6 || v.Pinned != 6 || v.Secrets != 2 || v.Versions != 5 || v.Backup != BackupPrevious || len(v.Recipients) != 1 || len(v.Faults) != 0 {
		t.Errorf("%+v, %v", v, err)
	}
	do(t, os.RemoveAll(f.StateDir))
	if v, err = f.Verify(context.Background(), VerifyOptions{}); err != nil || v.Pinned != 0 || !exists(f.pinPath()) {
		t.Errorf("%+v, %v", v, err)
	}
}

// Faults that opening a store for one secret does not meet.
func TestVerifyFinds(t *testing.T) {
	for _, c := range []struct {
		name, old, new string
		texts          []string
	}{
		{"entry", `{"active":1`, `{"active":"1"`, []string{"the entry of db/password is damaged"}},
		{"value", `"v":"`, `"v":"!`, []string{"version 1 of db/password is damaged"}},
		{"state", `"state":"ok"`, `"state":"other"`, []string{"version 1 of db/password is damaged"}},
		{"time", `"created":"2026`, `"created":"x`, []string{"version 1 of db/password is damaged"}},
		{"active version", `"versions":{"1":`, `"versions":{"2":`, []string{"the entry of db/password is damaged"}},
		{"no active version", `"active":1,"latest":1`, `"active":2,"latest":2`, []string{"the active version of db/password is missing"}},
		{"labels", `"active":1`, `"labels":[],"active":1`, []string{"the labels of db/password are damaged"}},
		{"name", `"db/password":`, `"\u001b[2J":`, []string{"a name that none can have"}},
		{"recipients", `"recipients":[`, `"recipients":[{"r":"age1x"},`, []string{"is encrypted to 1 recipients, and names 2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := made(t)
			reforge(t, f, c.old, c.new)
			v, err := f.Verify(context.Background(), VerifyOptions{})
			want(t, err, providers.ErrInvalid, providers.ReasonIntegrity, append(c.texts, "faults: 1")...)
			if len(v.Faults) != 1 {
				t.Errorf("%+v", v)
			}
		})
	}
}

func TestVerifyBackup(t *testing.T) {
	for _, c := range []struct {
		name, want string
		fault      bool
		change     func(t *testing.T, f File)
	}{
		{"previous", BackupPrevious, false, func(*testing.T, File) {}},
		{"none", BackupNone, false, func(t *testing.T, f File) { do(t, os.Remove(f.Path+".bak")) }},
		{"older", BackupOlder, false, func(t *testing.T, f File) {
			old := read(t, f.Path+".bak")
			set(t, f, "x", "1")
			write(t, f.Path+".bak", old)
		}},
		{"bit", BackupDamaged, true, func(t *testing.T, f File) {
			b := read(t, f.Path+".bak")
			b[len(b)-1] ^= 1
			write(t, f.Path+".bak", b)
		}},
		{"empty", BackupDamaged, true, func(t *testing.T, f File) { write(t, f.Path+".bak", nil) }},
		{"open to others", BackupDamaged, true, func(t *testing.T, f File) { do(t, os.Chmod(f.Path+".bak", 0o644)) }},
		{"another store", BackupForeign, false, func(t *testing.T, f File) {
			other := home(t)
			other.Keys = f.Keys
			_, err := other.Init(context.Background(), InitOptions{})
			do(t, err)
			write(t, f.Path+".bak", read(t, other.Path))
		}},
		{"newer", BackupForeign, false, func(t *testing.T, f File) {
			old := read(t, f.Path)
			set(t, f, "x", "1")
			newer := read(t, f.Path)
			write(t, f.Path, old)
			write(t, f.Path+".bak", newer)
			do(t, os.RemoveAll(f.StateDir))
		}},
		{"of somebody else", BackupLocked, false, func(t *testing.T, f File) { write(t, f.Path+".bak", read(t, made(t).Path)) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := made(t)
			do(t, os.Remove(f.Path+".bak")) // the two are one file's names until the next change
			set(t, f, "y", "1")
			c.change(t, f)
			v, err := f.Verify(context.Background(), VerifyOptions{})
			if v.Backup != c.want || (err != nil) != c.fault {
				t.Errorf("%+v, %v", v, err)
			}
		})
	}
}

// Every bit of the pin, and every length: refused, or a pin of the same store with a
// lower generation, which whoever writes there gets by removing it.
func TestEveryBitOfThePin(t *testing.T) {
	f := made(t)
	old := read(t, f.Path)
	set(t, f, "x", "1")
	good := read(t, f.pinPath())
	write(t, f.Path, old)
	f, err := f.ready()
	do(t, err)
	accepted := 0
	try := func(b []byte) {
		write(t, f.pinPath(), b)
		if _, err := f.readStore(); err != nil {
			want(t, err, providers.ErrInvalid, providers.ReasonIntegrity)
			return
		}
		accepted++
		if p, err := f.readPin(); err != nil || !bytes.Contains(good, []byte(p.ID)) || p.Generation > 2 {
			t.Errorf("accepted with the pin %s", b)
		}
	}
	for i := range len(good) * 8 {
		b := bytes.Clone(good)
		b[i/8] ^= 1 << (i % 8)
		try(b)
	}
	for i := range len(good) - 2 {
		before := accepted
		if try(good[:i]); accepted != before {
			t.Errorf("%d bytes of a pin are accepted", i)
		}
	}
	write(t, f.pinPath(), good)
	_, err = f.Open()
	want(t, err, providers.ErrInvalid, providers.ReasonIntegrity, "rolled back")
}

// Both directions with the age command: its file is a store, and its list is ours.
func TestInteropWithAge(t *testing.T) {
	f, alice := made(t), newKey(t)
	add(t, f, alice, "alice")
	list := ""
	for _, r := range open(t, f).Recipients() {
		list += "# " + r.Name + "\n" + r.Recipient + "\n"
	}
	do(t, os.WriteFile(f.ListPath(), []byte(list), 0o644))
	for _, armor := range []bool{false, true} {
		cmd := exec.Command(ageCommand(t), "-R", f.ListPath())
		if armor {
			cmd.Args = append(cmd.Args, "-a")
		}
		cmd.Stdin = bytes.NewReader(plain(t, f))
		out, err := cmd.Output()
		do(t, err)
		path := f.Path + ".copy"
		write(t, path, out)
		if v, err := f.Keys.Decrypt(path); err != nil || !strings.Contains(string(v.Reveal()), `"pylee_store":1`) {
			t.Errorf("armor %v: %v", armor, err)
		}
		if !armor {
			write(t, f.Path, out)
		}
	}
	if _, err := f.Verify(context.Background(), VerifyOptions{}); err != nil {
		t.Error(err)
	}
	key := f.Path + ".alice"
	write(t, key, []byte(alice.String()+"\n"))
	set(t, f, "x", "1")
	got, err := exec.Command(ageCommand(t), "-d", "-i", key, f.Path).Output()
	if err != nil || !bytes.Contains(got, []byte(`"name":"alice"`)) {
		t.Errorf("%v", err)
	}
}

func TestDecryptRefuses(t *testing.T) {
	f := made(t)
	_, err := f.Keys.Decrypt(f.Path + ".none")
	want(t, err, providers.ErrNotFound, providers.ReasonNone)
	for _, bad := range []string{"", canary, intro, "-----BEGIN AGE ENCRYPTED FILE-----\n" + canary} {
		write(t, f.Path+".copy", []byte(bad))
		_, err := f.Keys.Decrypt(f.Path + ".copy")
		want(t, err, providers.ErrInvalid, providers.ReasonIntegrity)
	}
	_, err = Keys{}.Decrypt(f.Path)
	want(t, err, providers.ErrUnauthenticated, providers.ReasonLocked)
}

// A store whose pin is up to date is verified also where nothing can be written.
func TestVerifyWritesNothingNew(t *testing.T) {
	f := made(t)
	do(t, os.Remove(f.pinPath()+".lock"))
	v, err := f.Verify(context.Background(), VerifyOptions{})
	if err != nil || v.Pinned != v.Generation {
		t.Errorf("%+v, %v", v, err)
	}
	if exists(f.pinPath() + ".lock") {
		t.Error("the pin was locked, which a read-only file system refuses")
	}
	do(t, os.Remove(f.pinPath()))
	if _, err := f.Verify(context.Background(), VerifyOptions{}); err != nil || !exists(f.pinPath()) {
		t.Errorf("not pinned: %v", err)
	}
}
