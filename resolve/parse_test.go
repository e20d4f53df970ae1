package resolve

import (
	"reflect"
	"testing"
)

func literal(s string) []Part { return []Part{{Literal: s}} }

func word(parts ...Part) *Template { return &Template{Parts: parts} }

// shape removes offsets from parts, in place.
func shape(parts []Part) []Part {
	for e := range (&Template{Parts: parts}).Exprs() {
		e.Offset, e.End = 0, 0
		for i := range e.Options {
			e.Options[i].Offset = 0
		}
		if e.Field != nil {
			e.Field.Offset = 0
		}
		for i := range e.Filters {
			e.Filters[i].Offset = 0
		}
	}
	return parts
}

func TestParseExpression(t *testing.T) {
	a := &Expr{Name: "A"}
	tests := []struct {
		text string
		want Expr
	}{
		{"${A}", Expr{Name: "A"}},
		{"${_a1}", Expr{Name: "_a1"}},
		{"${A|trim}", Expr{Name: "A", Filters: []Filter{{Name: "trim"}}}},
		{"${A  |  trim  | base64}", Expr{Name: "A", Filters: []Filter{{Name: "trim"}, {Name: "base64"}}}},
		{"${A|hex-d}", Expr{Name: "A", Filters: []Filter{{Name: "hex"}}, Op: "-", Word: word(Part{Literal: "d"})}},
		{"${A:-}", Expr{Name: "A", Op: ":-", Word: word()}},
		{"${A:-a|b}", Expr{Name: "A", Op: ":-", Word: word(Part{Literal: "a|b"})}},
		{"${A:-x${A}y}", Expr{Name: "A", Op: ":-", Word: word(Part{Literal: "x"}, Part{Expr: a}, Part{Literal: "y"})}},
		{"${secret:-x}", Expr{Name: "secret", Op: ":-", Word: word(Part{Literal: "x"})}},
		{"${secret:db-pw}", Expr{Provider: "secret", Path: literal("db-pw")}},
		{"${secret:db-password:-dev}", Expr{Provider: "secret", Path: literal("db-password"), Op: ":-", Word: word(Part{Literal: "dev"})}},
		{"${secret:%2Dx}", Expr{Provider: "secret", Path: literal("-x")}},
		{"${secret:%2dx}", Expr{Provider: "secret", Path: literal("-x")}},
		{"${secret:a }", Expr{Provider: "secret", Path: literal("a ")}},
		{"${secret:a  |trim}", Expr{Provider: "secret", Path: literal("a"), Filters: []Filter{{Name: "trim"}}}},
		{"${secret:a%20 |trim}", Expr{Provider: "secret", Path: literal("a "), Filters: []Filter{{Name: "trim"}}}},
		{"${secret:a?v=1 |trim}", Expr{Provider: "secret", Path: literal("a"), Options: []Option{{Name: "v", Value: literal("1")}}, Filters: []Filter{{Name: "trim"}}}},
		{"${secret:a#b |trim}", Expr{Provider: "secret", Path: literal("a"), Field: &Field{Parts: literal("b")}, Filters: []Filter{{Name: "trim"}}}},
		{"${secret:a${A} |trim}", Expr{Provider: "secret", Path: []Part{{Literal: "a"}, {Expr: a}}, Filters: []Filter{{Name: "trim"}}}},
		{"${aws:prod/db#tls.crt}", Expr{Provider: "aws", Path: literal("prod/db"), Field: &Field{Parts: literal("tls.crt")}}},
		{"${aws:prod/db?region=eu-west-1&stage=AWSPREVIOUS#password}", Expr{Provider: "aws", Path: literal("prod/db"),
			Options: []Option{{Name: "region", Value: literal("eu-west-1")}, {Name: "stage", Value: literal("AWSPREVIOUS")}},
			Field:   &Field{Parts: literal("password")}}},
		{"${ssm:/prod/db/password:3}", Expr{Provider: "ssm", Path: literal("/prod/db/password:3")}},
		{"${aws:arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/db-AbCdEf#password}", Expr{Provider: "aws",
			Path: literal("arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/db-AbCdEf"), Field: &Field{Parts: literal("password")}}},
		{"${aws:arn:aws:secretsmanager:us-east-1:1:secret:x-AbCdEf:username1::}", Expr{Provider: "aws",
			Path: literal("arn:aws:secretsmanager:us-east-1:1:secret:x-AbCdEf:username1::")}},
		{"${vault:pki/issue/web?common_name=a.example.com&ttl=24h#private_key}", Expr{Provider: "vault", Path: literal("pki/issue/web"),
			Options: []Option{{Name: "common_name", Value: literal("a.example.com")}, {Name: "ttl", Value: literal("24h")}},
			Field:   &Field{Parts: literal("private_key")}}},
		{"${vault:secret/data/x#/a/b/0}", Expr{Provider: "vault", Path: literal("secret/data/x"), Field: &Field{Pointer: true, Parts: literal("/a/b/0")}}},
		{"${vault:x#/}", Expr{Provider: "vault", Path: literal("x"), Field: &Field{Pointer: true, Parts: literal("/")}}},
		{"${vault:x#%2Fa}", Expr{Provider: "vault", Path: literal("x"), Field: &Field{Parts: literal("/a")}}},
		{"${vault:x?a=&b-c=%26&d=}", Expr{Provider: "vault", Path: literal("x"), Options: []Option{{Name: "a"}, {Name: "b-c", Value: literal("&")}, {Name: "d"}}}},
		{"${vault:x&y=z#a&b}", Expr{Provider: "vault", Path: literal("x&y=z"), Field: &Field{Parts: literal("a&b")}}},
		{"${prod_vault:secret/${APP_ENV}/db#password}", Expr{Provider: "prod_vault",
			Path:  []Part{{Literal: "secret/"}, {Expr: &Expr{Name: "APP_ENV"}}, {Literal: "/db"}},
			Field: &Field{Parts: literal("password")}}},
		{"${vault:${env:X}?v=${var:y}#${A:-d}}", Expr{Provider: "vault",
			Path:    []Part{{Expr: &Expr{Provider: "env", Path: literal("X")}}},
			Options: []Option{{Name: "v", Value: []Part{{Expr: &Expr{Provider: "var", Path: literal("y")}}}}},
			Field:   &Field{Parts: []Part{{Expr: &Expr{Name: "A", Op: ":-", Word: word(Part{Literal: "d"})}}}}}},
		{"${op:Private/My Login/password?attribute=otp}", Expr{Provider: "op", Path: literal("Private/My Login/password"), Options: []Option{{Name: "attribute", Value: literal("otp")}}}},
		{"${vault:kv/we%23ird%3Fname%7C#f%3A-x}", Expr{Provider: "vault", Path: literal("kv/we#ird?name|"), Field: &Field{Parts: literal("f:-x")}}},
		{"${file:$HOME/a$$b}", Expr{Provider: "file", Path: literal("$HOME/a$$b")}},
		{"${file:a$${A}}", Expr{Provider: "file", Path: []Part{{Literal: "a$"}, {Expr: a}}}},
		{"${vault:é/\xff}", Expr{Provider: "vault", Path: literal("é/\xff")}},
		{"${vault:secret/x#y:-${aws:z}}", Expr{Provider: "vault", Path: literal("secret/x"), Field: &Field{Parts: literal("y")},
			Op: ":-", Word: word(Part{Expr: &Expr{Provider: "aws", Path: literal("z")}})}},
	}
	for _, tt := range tests {
		got, err := Parse(tt.text)
		if err != nil {
			t.Errorf("Parse(%q): %v", tt.text, err)
			continue
		}
		if len(got.Parts) != 1 || got.Parts[0].Expr == nil {
			t.Errorf("Parse(%q) is not one expression", tt.text)
			continue
		}
		if e := got.Parts[0].Expr; e.Offset != 0 || e.End != len(tt.text) {
			t.Errorf("Parse(%q) reaches from %d to %d", tt.text, e.Offset, e.End)
		}
		if e := shape(got.Parts)[0].Expr; !reflect.DeepEqual(*e, tt.want) {
			t.Errorf("Parse(%q)\n got %s\nwant %s", tt.text, got, (&Template{Parts: []Part{{Expr: &tt.want}}}).String())
		}
	}
}

