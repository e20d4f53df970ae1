package cli

import (
	"slices"
	"strconv"
	"strings"

	"github.com/pyleeai/pylee/resolve"
	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"
)

// source is what the flags of run, check, env and explain say.
type source struct {
	config   string
	env      string
	target   string
	server   string
	envFiles []string
	sets     []string
	refs     envRefs
	timeout  string
	identity string

	everything bool            // also the targets that are not named
	provider   string          // nothing is resolved, but the settings of this one are
	hold       bool            // what answers is left open
	returns    bool            // all that is lent is given back at the end, whatever the config says
	only       *childFile      // nothing but this file
	watch      *bool           // of --watch; nil: the config decides
	memory     *resolve.Memory // of values that are watched; nil: they are not
	purpose    *purpose        // what the policies are asked about; nil: nothing is delivered
	cache      bool            // the offline cache may stand in for providers, if the config turns it on
	noStale    bool            // of --no-stale
	place      *filePlace      // where files go; nil: they are not written
}

func sourceOf(c *cli.Context, inv *invocation) (source, error) {
	if err := refuseEmpty(c, "config", "env", "target", "server", "identity", "env-file"); err != nil {
		return source{}, err
	}
	s := source{
		config: c.String("config"), env: c.String("env"),
		target: c.String("target"), server: c.String("server"),
		envFiles: c.StringSlice("env-file"), sets: c.StringSlice("set"),
		timeout: c.String("timeout"), identity: c.String("identity"),
	}
	closeIdentity(s.identity)
	if refs, ok := c.Generic("env-refs").(*envRefs); ok {
		s.refs = *refs
	}
	if !c.IsSet("env-refs") {
		s.refs = refsFrom(inv.env["PYLEE_ENV_REFS"])
	}
	return s, nil
}

// refsFrom reads PYLEE_ENV_REFS: a switch, or a list of names.
func refsFrom(value string) envRefs {
	var refs envRefs
	switch strings.ToLower(value) {
	case "1", "yes", "on", "true", "all":
		refs.all = true
	default:
		if truthy(value) {
			_ = refs.Set(value) //nolint:errcheck // never fails
		}
	}
	return refs
}

// refuseEmpty refuses flags with an empty value, which an unset variable of a shell
// leaves: --env "" would be another environment than was meant.
func refuseEmpty(c *cli.Context, names ...string) error {
	for _, name := range names {
		if c.IsSet(name) && (c.Value(name) == "" || slices.Contains(c.StringSlice(name), "")) {
			return usagef("flag --%s is empty", name)
		}
	}
	return nil
}

// closeIdentity keeps the descriptor of --identity fd:N from the child, also if
// nothing reads it.
func closeIdentity(identity string) {
	digits, ok := strings.CutPrefix(identity, "fd:")
	if fd, err := strconv.Atoi(digits); ok && err == nil && fd > 2 {
		unix.CloseOnExec(fd)
	}
}
