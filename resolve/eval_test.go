package resolve

import (
	"strings"
	"testing"

	"github.com/pyleeai/pylee/providers"
)

func TestCorpus(t *testing.T) {
	secrets := map[string]string{
		"db-password":                 "pw",
		"kv/we%23ird%3Fname%7C":       `{"f:-x":"weird"}`,
		"prod/db?version=1":           `{"password":"old"}`,
		"prod/db":                     `{"tls.crt":"pem"}`,
		"/prod/db/password:3":         "third",
		"kv/va/db":                    `{"password":"nested"}`,
		"arn:aws:sm:secret:db-AbCdEf": `{"password":"arn"}`,
		"pki/web?version=4":           `{"private_key":"k"}`,
	}
	for text, want := range map[string]string{
		`${A}`: "va", `${U:-d}`: "d", `${E:-d}`: "d", `${E-d}`: "", `${A:+x}`: "x", `${U:+x}`: "", `${E:+x}`: "", `${E+x}`: "x", `${U+x}`: "",
		`${U:-${V:-z}}`: "z", `${U:-{"a":{"b":1}}}`: `{"a":{"b":1}}`, `${U:-a}b}`: "ab}",
		`pa$word`: "pa$word", `pa$$word`: "pa$$word", `cost 5$`: "cost 5$", `$${A}`: "${A}", `$$${A}`: "$va", `$$$${A}`: "$${A}",
		`${secret:db-password:-dev}`: "pw", `${secret:none:-dev}`: "dev", `${A:-a|b}`: "va", `${U:-a|b}`: "a|b",
		`${secret:kv/we%23ird%3Fname%7C#f%3A-x}`: "weird", `${secret:prod/db?version=1#password}`: "old",
		`${secret:prod/db#tls.crt}`: "pem", `${secret:/prod/db/password:3}`: "third", `${secret:kv/${A}/db#password}`: "nested",
		`${secret:arn:aws:sm:secret:db-AbCdEf#password}`: "arn", `${secret:pki/web?version=4&format=json#private_key}`: "k",
		`pylee://secret/prod/db?version=1#password`: "old", `pylee://secret/none`: "error: ${secret:none}: not found",
		``: "", `a${E}b`: "ab", `x${A}${secret:db-password}y`: "xvapwy",
		`${secret:db-password:+set}`: "set", `${secret:none:+set}`: "", `${secret:none:?who?}`: "error: ${secret:none}: who?",
		`${U?}`: "error: ${U}: required", `${U:?set U to ${A}}`: "error: ${U}: set U to va", `${E:?empty}`: "error: ${E}: empty", `${E?x}`: "",
		`${U:?${secret:db-password}}`: "error: ${U}: required", `${U}`: "error: ${U} is not set", `${env:U}`: "error: ${env:U} is not set",
		`${env:A}`: "va", `${var:A}`: "error: ${var:A} is not set", `${env:U:-d}`: "d",
		`${U:?a` + "\n\x1b[31m" + `b}`: "error: ${U}: a  [31mb",
	} {
		check(t, text, want, secrets)
	}
}

func TestOperatorsSeeTheFilteredValue(t *testing.T) {
	for text, want := range map[string]string{
		`${S|trim:-d}`: "d", `${E|json:-null}`: "null", `${E|json}`: `""`, `${A|hex:-d}`: "7661", `${U|hex:-d}`: "d",
		`${S|trim:+x}`: "", `${S|trim:?blank}`: "error: blank", `${A|hexd:-d}`: "error: ${A}: hexd: the value is not in this encoding",
		`${A|base64|hex}`: "646d453d", `${A|hex|base64}`: "NzY2MQ==",
	} {
		p, err := Compile([]Input{{Name: "X", Text: text}}, Options{Scope: environment(map[string]string{"A": "va", "E": "", "S": " \t\n"})})
		if err != nil {
			t.Fatal(err)
		}
		s, err := resolver(t).Resolve(t.Context(), p)
		e, _ := s.Entry("X")
		message, fails := strings.CutPrefix(want, "error: ")
		if fails && (err == nil || !strings.Contains(err.Error(), message)) || !fails && (err != nil || string(e.Value.Reveal()) != want) {
			t.Errorf("%s is %q, %v, want %s", text, e.Value.Reveal(), err, want)
		}
	}
}

func TestDefaultsHideNothingButNotFound(t *testing.T) {
	for _, kind := range []error{providers.ErrDenied, providers.ErrUnauthenticated, providers.ErrThrottled, providers.ErrUnavailable, providers.ErrInvalid} {
		for _, text := range []string{"${local:a:-d}", "${local:a:+d}", "${local:a:?d}", "${local:a}", "x${local:a:-d}"} {
			s := newSource(nil)
			s.errs["a"] = &providers.Error{Kind: kind, Hint: "try this"}
			_, err := resolver(t, s.driver("local")).Resolve(t.Context(), compile(t, Options{}, map[string]string{"X": text}))
			if err == nil || kindOf(t, err) != kind {
				t.Errorf("%s with %v: %v", text, kind, err)
				continue
			}
			if p := Problems(err)[0]; !strings.HasSuffix(p.Error(), ": X: ${local:a}: "+kind.Error()) || p.Hint != "try this" {
				t.Errorf("%s: %v, hint %q", text, p, p.Hint)
			}
		}
	}
	if _, err := evaluate(t, "${local:a#f:-d}", map[string]string{"a": "not json"}); err == nil || kindOf(t, err) != providers.ErrInvalid {
		t.Errorf("a payload that is no JSON: %v", err)
	}
}

