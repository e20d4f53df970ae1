package policy

import (
	"math/rand/v2"
	"strings"
	"testing"
)

func glob(t testing.TB, parse func(string) (Glob, error), text string) Glob {
	t.Helper()
	g, err := parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return g
}

func reference(t testing.TB, text string) Reference {
	t.Helper()
	r, err := ParseReference(text, false)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return r
}

// ask is a request that all rules of TestDecide are about.
func ask() Request {
	return Request{
		Subject: Subject{UID: 1000, User: "ann", Groups: []string{"ann", "ops"}, Unit: "web@1.service"},
		Names:   []string{"${secret:db#password}", "${local:db#password}"}, Environment: "production",
		Action: Run, Delivery: Env, Command: "/srv/web/server", SHA256: "aa",
	}
}

func TestRules(t *testing.T) {
	all := []Reference{reference(t, "*")}
	units := []Glob{glob(t, ParseGlob, "web@*.service")}
	server := glob(t, ParsePath, "/srv/web/*")
	for name, c := range map[string]struct {
		rule   Rule
		change func(*Request)
		misses string // part of the reason; empty: it fits
	}{
		"everything":             {Rule{}, nil, ""},
		"by another name":        {Rule{References: []Reference{reference(t, "local:db")}}, nil, ""},
		"another reference":      {Rule{References: []Reference{reference(t, "local:x")}}, nil, "other references"},
		"uid":                    {Rule{UIDs: []int{1, 1000}}, nil, ""},
		"another uid":            {Rule{UIDs: []int{0}}, nil, "other users than uid 1000"},
		"user":                   {Rule{Users: []string{"bob", "ann"}}, nil, ""},
		"another user":           {Rule{Users: []string{"bob"}}, nil, "other users"},
		"a user with no name":    {Rule{Users: []string{""}}, func(r *Request) { r.Subject.User = "" }, "other users"},
		"group":                  {Rule{Groups: []string{"ops"}}, nil, ""},
		"another group":          {Rule{Groups: []string{"root"}}, nil, "other groups"},
		"unit":                   {Rule{Units: units}, nil, ""},
		"another unit":           {Rule{Units: units}, func(r *Request) { r.Subject.Unit = "db.service" }, "other units"},
		"no unit":                {Rule{Units: []Glob{glob(t, ParseGlob, "*")}}, func(r *Request) { r.Subject.Unit = "" }, "other units"},
		"user and group":         {Rule{Users: []string{"ann"}, Groups: []string{"root"}}, nil, "other groups"},
		"environment":            {Rule{Environments: []Glob{glob(t, ParseGlob, "prod*")}}, nil, ""},
		"another environment":    {Rule{Environments: []Glob{glob(t, ParseGlob, "dev")}}, nil, "other environments"},
		"delivery":               {Rule{Deliveries: []Delivery{File, Env}}, nil, ""},
		"another delivery":       {Rule{Deliveries: []Delivery{Stdout}}, nil, "delivery by stdout, not env"},
		"no delivery":            {Rule{Deliveries: []Delivery{Env}}, func(r *Request) { r.Action, r.Delivery = List, "" }, "nothing is"},
		"action":                 {Rule{Actions: []Action{Run}}, nil, ""},
		"another action":         {Rule{Actions: []Action{Read, List}}, nil, "about read or list, not run"},
		"command":                {Rule{Commands: []Command{{Path: server}}}, nil, ""},
		"another command":        {Rule{Commands: []Command{{Path: server}}}, func(r *Request) { r.Command = "/srv/web/x/server" }, "other commands"},
		"no command":             {Rule{Commands: []Command{{Path: server}}}, func(r *Request) { r.Command = "" }, "there is none"},
		"content":                {Rule{Commands: []Command{{Path: server, SHA256: "aa"}}}, nil, ""},
		"another content":        {Rule{Commands: []Command{{Path: server, SHA256: "bb"}}}, nil, "another content"},
		"unknown content":        {Rule{Commands: []Command{{Path: server, SHA256: "aa"}}}, func(r *Request) { r.SHA256 = "" }, "another content"},
		"unknown content denied": {Rule{Deny: true, Commands: []Command{{Path: server, SHA256: "aa"}}}, func(r *Request) { r.SHA256 = "" }, ""},
		"two contents":           {Rule{Commands: []Command{{Path: server, SHA256: "bb"}, {Path: server, SHA256: "aa"}}}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := ask()
			if c.change != nil {
				c.change(&r)
			}
			if c.rule.References == nil {
				c.rule.References = all
			}
			got := c.rule.Misses(r)
			if (got == "") != (c.misses == "") || !strings.Contains(got, c.misses) {
				t.Errorf("%q, want %q", got, c.misses)
			}
			// What a rule says counts if and only if it fits.
			c.rule.Name, c.rule.Place = "it", "p:1:1"
			d := (&Policy{Place: "p", Rules: []Rule{c.rule}}).Decide(r)
			want := Decision{Reason: NoRule, Place: "p"}
			if c.misses == "" {
				want = Decision{Allowed: !c.rule.Deny, Reason: Allowed, Rule: "it", Place: "p:1:1"}
				if c.rule.Deny {
					want.Reason = Denied
				}
			}
			if d != want {
				t.Errorf("%+v, want %+v", d, want)
			}
		})
	}
}

