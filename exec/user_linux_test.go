package exec_test

import (
	"fmt"
	osexec "os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pyleeai/pylee/exec"
)

// ids returns the numbers that id(1) knows of a user.
func ids(t *testing.T, option, name string) []int {
	t.Helper()
	out, err := osexec.Command("id", option, name).Output()
	must(t, err)
	var list []int
	for _, word := range strings.Fields(string(out)) {
		n, err := strconv.Atoi(word)
		must(t, err)
		list = append(list, n)
	}
	slices.Sort(list)
	return list
}

func TestLookupUser(t *testing.T) {
	for _, name := range []string{"root", "nobody", "daemon", "bin", "mail"} {
		uid, gid, groups := ids(t, "-u", name)[0], ids(t, "-g", name)[0], ids(t, "-G", name)
		for _, text := range []string{name, strconv.Itoa(uid)} {
			u, err := exec.LookupUser(text, "")
			if err != nil || u.UID != uid || u.GID != gid || !slices.Equal(u.Groups, groups) || u.Name != name || u.Home == "" {
				t.Errorf("%s: %+v, %v; want %d %d %v", text, u, err, uid, gid, groups)
			}
		}
	}
	daemon := ids(t, "-g", "daemon")[0]
	for _, tt := range []struct{ text, group, want string }{
		{"4321:1234", "", "4321 1234 [1234] "},
		{"4321", "1234", "4321 1234 [1234] "},
		{"4321:daemon", "", fmt.Sprintf("4321 %d [%[1]d] ", daemon)},
		{"root:daemon", "", fmt.Sprintf("0 %d [%[1]d] root", daemon)},
		{"0:1234", "", "0 1234 [1234] root"},
		{"4294967294:4294967294", "", "4294967294 4294967294 [4294967294] "},
	} {
		u, err := exec.LookupUser(tt.text, tt.group)
		if got := fmt.Sprintf("%d %d %v %s", u.UID, u.GID, u.Groups, u.Name); err != nil || got != tt.want {
			t.Errorf("%q, %q: %s, %v; want %s", tt.text, tt.group, got, err, tt.want)
		}
	}
}

func TestLookupUserRefuses(t *testing.T) {
	for _, tt := range []struct{ text, group, want string }{
		{"", "", "not a user"},
		{":", "", "not a user"},
		{":5", "", "not a user"},
		{"root:", "", "not a user"},
		{"4321", "", "name a group too, as in 4321:4321"},
		{"no-such-user", "", "user: no-such-user: no such user"},
		{"no-such-user:0", "", "no such user"},
		{"root:no-such-group", "", "group: no-such-group: no such group"},
		{"root", "no-such-group", "no such group"},
		{"root:root", "root", "leave one out"},
		{"-1:0", "", "no such user"},
		{"+1:0", "", "no such user"},
		{"4294967295:0", "", "no such user"},
		{"0:4294967295", "", "no such group"},
		{"0:1:2", "", "no such group"},
		{"a\nb", "", `user: "a\nb": no such user`},
	} {
		_, err := exec.LookupUser(tt.text, tt.group)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q, %q: %v, want %s", tt.text, tt.group, err, tt.want)
		}
	}
}

// Only root can become somebody else; everybody can stay who they are.
func TestUserWithoutPrivilege(t *testing.T) {
	needRoot(t)
	bothModes(t, func(t *testing.T, mode string) {
		const script = `setpriv --reuid=4321 --regid=1234 --clear-groups /bin/sh -c 'id -u; "$W" /bin/sh -c "id -u; id -G"'`
		for _, tt := range []struct {
			user, stdout, stderr string
			code                 int
		}{
			{"4321:1234", "4321\n4321\n1234\n", "", 0},
			{"4322:1234", "4321\n", "wrapper: user: 4322:1234: operation not permitted\nhint: only root can", exec.CodeFailed},
		} {
			cmd := osexec.Command("/bin/sh", "-c", script)
			cmd.Env = append(cmd.Environ(), "W="+published(t), modeVar+"="+mode, "PYLEE_TEST_USER="+tt.user)
			if got := run(t, cmd); got.stdout != tt.stdout || !strings.HasPrefix(got.stderr, tt.stderr) || got.status.ExitStatus() != tt.code {
				t.Errorf("%s: %v", tt.user, got)
			}
		}
	})
}
