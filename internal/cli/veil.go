package cli

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/pyleeai/pylee/resolve"
)

// Settings of providers are shown in messages: addresses, namespaces, names. So one that
// holds a secret is refused, but for those that are made for secrets and never shown.
// What a variable holds nobody knows: messages show such a setting as it is written.

// secretSettings are made for secrets, by the last part of their names. All below env,
// which the programs of a provider get, are too.
var secretSettings = []string{
	"token", "secret_id", "role_id", "jwt", "password", "client_secret", "external_id", "ca_pem",
}

// refuseSecretSettings refuses settings that are shown and hold a secret.
func refuseSecretSettings(inputs []resolve.Input, resolved settings) []error {
	var errs []error
	for _, in := range inputs {
		entry, ok := resolved.Entry(in.Name)
		if !ok || !entry.Secret || mayBeSecret(in.Name) {
			continue
		}
		place := ""
		if in.Origin != nil {
			place = in.Origin.At(0)
		}
		errs = append(errs, &failure{
			place: place, message: in.Name + ": holds a secret (" + shown(in.Text, false) + "), and messages show this setting",
			hint: "write it as it is, or as a ${NAME} that holds no secret", code: exitConfig,
		})
	}
	return errs
}

// mayBeSecret tells of the settings that are never shown, by their path in the config:
// providers.NAME.auth.token.
func mayBeSecret(path string) bool {
	keys := strings.Split(path, ".")
	return len(keys) > 3 && keys[2] == "env" || slices.Contains(secretSettings, keys[len(keys)-1])
}

// veil hides what variables put into settings. The zero value hides nothing; it may be
// used concurrently.
type veil struct {
	mu    sync.RWMutex
	forms []hiddenForm // the longest first
}

// hiddenForm is one way in which a value may stand in a message.
type hiddenForm struct {
	text  string // ASCII letters in lower case
	shown string // what stands there instead
}

// Providers take values apart and print the parts: hosts, the parts of a path, names in
// lower case. What is shorter than this is no secret, and a word of many messages.
const (
	shortestHidden = 4
	shortestPart   = 6
	anywhere       = 8 // shorter ones are hidden where they are a word
)

// hide keeps the value of a setting out of messages, if variables are part of it.
func (v *veil) hide(text, value string) {
	parsed, err := resolve.Parse(text)
	if err != nil || !slices.ContainsFunc(parsed.Parts, func(p resolve.Part) bool { return p.Expr != nil }) {
		return
	}
	for len(parsed.Parts) > 0 && parsed.Parts[0].Expr == nil {
		value = strings.TrimPrefix(value, parsed.Parts[0].Literal)
		parsed.Parts = parsed.Parts[1:]
	}
	for last := len(parsed.Parts) - 1; parsed.Parts[last].Expr == nil; last-- {
		value = strings.TrimSuffix(value, parsed.Parts[last].Literal)
		parsed.Parts = parsed.Parts[:last]
	}
	var written strings.Builder
	for _, p := range parsed.Parts {
		if p.Expr != nil {
			written.WriteString(p.Expr.Label())
		} else {
			written.WriteString(p.Literal)
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, text := range formsOf(lowered(value)) {
		if form := (hiddenForm{text, written.String()}); !slices.Contains(v.forms, form) {
			v.forms = append(v.forms, form)
		}
	}
	slices.SortStableFunc(v.forms, func(a, b hiddenForm) int { return cmp.Compare(len(b.text), len(a.text)) })
}

// formsOf returns a value, and the parts of it that may stand alone.
func formsOf(value string) []string {
	value = strings.TrimSpace(value)
	var forms []string
	add := func(form string, shortest int) {
		if len(form) >= shortest && form != "localhost" && form != "127.0.0.1" && !slices.Contains(forms, form) {
			forms = append(forms, form)
		}
	}
	add(value, shortestHidden)
	add(strings.TrimSuffix(strings.TrimSuffix(value, "/"), "/v1"), shortestHidden)
	add(strings.Trim(value, "/"), shortestHidden)
	for part := range strings.FieldsFuncSeq(value, func(r rune) bool { return r != '.' && !wordRune(r) }) {
		add(part, shortestPart)
		for label := range strings.SplitSeq(part, ".") {
			add(label, shortestPart)
		}
	}
	return forms
}

func wordRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '~'
}

// lowered changes no byte but ASCII letters, so that places stay what they are.
func lowered(text string) string {
	b := []byte(text)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// cover returns text as it may be shown.
func (v *veil) cover(text string) string {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if len(v.forms) == 0 {
		return text
	}
	low := lowered(text)
	var b strings.Builder
	for i := 0; i < len(text); {
		if form, n := v.at(low, i); n > 0 {
			b.WriteString(form.shown)
			i += n
			continue
		}
		b.WriteByte(text[i])
		i++
	}
	return b.String()
}

// at returns the form that stands in text at i, and its length there: texts of servers
// are cut, and end with "…" then.
func (v *veil) at(text string, i int) (hiddenForm, int) {
	for _, form := range v.forms {
		if strings.HasPrefix(text[i:], form.text) && (len(form.text) >= anywhere || isWord(text, i, i+len(form.text))) {
			return form, len(form.text)
		}
		cut := strings.Index(text[i:], "…")
		if cut >= shortestHidden && cut < len(form.text) && strings.HasPrefix(form.text, text[i:i+cut]) {
			return form, cut
		}
	}
	return hiddenForm{}, 0
}

// isWord tells whether no letter or digit stands beside text[from:to].
func isWord(text string, from, to int) bool {
	inside := func(i int) bool {
		return i >= 0 && i < len(text) && (text[i] >= 'a' && text[i] <= 'z' || text[i] >= '0' && text[i] <= '9')
	}
	return !inside(from-1) && !inside(to)
}
