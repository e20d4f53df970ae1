package format

import "strings"

const (
	// quoteHint helps where a plain text holds characters that mean something.
	quoteHint = "put a text with special characters in quotes"
	flowHint  = "inside of [ ] and { } a text with ${...} needs quotes"

	keyLine       = "a key and its colon must stand on one line"
	keyLineHint   = `is a ": " missing on this line, or the next one indented wrongly?`
	flowColonHint = "write key: value, or put the text in quotes"

	tabReason = "a tab where indentation should be"
)

// yamlReasons says in plain words what goccy reports; its own messages may hold
// pieces of the file. The first match counts.
var yamlReasons = []struct{ part, message, hint string }{
	{"end character of", "this quote is never closed", ""},
	{"cannot start any token", tabReason, "indent with spaces"},
	{"tab character", tabReason, "indent with spaces"},
	{"is a reserved character", "a text cannot begin with this character", "put it in quotes"},
	{"mapping value is not allowed", `a second ": " in this value`, "check the indentation; " + quoteHint},
	{"block sequence entries are not", `a list cannot begin behind "key:"`, "begin it on the next line"},
	{"flow mapping end token", "this { is never closed", ""},
	{"sequence end token", "this [ is never closed", ""},
	{"corresponding to ']'", "this ] closes nothing", quoteHint},
	{"corresponding to '}'", "this } closes nothing", quoteHint},
	{"',' or ']' must", "missing comma before this", flowHint},
	{"',' or '}' must", "missing comma before this", flowHint},
	{"expected sequence element", "a value should be before this comma", ""},
	{"flow map content", "not a member of { ... }", "write {key: value, key: value}"},
	{"implicit line break", keyLine, keyLineHint},
	{"unexpected key name", keyLine, keyLineHint},
	{"non-map value", `this line is not "key: value"`, `is a ": " missing, or the indentation wrong?`},
	{"map key-value is pre-defined", "this does not belong to the line before", "check the indentation; " + quoteHint},
	{"value is not allowed", "this does not belong to what stands before", "check the indentation; " + quoteHint},
	{"invalid key", "this colon has no key", quoteHint},
	{"escape character", "not an escape of YAML", `a backslash itself is written \\, or use single quotes`},
	{"unexpected scalar value", "a value should be here", quoteHint},
	{"UTF-16", "not an escape of YAML", `write \uXXXX, beyond U+FFFF \UXXXXXXXX`},
	{"UTF-32", "not an escape of YAML", `write \UXXXXXXXX`},
	{"document separator", "the document ends inside a quote", "close the quote"},
	{"invalid header option", "not a header of a block text", "write |, |-, |+, >, >- or >+"},
	{"multi-line", "the text of this block is missing or wrongly indented", "indent it deeper than its key"},
	{"number of indent", "the indentation of this block is wrong", "indent all of its lines alike"},
	{"tag", "tags are not supported here", "put a text that begins with ! in quotes"},
	{"anchor", "not an anchor", "put a text that begins with & in quotes"},
	{"alias", "not an alias", "put a text that begins with * in quotes"},
	{"end content", manyDocuments, ""},
}

// explainYAML returns reason and hint for a message of goccy's parser.
func explainYAML(message string) (string, string) {
	for _, r := range yamlReasons {
		if strings.Contains(message, r.part) {
			return r.message, r.hint
		}
	}
	return "this is not YAML", quoteHint
}
