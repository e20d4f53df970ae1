package cli

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/pyleeai/pylee/internal/config"
	"github.com/pyleeai/pylee/internal/format"
	"github.com/pyleeai/pylee/resolve"
)

// shownSettings are the settings of providers whose values are no secret and decide
// who is spoken to, as whom, and how sure of it. All below tls are.
var shownSettings = []string{
	"type", "prefix", "fallback", "region", "regions", "path", "store", "identity", "namespace", "vault",
	"tenant", "profile", "role_arn", "project", "context", "method", "mount", "role", "poll", "timeout",
}

// addressSettings name hosts.
var addressSettings = []string{"address", "addresses", "endpoint", "url", "host"}

// provider tells what a discovered file says in the block of a provider.
func (f *facts) provider(p config.Provider) {
	others := false // another config has a say in the block
	var own []string
	f.settings(p.Settings, nil, func(path []string, n *format.Node) {
		if !f.cfg.WrittenInDiscovered(n.Pos) {
			others = true
			return
		}
		key := strings.Join(path, ".")
		value := f.cfg.Text(n).Value
		switch {
		case isAddress(path, value):
			f.contact(value, "providers."+p.Name+"."+key)
			own = append(own, key)
		case n.Kind != format.String || slices.Contains(path, "tls") || strings.HasSuffix(path[len(path)-1], "_file") ||
			slices.ContainsFunc(path, func(name string) bool { return slices.Contains(shownSettings, name) }):
			own = append(own, key+"="+shellWord(value))
		default:
			if strings.Contains(value, "${") {
				key += "=" + shown(value, false) // which of the user's own it sends
			}
			own = append(own, key)
		}
	})
	if len(own) == 0 && !f.cfg.WrittenInDiscovered(p.Pos) {
		return
	}
	line := p.Name
	if p.Kind != p.Name {
		line += " (" + p.Kind + ")"
	}
	if others {
		line += ", over what another config says"
	}
	f.add("provider", line+": "+strings.Join(own, ", "))
}

// settings visits the scalars below n with the keys that lead to them.
func (f *facts) settings(n *format.Node, path []string, visit func([]string, *format.Node)) {
	switch n.Kind {
	case format.Map:
		for _, e := range n.Entries {
			f.settings(e.Value, append(path[:len(path):len(path)], e.Key), visit)
		}
	case format.List:
		for _, item := range n.Items {
			f.settings(item, path, visit)
		}
	default:
		if len(path) > 0 {
			visit(path, n)
		}
	}
}

func isAddress(path []string, value string) bool {
	return strings.Contains(value, "://") ||
		slices.ContainsFunc(path, func(name string) bool { return slices.Contains(addressSettings, name) })
}

// contact tells of a host, and of what is remarkable about it.
func (f *facts) contact(address, by string) {
	shown, notes := examine(address)
	line := shown + " (" + by + ")"
	for _, note := range notes {
		line += " - " + note
	}
	f.add("contact", line)
}

