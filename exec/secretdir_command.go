package exec

import (
	"os"
	"path"
	"slices"
	"strings"
)

// Readable returns why the command could not read one of the files, if it runs as this
// user, nil being this process's own: the usual mistake is a file of root, mode 0400,
// for a command that is not root. It is for before the start, and an *Error.
func (d *SecretDir) Readable(files []SecretFile, u *User) error {
	if u == nil {
		own := ownUser()
		u = &own
	}
	for _, f := range files {
		a := d.attributes(f)
		if a.readable(u) {
			continue
		}
		err := refused("mode %04o, uid %d, gid %d: the command runs as uid %d and cannot read it", a.mode, a.uid, a.gid, u.UID)
		return secretError(path.Join(d.path, f.Name), err, "leave out its owner, or give it mode 0440 and a group of the command")
	}
	return nil
}

// readable reports whether the user may read the file. See path_resolution(7).
func (a attributes) readable(u *User) bool {
	switch {
	case a.uid == u.UID: // every mode here lets the owner read
		return true
	case a.mode == 0o440 && (a.gid == u.GID || slices.Contains(u.Groups, a.gid)):
		return true
	}
	return u.UID == 0 && readsAll()
}

// Credentials returns the directory to name in CREDENTIALS_DIRECTORY, so that programs
// find the files as they find those of LoadCredential= of systemd: plain files, mode
// 0400, without directories (https://systemd.io/CREDENTIALS). It is that of a set that
// is swapped, where it leads to the current generation, or if files came by Write, this
// directory or one in it.
//
// A program of another user lists it if the SecretDir was given that user's group, and
// opens what it knows the name of in any case.
func (d *SecretDir) Credentials(set string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.current[set] != nil {
		return path.Join(d.path, set, dataLink)
	}
	return path.Join(d.path, set)
}

// CheckCredentials refuses files that systemd would not take for credentials. The error
// is an *Error.
func CheckCredentials(files []SecretFile) error {
	const most = 1 << 20 // bytes of all, CREDENTIALS_TOTAL_SIZE_MAX of systemd
	total := 0
	for _, f := range files {
		total += len(f.Data)
		var err error
		switch {
		case strings.Contains(f.Name, "/"):
			err = refused("a credential has no directory in front")
		case len(f.Name) > 255 || strings.ContainsFunc(f.Name, func(r rune) bool { return r < ' ' || r > '~' || r == ':' }):
			err = refused("the name of a credential is ASCII without a colon")
		case f.Mode != 0 && f.Mode != 0o400:
			err = refused("mode %#o: a credential has 0400", uint32(f.Mode))
		case total > most:
			err = refused("credentials are larger than 1 MiB together")
		}
		if err == nil {
			err = checkName(f.Name)
		}
		if err != nil {
			return secretError(f.Name, err, "")
		}
	}
	return nil
}

// ownUser returns who this process is.
func ownUser() User {
	groups, _ := os.Getgroups()
	return User{UID: os.Geteuid(), GID: os.Getegid(), Groups: groups}
}
