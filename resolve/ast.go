package resolve

// Template is a parsed text: literals and expressions, in order.
type Template struct {
	Parts []Part
}

// Part is a literal, or an expression if Expr is not nil.
type Part struct {
	Literal string
	Expr    *Expr
}

// Expr is one ${...}, a variable or a reference.
type Expr struct {
	Offset, End int // byte range in the text it was parsed from: "$" to behind "}"

	Name string // variable: its name; empty for a reference

	Provider string   // reference: scheme or instance
	Path     []Part   // never empty; expressions in it are public
	Options  []Option // in the order written; names are distinct
	Field    *Field   // nil: the whole secret

	Filters []Filter
	Op      string // "", ":-", "-", ":?", "?", ":+" or "+"
	Word    *Template
}

// Option is one name=value behind the "?" of a reference.
type Option struct {
	Offset int
	Name   string
	Value  []Part
}

// Field is what stands behind the "#" of a reference.
type Field struct {
	Offset  int
	Pointer bool   // RFC 6901, parts include the leading "/"
	Parts   []Part // percent-decoded
}

// Filter is one |name.
type Filter struct {
	Offset int
	Name   string
}

// SyntaxError says what is wrong in a text, and where. Its message holds no part of
// the text but names.
type SyntaxError struct {
	Offset  int    // of the offending byte
	From    int    // start and end of the reference around it, for the caret line;
	To      int    // the text outside is shown as "…"
	Message string // one line
	Hint    string // may be empty
}

// Error returns the message.
func (e *SyntaxError) Error() string { return e.Message }