func TestDecisionsAreSaid(t *testing.T) {
	for want, d := range map[string]Decision{
		`allowed: there is no policy`:    (*Policy)(nil).Decide(ask()),
		`denied: no rule of p allows it`: (&Policy{Place: "p"}).Decide(ask()),
		`allowed by rule "a" (p:2:3)`:    {Allowed: true, Reason: Allowed, Rule: "a", Place: "p:2:3"},
		`denied by rule "a" (p:2:3)`:     {Reason: Denied, Rule: "a", Place: "p:2:3"},
	} {
		if d.String() != want {
			t.Errorf("%s, want %s", d, want)
		}
	}
}

func TestAllPoliciesHaveToAllow(t *testing.T) {
	wide := &Policy{Place: "wide", Rules: []Rule{{Name: "w", Place: "wide:1:1", References: []Reference{reference(t, "*")}}}}
	none := &Policy{Place: "none"}
	for _, c := range []struct {
		all  []*Policy
		want string
	}{
		{nil, "allowed: there is no policy"},
		{[]*Policy{wide}, `allowed by rule "w" (wide:1:1)`},
		{[]*Policy{none, wide}, "denied: no rule of none allows it"},
		{[]*Policy{wide, none}, "denied: no rule of none allows it"},
	} {
		if got := Decide(c.all, ask()).String(); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
}

func TestWantsSHA256(t *testing.T) {
	if (*Policy)(nil).WantsSHA256() || (&Policy{Rules: []Rule{{Commands: []Command{{}}}}}).WantsSHA256() {
		t.Error("nobody names a content")
	}
	if !(&Policy{Rules: []Rule{{}, {Commands: []Command{{}, {SHA256: "aa"}}}}}).WantsSHA256() {
		t.Error("a rule names a content")
	}
}

// TestProperties makes policies by chance: a rule that denies wins, nothing is allowed
// without a rule, and the order of rules does not matter.
func TestProperties(t *testing.T) {
	random := rand.New(rand.NewPCG(8, 8))
	outcomes := map[Reason]int{}
	for range 20_000 {
		p := &Policy{Place: "p", Rules: make([]Rule, random.IntN(6))}
		for i := range p.Rules {
			p.Rules[i] = someRule(t, random)
		}
		r := ask()
		r.Delivery, r.Action = Deliveries[random.IntN(2)], Actions[random.IntN(2)]
		allowing, denying := 0, 0
		for i := range p.Rules {
			switch {
			case p.Rules[i].Misses(r) != "":
			case p.Rules[i].Deny:
				denying++
			default:
				allowing++
			}
		}
		d := p.Decide(r)
		if d.Allowed != (allowing > 0 && denying == 0) || (d.Reason == Denied) != (denying > 0) || (d.Rule == "") != (allowing+denying == 0) {
			t.Fatalf("%d rules allow, %d deny: %+v", allowing, denying, d)
		}
		random.Shuffle(len(p.Rules), func(i, j int) { p.Rules[i], p.Rules[j] = p.Rules[j], p.Rules[i] })
		if again := p.Decide(r); again.Allowed != d.Allowed || again.Reason != d.Reason {
			t.Fatalf("in another order: %+v, before %+v", again, d)
		}
		p.Rules = append(p.Rules, Rule{Name: "no", Deny: true, References: []Reference{reference(t, "local:*")}})
		if d := p.Decide(r); d.Allowed || d.Reason != Denied {
			t.Fatalf("denied, and %+v", d)
		}
		outcomes[d.Reason]++
	}
	if len(outcomes) != 3 {
		t.Errorf("not all was tried: %v", outcomes)
	}
}

func someRule(t *testing.T, random *rand.Rand) Rule {
	patterns := []string{"*", "secret:*", "local:db", "vault:*"}
	rule := Rule{Name: "some", Deny: random.IntN(3) == 0, References: []Reference{reference(t, patterns[random.IntN(4)])}}
	if random.IntN(2) == 0 {
		rule.Deliveries = []Delivery{Deliveries[random.IntN(2)]}
	}
	if random.IntN(2) == 0 {
		rule.Actions = []Action{Actions[random.IntN(2)]}
	}
	if random.IntN(3) == 0 {
		rule.Users = []string{[]string{"ann", "bob"}[random.IntN(2)]}
	}
	return rule
}

func TestExpectations(t *testing.T) {
	yes, no := Decision{Allowed: true, Reason: Allowed, Rule: "a", Place: "p:1:1"}, Decision{Reason: NoRule, Place: "p"}
	for _, c := range []struct {
		test Test
		d    Decision
		want string
	}{
		{Test{Allow: true}, yes, ""},
		{Test{Allow: true, Rule: "a"}, yes, ""},
		{Test{}, no, ""},
		{Test{Allow: true}, no, "should be allowed, and is denied"},
		{Test{}, yes, "should be denied, and is allowed"},
		{Test{Allow: true, Rule: "b"}, yes, `should be decided by rule "b"`},
		{Test{Rule: "b"}, no, `should be decided by rule "b"`},
	} {
		if got := c.test.Failure(c.d); (got == "") != (c.want == "") || !strings.HasPrefix(got, c.want) {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
