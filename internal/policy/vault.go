package policy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// VaultOptions say what references do not.
type VaultOptions struct {
	KV map[string]int // version of key/value stores, 1 or 2, by mount without slashes at the ends
}

// vaultRule is one path of a policy.
type vaultRule struct {
	path       string
	capability string
	leased     bool // what it gives may be lent
	mount      string
	assumed    string // what the mount was taken for; empty: it is known
}

// Vault returns a policy in HCL for each instance of the kinds vault and bao, for
// exactly what lookups ask it for; others are left out.
//
// Which engine a path leads to only the server knows. Without the options mount and kv,
// a version in o and a path that says it, pylee's guess is a key/value store of version
// 2 mounted at the first part, and the document says so.
func Vault(lookups []Lookup, o VaultOptions) ([]Grant, error) {
	instances := map[string][]vaultRule{}
	namespaces := map[string]string{}
	var errs []error
	for _, r := range lookups {
		if r.Kind != "vault" && r.Kind != "bao" {
			continue
		}
		rule, err := vaultRuleOf(r, o)
		errs = append(errs, err)
		instances[r.Instance] = append(instances[r.Instance], rule)
		namespaces[r.Instance] = r.option("namespace")
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	var grants []Grant
	for _, name := range slices.Sorted(maps.Keys(instances)) {
		g := Grant{For: "provider " + name, Text: vaultText(instances[name])}
		if namespaces[name] != "" {
			g.Notes = append(g.Notes, "it belongs to the namespace "+namespaces[name])
		}
		assumed := set{}
		for _, rule := range instances[name] {
			if rule.assumed != "" {
				assumed.add(rule.mount + "/ was taken for " + rule.assumed)
			}
		}
		g.Notes = append(g.Notes, assumed.sorted()...)
		grants = append(grants, g)
	}
	return grants, nil
}

// vaultOwn are options that are no parameters of a request.
var vaultOwn = []string{"version", "mount", "kv", "method", "format", "newline"}

func vaultRuleOf(r Lookup, o VaultOptions) (vaultRule, error) {
	parts := strings.Split(r.Name, "/")
	// In the path of a policy + is any part, a * at the end anything, {{ a template.
	if len(parts) < 2 || slices.Contains(parts, "") || slices.Contains(parts, "+") || strings.HasSuffix(r.Name, "*") || strings.Contains(r.Name, "{{") || !quotable(r.Name) {
		return vaultRule{}, r.fault("no policy can name this path alone")
	}
	mount, version, known := storeOf(r, o)
	rest, below := strings.CutPrefix(r.Name, mount+"/")
	if !below {
		return vaultRule{}, r.fault("the path does not begin with the option mount")
	}
	rule := vaultRule{path: r.Name, capability: "read", mount: mount}
	switch {
	case known && version == 1:
		return rule, nil
	case known && version == 2:
		rule.path = mount + "/data/" + strings.TrimPrefix(rest, "data/")
		return rule, nil
	}
	return engineRule(r, rule, rest, known), nil
}

// engineRule completes a rule for what is no key/value store, or where nobody has said
// what it is.
func engineRule(r Lookup, rule vaultRule, rest string, known bool) vaultRule {
	first, _, _ := strings.Cut(rest, "/")
	usual := !known && (strings.HasPrefix(rule.mount, "kv") || rule.mount == "secret") // names of stores
	written := !usual && slices.Contains(vaultWritten, first)
	made := written || !usual && slices.Contains(vaultRead, first)
	parameters := slices.ContainsFunc(slices.Collect(maps.Keys(r.Options)), func(name string) bool { return !slices.Contains(vaultOwn, name) })
	if made && !known {
		rule.assumed = "an engine that makes secrets: --kv " + rule.mount + "=2 if it is a key/value store"
	}
	method := r.Options["method"]
	switch {
	case method == "write" || method == "" && (parameters || written):
		rule.capability, rule.leased = "update", true
	case slices.Contains(vaultSystem, rule.mount):
	case known || made || parameters || method == "read":
		rule.leased = !strings.HasPrefix(first, "static-cred")
	case first != "data":
		rule.path = rule.mount + "/data/" + rest
		rule.assumed = "a key/value store of version 2: --kv " + rule.mount + "=1 if it is one of version 1, =0 if it is none"
	}
	return rule
}

// First parts of paths below the mount of an engine that makes secrets, by how they are
// asked for, and mounts that every server has.
var (
	vaultWritten = []string{"issue", "sign", "sign-verbatim"}
	vaultRead    = []string{"creds", "static-creds", "static-cred", "sts"}
	vaultSystem  = []string{"sys", "auth", "identity", "cubbyhole"}
)

// storeOf returns the mount of a path, and the version of the store there if that is
// known: 0 is no store.
func storeOf(r Lookup, o VaultOptions) (mount string, version int, known bool) {
	mount, _, _ = strings.Cut(r.Name, "/")
	longest := ""
	for name, kv := range o.KV {
		if strings.HasPrefix(r.Name, name+"/") && len(name) > len(longest) {
			longest, version, known = name, kv, true
		}
	}
	if known {
		mount = longest
	}
	if given := strings.Trim(r.Options["mount"], "/"); given != "" {
		mount = given
	}
	switch r.Options["kv"] {
	case "1":
		return mount, 1, true
	case "2":
		return mount, 2, true
	}
	if r.Options["version"] != "" && !known {
		return mount, 2, true // others keep none
	}
	return mount, version, known
}

func vaultText(rules []vaultRule) string {
	capabilities := map[string]set{}
	leased := false
	for _, rule := range rules {
		if capabilities[rule.path] == nil {
			capabilities[rule.path] = set{}
		}
		capabilities[rule.path].add(rule.capability)
		leased = leased || rule.leased
	}
	var b strings.Builder
	for _, path := range slices.Sorted(maps.Keys(capabilities)) {
		vaultPath(&b, path, capabilities[path].sorted()...)
	}
	if leased {
		b.WriteString("\n# To prolong what is lent, and to give it back.\n")
		vaultPath(&b, "sys/leases/renew", "update")
		vaultPath(&b, "sys/leases/revoke", "update")
	}
	b.WriteString("\n# The policy \"default\", which tokens have unless they are made without, lets a token\n" +
		"# look itself up, prolong itself and end itself.\n")
	return b.String()
}

func vaultPath(b *strings.Builder, path string, capabilities ...string) {
	for i, c := range capabilities {
		capabilities[i] = strconv.Quote(c)
	}
	fmt.Fprintf(b, "path %s {\n  capabilities = [%s]\n}\n", strconv.Quote(path), strings.Join(capabilities, ", "))
}

// quotable tells whether a path can stand in quotes in HCL with no escapes but those of
// quotes and backslashes. "${" begins something else there.
func quotable(path string) bool {
	plain := strings.NewReplacer(`"`, "", `\`, "").Replace(path)
	return strconv.Quote(plain) == `"`+plain+`"` && !strings.Contains(path, "${")
}
