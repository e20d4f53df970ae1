package exec

import (
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// User is who a command runs as.
type User struct {
	UID, GID   int
	Groups     []int  // all supplementary groups; the command has no others
	Name, Home string // of the passwd entry; empty: there is none
}

// LookupUser returns the user that text names: NAME, UID, UID:GID or NAME:GROUP, in
// which the parts may be numbers or names. group, unless empty, is the group if text
// has none. A number needs no passwd entry, but without one it needs a group. The
// supplementary groups are those of the name in the group file, as initgroups(3)
// takes them.
func LookupUser(text, group string) (User, error) {
	name, of, both := strings.Cut(text, ":")
	switch {
	case name == "" || both && of == "":
		return User{}, userError(text, "not a user: give NAME, UID, UID:GID or NAME:GROUP")
	case both && group != "":
		return User{}, userError(text, "a group is named here and by itself: leave one out")
	case both:
		group = of
	}
	u, entry, err := userEntry(name)
	if err != nil {
		return User{}, err
	}
	if entry == nil && group == "" {
		return User{}, userError(name, "no such user in the passwd file: name a group too, as in "+name+":"+name)
	}
	if entry != nil {
		if u.Groups, err = userGroups(entry); err != nil {
			return User{}, err
		}
	}
	if group != "" {
		gid, err := groupNumber(group)
		if err != nil {
			return User{}, err
		}
		// That of the passwd entry is replaced, and not added.
		u.Groups = slices.DeleteFunc(u.Groups, func(id int) bool { return entry != nil && id == u.GID })
		u.GID = gid
	}
	if !slices.Contains(u.Groups, u.GID) {
		u.Groups = append(u.Groups, u.GID)
	}
	slices.Sort(u.Groups)
	return u, nil
}

// userEntry finds the passwd entry of a name, or else of a number; a number may have
// none.
func userEntry(name string) (User, *user.User, error) {
	entry, err := user.Lookup(name)
	number, isNumber := parseID(name)
	if err != nil && isNumber {
		if entry, err = user.LookupId(strconv.Itoa(number)); err != nil {
			return User{UID: number}, nil, nil
		}
	}
	if err != nil {
		return User{}, nil, userError(name, "no such user")
	}
	uid, ok := parseID(entry.Uid)
	gid, also := parseID(entry.Gid)
	if !ok || !also {
		return User{}, nil, userError(name, "the passwd entry has no numbers that can be used")
	}
	return User{UID: uid, GID: gid, Name: entry.Username, Home: entry.HomeDir}, entry, nil
}

func userGroups(entry *user.User) ([]int, error) {
	list, err := entry.GroupIds()
	if err != nil {
		return nil, userError(entry.Username, "the groups cannot be read")
	}
	var ids []int
	for _, text := range list {
		if id, ok := parseID(text); ok {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

func groupNumber(name string) (int, error) {
	if entry, err := user.LookupGroup(name); err == nil {
		if id, ok := parseID(entry.Gid); ok {
			return id, nil
		}
	}
	if id, ok := parseID(name); ok {
		return id, nil
	}
	return 0, &Error{Code: CodeFailed, Detail: "group: " + printable(name) + ": no such group"}
}

// parseID reads the number of a user or group. The largest one means "no change" to
// setresuid(2).
func parseID(text string) (int, bool) {
	n, err := strconv.ParseUint(text, 10, 32)
	return int(n), err == nil && n < 1<<32-1 && text[0] != '+'
}

func userError(name, reason string) *Error {
	return &Error{Code: CodeFailed, Detail: "user: " + printable(name) + ": " + reason}
}

// assume makes this process run as u, for good.
func (u *User) assume() error {
	if u.current() {
		return nil
	}
	// The user comes last: it takes the right to change the groups away.
	err := syscall.Setgroups(u.Groups)
	if err == nil {
		err = setIDs(u.UID, u.GID)
	}
	if err == nil {
		return nil
	}
	return u.refused(err)
}

// refused is the error for a user that this process cannot become.
func (u *User) refused(err error) *Error {
	name := u.Name
	if name == "" {
		name = strconv.Itoa(u.UID) + ":" + strconv.Itoa(u.GID)
	}
	failed := userError(name, errno(err).Error())
	failed.Err = err
	if errno(err) == syscall.EPERM {
		failed.Hint = "only root can run a command as another user: start pylee as root, or without --user"
	}
	return failed
}

// current tells whether this process runs as u already, which needs no privilege.
func (u *User) current() bool {
	if os.Getuid() != u.UID || os.Geteuid() != u.UID || os.Getgid() != u.GID || os.Getegid() != u.GID {
		return false
	}
	now, err := os.Getgroups()
	if err != nil {
		return false
	}
	set := func(list []int) []int {
		list = append(slices.Clone(list), u.GID) // whether the list repeats it makes no difference
		slices.Sort(list)
		return slices.Compact(list)
	}
	return slices.Equal(set(now), set(u.Groups))
}

// credential returns u as a fork knows it, nil for nobody else.
func (u *User) credential() *syscall.Credential {
	if u == nil || u.current() {
		return nil
	}
	c := &syscall.Credential{Uid: uint32(u.UID), Gid: uint32(u.GID)}
	for _, id := range u.Groups {
		c.Groups = append(c.Groups, uint32(id))
	}
	return c
}
