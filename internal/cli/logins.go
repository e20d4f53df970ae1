package cli

import (
	"slices"
	"strings"

	"github.com/pyleeai/pylee/internal/config"
	"github.com/pyleeai/pylee/internal/format"
)

// sentLogins tells, a line for each host, where a discovered config sends a login that it
// does not hold itself: that of a block of the user's own, whose address it changes, or
// what the user is logged in with.
func sentLogins(cfg *config.Config) []string {
	f := &facts{cfg: cfg}
	var lines []string
	for _, p := range cfg.Providers {
		var hosts []string
		inherited, given := false, false // the login
		f.settings(p.Settings, nil, func(path []string, n *format.Node) {
			found := cfg.WrittenInDiscovered(n.Pos)
			switch {
			case path[0] == "auth" && n.Kind != format.Null:
				given, inherited = true, inherited || !found
			case found && (isAddress(path[:1], "") || path[0] == "vault"):
				shown, _ := examine(cfg.Text(n).Value)
				hosts = append(hosts, shown)
			}
		})
		whose := ""
		switch {
		case inherited:
			whose = "the login of your own block " + p.Name + " (auth: " + methodOf(cfg, p) + ")"
		case !given && (p.Kind == "vault" || p.Kind == "bao"):
			whose = "your own login (the token that the command " + p.Kind + " has)"
		default:
			continue
		}
		for _, host := range hosts {
			if line := whose + " will be sent to " + host; !slices.Contains(lines, line) {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

// methodOf returns the name of the way to log in.
func methodOf(cfg *config.Config, p config.Provider) string {
	auth := p.Settings.Lookup("auth")
	if auth.Kind == format.Map {
		if auth = auth.Lookup("method"); auth == nil {
			return "default"
		}
	}
	return strings.TrimSpace(cfg.Text(auth).Value)
}