func TestParseOffsets(t *testing.T) {
	const text = "x${vault:a${B}?v=1&w=2#f|trim|hex:-${C}}y${D}"
	parsed, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	at := func(what string, offset int, want string) {
		if end := offset + len(want); end > len(text) || text[offset:end] != want {
			t.Errorf("%s is at %d", what, offset)
		}
	}
	want := []string{"${vault:a${B}?v=1&w=2#f|trim|hex:-${C}}", "${B}", "${C}", "${D}"}
	i := 0
	for e := range parsed.Exprs() {
		at("expression", e.Offset, want[i])
		if e.End-e.Offset != len(want[i]) {
			t.Errorf("expression %s ends at %d", want[i], e.End)
		}
		i++
	}
	if i != len(want) {
		t.Errorf("%d expressions, want %d", i, len(want))
	}
	e := parsed.Parts[1].Expr
	at("option", e.Options[0].Offset, "v=1")
	at("option", e.Options[1].Offset, "w=2")
	at("field", e.Field.Offset, "f|trim")
	at("filter", e.Filters[0].Offset, "trim|")
	at("filter", e.Filters[1].Offset, "hex:-")

	for e := range parsed.Exprs() { // stops when told to
		if e.Name == "B" {
			break
		}
	}
}

func TestHasReference(t *testing.T) {
	known := func(name string) bool { return name == "vault" || name == "a_1" }
	tests := []struct {
		text string
		want bool
	}{
		{"", false},
		{"vault:x", false},
		{"$vault:x", false},
		{"${A}", false},
		{"${vault:x}", true},
		{"a $${ ${vault:x} b", true},
		{"${a_1:x}", true},
		{"${aws:x}", false},
		{"${Vault:x}", false},
		{"${vault:-x}", false},
		{"${vault-x}", false},
		{"${vault:", true},
		{"${vault", false},
		{"$${vault:x}", false},
		{"$$${vault:x}", true},
		{"${U:-${vault:x}}", true},
		{"${aws:${vault:x}}", true},
		{"${workspaceFolder:x} ${", false},
		{"pylee://", true},
		{" pylee://vault/x", false},
		{"x$", false},
	}
	for _, tt := range tests {
		if got := HasReference(tt.text, known); got != tt.want {
			t.Errorf("HasReference(%q) = %v", tt.text, got)
		}
	}
}