// examine returns an address without the user information in it, and what is
// remarkable about it. It is no defence: names lead anywhere.
func examine(address string) (shown string, notes []string) {
	scheme, rest, hasScheme := strings.Cut(address, "://")
	if !hasScheme {
		scheme, rest = "", address
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	authority, tail := rest[:end], rest[end:]
	if at := strings.LastIndexByte(authority, '@'); at >= 0 && !strings.Contains(authority, "${") {
		authority = authority[at+1:]
		notes = append(notes, "holds user information")
	}
	if tail, _, _ = strings.Cut(tail, "?"); tail == "/" {
		tail = ""
	}
	shown = authority + tail
	if hasScheme {
		shown = scheme + "://" + shown
	}
	if ip, ok := parseHost(authority); ok {
		switch ip = ip.Unmap(); {
		case ip.IsLinkLocalUnicast() || ip == netip.MustParseAddr("fd00:ec2::254"):
			notes = append(notes, "where clouds hand out credentials of the machine")
		case ip.IsLoopback() || ip.IsUnspecified():
			notes = append(notes, "this machine")
		case ip.IsPrivate():
			notes = append(notes, "a private network")
		}
	}
	if strings.EqualFold(scheme, "http") {
		notes = append(notes, "not encrypted")
	}
	return shown, notes
}

// parseHost reads the address in host:port, also in the forms that only resolvers
// know: one number, decimal or hexadecimal.
func parseHost(authority string) (netip.Addr, bool) {
	host := authority
	if i := strings.LastIndexByte(host, ':'); i >= 0 && strings.Count(host, ":") == 1 {
		host = host[:i]
	}
	if inner, bracket := strings.CutPrefix(host, "["); bracket {
		host, _, _ = strings.Cut(inner, "]")
	}
	if strings.EqualFold(host, "localhost") {
		return netip.IPv6Loopback(), true
	}
	if strings.EqualFold(host, "metadata.google.internal") {
		host = "169.254.169.254"
	}
	if v, err := strconv.ParseUint(host, 0, 32); err == nil {
		return netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}), true
	}
	ip, err := netip.ParseAddr(host)
	return ip, err == nil
}

// references tells which secrets are read, and of hosts that references name.
func (f *facts) references(found []named) {
	for _, text := range f.texts() {
		if isDiscovered(text) {
			f.referencesIn(text.Value)
		}
	}
	for _, n := range found {
		f.referencesIn(n.input.Text)
	}
	f.documents(f.cfg.Files)
	for _, targets := range [][]config.Target{f.cfg.Commands, f.cfg.Servers} {
		for _, t := range targets {
			f.documents(t.Files)
		}
	}
}

// documents tells of the references in files of a format, whose strings are templates
// of their own.
func (f *facts) documents(files []config.File) {
	for _, file := range files {
		for _, entry := range file.Entries {
			if entry.Format == "" || entry.Format == "text" || !isDiscovered(entry.Text) {
				continue
			}
			doc, err := newDocument("", entry.Format, entry.Text)
			if err != nil {
				continue // it cannot be written either
			}
			for _, in := range doc.inputs {
				f.referencesIn(in.Text)
			}
		}
	}
}

func (f *facts) referencesIn(text string) {
	t, err := resolve.Parse(text)
	if err != nil {
		return
	}
	for x := range t.Exprs() {
		if x.Provider == "" || x.Provider == "env" || x.Provider == "var" {
			continue
		}
		f.add("read", x.Canonical())
		for _, o := range x.Options {
			if o.Name != "endpoint" {
				continue
			}
			if len(o.Value) == 1 && o.Value[0].Expr == nil {
				f.contact(o.Value[0].Literal, x.Canonical())
			} else {
				f.add("contact", "a host that variables name ("+x.Canonical()+")")
			}
		}
	}
}

// texts are all templates of the config.
func (f *facts) texts() []*config.Text {
	var list []*config.Text
	fields := func(fields []config.Field) {
		for _, field := range fields {
			list = append(list, field.Text)
		}
	}
	files := func(files []config.File) {
		for _, file := range files {
			list = append(list, file.Dir)
			for _, entry := range file.Entries {
				if entry.Format == "" || entry.Format == "text" {
					list = append(list, entry.Text)
				}
			}
		}
	}
	c := f.cfg
	fields(c.Variables)
	fields(c.Env)
	files(c.Files)
	for _, targets := range [][]config.Target{c.Commands, c.Servers} {
		for i := range targets {
			t := &targets[i]
			list = append(append(list, t.Command, t.Cwd, t.URL), t.Args...)
			fields(t.Env)
			fields(t.Headers)
			files(t.Files)
		}
	}
	for _, p := range c.Providers {
		for _, node := range config.Strings("", p.Settings) {
			list = append(list, c.Text(node))
		}
	}
	return list
}