func TestResultsAreNotScannedAgain(t *testing.T) {
	secrets := map[string]string{"a": "${secret:b} pylee://secret/b $${A}"}
	check(t, "${secret:a}", secrets["a"], secrets)
	check(t, "<${secret:a}>", "<"+secrets["a"]+">", secrets)
	p := compile(t, Options{Scope: Scope{
		{Name: LayerEnvironment, Plain: map[string]string{"P": "${A}"}},
		{Name: LayerVariables, Texts: map[string]Input{"V": {Text: "${P}"}}},
	}}, map[string]string{"X": "${V}"})
	s, err := resolver(t).Resolve(t.Context(), p)
	if e, _ := s.Entry("X"); err != nil || string(e.Value.Reveal()) != "${A}" {
		t.Errorf("%q, %v", e.Value.Reveal(), err)
	}
}

func TestBytesAreKept(t *testing.T) {
	secrets := map[string]string{"bin": "\x00\xff\r\n", "nul": "ab\x00c"}
	in := []Input{
		{Name: "file", Text: "${local:bin}", Use: ForFile},
		{Name: "spliced", Text: "a${local:bin}b", Use: ForFile},
		{Name: "encoded", Text: "${local:bin|base64}"},
	}
	p, err := Compile(in, Options{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := resolver(t, newSource(secrets).driver("local")).Resolve(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"file": "\x00\xff\r\n", "spliced": "a\x00\xff\r\nb", "encoded": "AP8NCg=="} {
		if e, _ := s.Entry(name); string(e.Value.Reveal()) != want {
			t.Errorf("%s: %q, want %q", name, e.Value.Reveal(), want)
		}
	}
	_, err = evaluate(t, "${local:nul}", secrets)
	if err == nil || !strings.Contains(err.Error(), "byte 3 is NUL") || !strings.Contains(Problems(err)[0].Hint, "|base64") {
		t.Errorf("NUL: %v", err)
	}
}

func TestFinalNewline(t *testing.T) {
	texts := newSource(map[string]string{"lf": "v\n", "crlf": "v\r\n", "two": "v\n\n", "json": `{"a":"v\n"}` + "\n"})
	for key, secret := range texts.secrets {
		secret.Text = true
		texts.secrets[key] = secret
	}
	exact := newSource(map[string]string{"lf": "v\n"})
	scope := Scope{{Name: LayerVariables, Texts: map[string]Input{"V": {Text: "${cred:lf}"}}}}
	for _, test := range []struct {
		text string
		use  Use
		want string
	}{
		{"${cred:lf}", ForEnv, "v"}, {"${cred:lf}", ForArg, "v"}, {"${cred:lf}", ForSetting, "v"}, {"${cred:lf}", ForFile, "v\n"},
		{"${cred:crlf}", ForEnv, "v"}, {"${cred:two}", ForEnv, "v\n"}, {"${cred:lf?newline=keep}", ForEnv, "v\n"},
		{"${cred:lf|hex}", ForEnv, "76"}, {"${cred:lf|hex}", ForFile, "760a"}, {"<${cred:lf}>", ForEnv, "<v>"},
		{"${cred:json#a}", ForEnv, "v\n"}, {"${local:lf}", ForEnv, "v\n"}, {"${local:lf|chomp}", ForEnv, "v"},
		{"${V}", ForEnv, "v"}, {"${V}", ForFile, "v\n"},
	} {
		p, err := Compile([]Input{{Name: "X", Text: test.text, Use: test.use}}, Options{Scope: scope})
		if test.use == ForSetting {
			p, err = Compile([]Input{{Name: "X", Text: test.text, Use: test.use}}, Options{})
		}
		if err != nil {
			t.Fatal(err)
		}
		s, err := resolver(t, texts.driver("cred"), exact.driver("local")).Resolve(t.Context(), p)
		if e, _ := s.Entry("X"); err != nil || string(e.Value.Reveal()) != test.want {
			t.Errorf("%s for %d: %q, %v, want %q", test.text, test.use, e.Value.Reveal(), err, test.want)
		}
	}
}

func TestValuesDoNotGrowWithoutBound(t *testing.T) {
	texts := make(map[string]Input)
	texts["A"] = Input{Text: strings.Repeat("x", 1000)}
	for name := 'B'; name <= 'Z'; name++ {
		texts[string(name)] = Input{Text: strings.Repeat("${"+string(name-1)+"}", 4)}
	}
	p := compile(t, Options{Scope: Scope{{Name: LayerVariables, Texts: texts}}}, map[string]string{"X": "${Z}"})
	_, err := resolver(t).Resolve(t.Context(), p)
	if err == nil || !strings.Contains(err.Error(), "more than 16 MiB") || len(Problems(err)) != 1 {
		t.Errorf("%v", err)
	}
}
