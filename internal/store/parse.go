package store

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"filippo.io/age/plugin"

	"github.com/pyleeai/pylee/providers"
)

const identityHint = "an identity is a line AGE-SECRET-KEY-1...: age-keygen -o FILE"

// parse reads age identities, one per line, or one SSH private key. What stands in a
// line is never part of an error, nor what a parser says of it.
func (k Keys) parse(source string, data []byte) (*identities, error) {
	ids := &identities{source: source, text: providers.NewValue(bytes.Clone(data))}
	if isEncrypted(data) {
		return nil, locked(source+": is encrypted, which is supported for files only", "decrypt it on the way: pylee ... --identity fd:3 3< <(age -d IDENTITY_FILE)")
	}
	if bytes.Contains(data, []byte("-----BEGIN ")) {
		return k.parseSSH(ids, data)
	}
	number := 0
	for line := range bytes.Lines(data) {
		number++
		line := strings.TrimSpace(string(line))
		if line == "" || line[0] == '#' {
			continue
		}
		if fault := k.add(ids, line); fault != "" {
			return nil, locked(fmt.Sprintf("%s: line %d: %s", source, number, fault), identityHint)
		}
	}
	if len(ids.list) == 0 {
		return nil, locked(source+": holds no identity", identityHint)
	}
	return ids, nil
}

func (k Keys) add(ids *identities, line string) (fault string) {
	switch {
	case strings.HasPrefix(line, "AGE-SECRET-KEY-1"):
		id, err := age.ParseX25519Identity(line)
		if err != nil {
			return "malformed identity"
		}
		ids.list = append(ids.list, id)
		ids.recipients = append(ids.recipients, id.Recipient().String())
	case strings.HasPrefix(line, "AGE-SECRET-KEY-PQ-1"):
		id, err := age.ParseHybridIdentity(line)
		if err != nil {
			return "malformed identity"
		}
		ids.list = append(ids.list, id)
		ids.recipients = append(ids.recipients, id.Recipient().String())
	case strings.HasPrefix(line, "AGE-PLUGIN-"):
		id, err := plugin.NewIdentity(line, silent())
		if err != nil {
			return "malformed identity of a plugin"
		}
		if fault := k.judgePlugin(id.Name()); fault != "" {
			return fault
		}
		ids.list = append(ids.list, pluginIdentity{id})
	case strings.HasPrefix(line, "age1"):
		return "a recipient, which is the public half of an identity"
	default:
		return "not an age identity"
	}
	return ""
}

// judgePlugin tells why a plugin may not be run.
func (k Keys) judgePlugin(name string) (fault string) {
	switch {
	case !slices.Contains(k.Plugins, name):
		return "the age plugin " + name + " is not among those that are allowed"
	case os.Getenv("AGEDEBUG") != "": // age would print what the plugin and it say
		return "AGEDEBUG is set, which prints keys: unset AGEDEBUG"
	}
	return ""
}

// silent is a plugin's user: nobody answers, and messages are dropped. A plugin that
// must ask has dialogues of its own.
func silent() *plugin.ClientUI {
	return &plugin.ClientUI{
		DisplayMessage: func(string, string) error { return nil },
		RequestValue:   func(string, string, bool) (string, error) { return "", errBusy },
		Confirm:        func(string, string, string, string) (bool, error) { return false, errBusy },
		WaitTimer:      func(string) {},
	}
}

// parseSSH reads an SSH private key without a passphrase.
func (k Keys) parseSSH(ids *identities, data []byte) (*identities, error) {
	if k.SSH == "" {
		return nil, locked(ids.source+": is not an age identity; SSH and PEM keys are not used unless they are asked for", "make an age identity: age-keygen -o FILE")
	}
	id, err := agessh.ParseIdentity(data)
	if err != nil {
		return nil, locked(ids.source+": is no SSH key of type ed25519 or rsa without a passphrase", "make an age identity: age-keygen -o FILE")
	}
	ids.list = []age.Identity{id}
	if public, ok := k.sshPublic(); ok {
		ids.recipients = []string{public}
	}
	return ids, nil
}

// sshPublic reads the public half, which ssh-keygen writes beside the key. A wrong one
// is noticed when what was encrypted to it is opened again.
func (k Keys) sshPublic() (string, bool) {
	line, _, err := readGuarded(k.sshFile()+".pub", guard{max: maxIdentity, forbid: 0o022, follow: true})
	words := strings.Fields(string(line))
	if err != nil || len(words) < 2 {
		return "", false
	}
	public := words[0] + " " + words[1]
	_, err = agessh.ParseRecipient(public)
	return public, err == nil
}

// parseRecipients reads public keys: age's own, those of allowed plugins, and the
// ones of SSH.
func (k Keys) parseRecipients(list []string) ([]age.Recipient, error) {
	var out []age.Recipient
	for i, s := range list {
		r, err := k.parseRecipient(s)
		if err != nil { // it may be a secret key given by mistake: not quoted
			return nil, invalid(fmt.Sprintf("recipient %d of %d: is not an age recipient (age1...)", i+1, len(list)), "show the recipient of an identity: age-keygen -y FILE")
		}
		if r == nil {
			return nil, invalid(fmt.Sprintf("recipient %d of %d: is one of an age plugin that is not among those that are allowed", i+1, len(list)), "allow the plugin, or remove the recipient")
		}
		out = append(out, r)
	}
	return out, nil
}

// parseRecipient returns nil for one of a plugin that is not allowed.
func (k Keys) parseRecipient(s string) (age.Recipient, error) {
	if strings.HasPrefix(s, "ssh-") {
		return agessh.ParseRecipient(s)
	}
	if strings.HasPrefix(s, "age1pq1") {
		return age.ParseHybridRecipient(s)
	}
	if r, err := age.ParseX25519Recipient(s); err == nil {
		return r, nil
	}
	r, err := plugin.NewRecipient(s, silent())
	if err != nil {
		return nil, err
	}
	if k.judgePlugin(r.Name()) != "" {
		return nil, nil
	}
	return pluginRecipient{r}, nil
}
