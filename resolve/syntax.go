package resolve

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/pyleeai/pylee/providers"
)

// fail returns an error about the byte at offset. The caret line shows the reference
// up to it and no further: where a reference is malformed nobody knows what of the
// rest belongs to it, and what does not may be a secret.
func (p *parser) fail(offset int, message, hint string) error {
	_, size := utf8.DecodeRuneInString(p.text[offset:])
	return p.failTo(offset, offset+size, message, hint)
}

// failTo is fail for a word of the grammar that reaches from offset to to.
func (p *parser) failTo(offset, to int, message, hint string) error {
	for i := len(p.open) - 1; i >= 0; i-- {
		if !isClosed(p.text[p.open[i]:]) {
			return p.unterminated(p.open[i])
		}
	}
	return p.syntaxError(offset, to, message, hint)
}

func (p *parser) syntaxError(offset, to int, message, hint string) error {
	from := p.from
	if from < 0 {
		from = offset
	}
	return &SyntaxError{Offset: offset, From: from, To: to, Message: message, Hint: hint}
}

// isClosed tells whether the brace that text begins with has its counterpart.
func isClosed(text string) bool {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return true
			}
		}
	}
	return false
}

const unterminatedText = "unterminated ${ (write $${ for a literal ${)"

// unterminated is about the expression that begins at start.
func (p *parser) unterminated(start int) error {
	return &SyntaxError{Offset: start, From: start, To: p.shownHead(start), Message: unterminatedText}
}

// shownHead returns the end of what is shown of an expression without an end: "${",
// and "provider:" if it is of pylee's own kinds. Anything else may be what a password
// with "${" in it goes on with.
func (p *parser) shownHead(start int) int {
	brace := start + len("${")
	end := headEnd(p.text, start)
	if kind, ok := strings.CutSuffix(p.text[brace:end], ":"); ok {
		if _, ok := providers.Find(kind); ok {
			return end
		}
	}
	return brace
}

// headEnd returns the end of "${name:" or "${name" at start.
func headEnd(text string, start int) int {
	q := parser{text: text, pos: start + len("${")}
	q.takeWhile(isNameByte)
	if q.at(0) == ':' && !isOperator(q.at(1)) {
		q.pos++
	}
	return q.pos
}

// unbalanced is about e, whose word reaches to the end of the text.
func (p *parser) unbalanced(e *Expr, word string) error {
	i := strings.IndexByte(word, '{')
	if i < 0 || i > 0 && word[i-1] == '$' {
		return p.unterminated(e.Offset)
	}
	message := fmt.Sprintf("unterminated ${: the text behind %q holds a { without its }", e.Op)
	hint := "literal { and } must balance there; move a text where they do not into a variable"
	return &SyntaxError{Offset: e.Offset, From: e.Offset, To: p.shownHead(e.Offset), Message: message, Hint: hint}
}

func (p *parser) tooDeep() error {
	message := "${ is nested more than " + strconv.Itoa(MaxDepth) + " deep"
	return p.failTo(p.pos, p.pos+len("${"), message, "move the inner part into a variable")
}

// noName is about an expression that does not begin with a name.
func (p *parser) noName() error {
	const literal = "write $${ for a literal ${"
	switch c := p.at(0); {
	case p.end():
		return p.unterminated(p.pos - len("${"))
	case c == '}':
		return p.fail(p.pos, "${} names nothing", "write $${} for a literal ${}")
	case c == ' ':
		return p.fail(p.pos, "unexpected space behind ${", "write ${NAME} without spaces, or $${ for a literal ${")
	case c == '/' && p.at(1) == '}':
		return p.fail(p.pos, "${/} is an editor variable; pylee does not define it", "write $${/} to pass it on")
	default:
		return p.fail(p.pos, "unexpected "+showByte(c)+" behind ${: a name begins with a letter or _", literal)
	}
}

// badProvider is about a name before a ":" that no provider can have.
func (p *parser) badProvider(name string) error {
	start := p.pos - len(name)
	shown := clipName(name)
	switch {
	case editorVariable(name) && !p.whole:
		return p.failTo(start, p.pos+1, "${"+shown+":…} is an editor variable; pylee does not define it",
			"write $${"+shown+":…} to pass it on")
	case p.at(1) == '=' && !p.whole:
		return p.failTo(p.pos, p.pos+2, "there is no operator :=", "write ${"+shown+":-…} for a default")
	}
	lower := clipName(strings.ToLower(name))
	hint := "write ${" + shown + "} for a variable, ${" + shown + ":-…} for one with a default"
	if _, ok := providers.Find(lower); ok {
		hint = "write ${" + lower + ":…}"
		if p.whole {
			hint = "write " + uriPrefix + lower + "/…"
		}
	} else if p.whole {
		hint = addressForm
	}
	return p.failTo(start, p.pos, quoteName(name)+" cannot be a provider: their names are in lower case", hint)
}

// editorVariable tells whether editors that start programs define ${name} or
// ${name:...}: VS Code and those that follow it, "Variables reference" of its manual.
func editorVariable(name string) bool {
	switch name {
	case "workspaceFolder", "workspaceFolderBasename", "workspaceRoot", "userHome",
		"file", "fileWorkspaceFolder", "fileWorkspaceFolderBasename", "relativeFile",
		"relativeFileDirname", "fileBasename", "fileBasenameNoExtension", "fileExtname",
		"fileDirname", "fileDirnameBasename", "lineNumber", "columnNumber", "selectedText",
		"execPath", "defaultBuildTask", "pathSeparator", "config", "command", "input":
		return true
	}
	return false
}

// secretInName is about a reference inside a name that is not public.
func (p *parser) secretInName(e *Expr, provider string) error {
	message := "secret reference ${" + clipName(provider) + ":…} inside a name " +
		"(only ${VAR}, ${env:…}, ${var:…} may be nested here: names are logged and audited)"
	return p.failTo(e.Offset, p.pos+1, message, "write the name itself there, or a public variable that holds it")
}

// afterName is about a byte that is neither a filter nor an operator nor "}".
func (p *parser) afterName(e *Expr) error {
	c := p.at(0)
	what := "${" + clipName(e.Name)
	if e.Name == "" {
		what = "${" + clipName(e.Provider) + ":…"
	}
	if len(e.Filters) > 0 {
		what += "|" + e.Filters[len(e.Filters)-1].Name
	}
	message := "unexpected " + showByte(c) + " behind " + what
	hint := "the name of a variable is letters, digits and _; write $${ for a literal ${"
	switch {
	case c == ' ':
		hint = "write " + what + "} without spaces, or $${ for a literal ${"
	case e.Name == "" && isOperator(c):
		hint = "operators of a reference are :- :? :+; options and field go before the filter: name?option=value#field|filter"
	case len(e.Filters) > 0:
		hint = "filters come last before the operator: name?option=value#field|filter:-default"
	}
	return p.fail(p.pos, message, hint)
}

// emptyName is about a reference with nothing between the provider and what follows.
func (p *parser) emptyName(e *Expr, start int) error {
	head, tail := "${"+clipName(e.Provider)+":", "}"
	if p.whole {
		head, tail = uriPrefix+clipName(e.Provider)+"/", ""
	}
	return p.fail(start, "the name is missing behind "+head, "write "+head+"NAME"+tail)
}

func (p *parser) emptyField(start int) error {
	return p.fail(start, "the field is missing behind #", "write name#field, or no # for the whole secret")
}

// strayMark is about a "?" or "#" in an option or a field.
func (p *parser) strayMark(where string) error {
	c := p.at(0)
	escape := fmt.Sprintf("; write %%%02X for a literal %c", c, c)
	message := "unexpected " + showByte(c) + " in " + where
	if where == "an option" {
		return p.fail(p.pos, message, "options are separated by &: name?option=value&option=value"+escape)
	}
	if c == '?' {
		message += ": options go before the field"
	}
	return p.fail(p.pos, message, "name?option=value#field"+escape)
}

func (p *parser) badOption(o Option) error {
	const form = "name?option=value"
	if o.Name == "" {
		return p.fail(p.pos, "the name of an option is missing", form+"; write %3F for a literal ?")
	}
	hint := form + "; to fail with a text of your own write :?"
	return p.failTo(o.Offset, p.pos, "option "+quoteName(o.Name)+" has no value", hint)
}

func (p *parser) badFilter(f Filter) error {
	known := " (known: " + strings.Join(filterNames, " ") + ")"
	const hint = "write %7C for a literal | in a name"
	if f.Name != "" {
		return p.failTo(f.Offset, p.pos, "unknown filter "+quoteName(f.Name)+known, hint)
	}
	return p.fail(p.pos, "the name of a filter is missing"+known, hint)
}

// braceInName does not look for a counterpart: with a missing "}" before it, which
// is the other explanation, there cannot be one.
func (p *parser) braceInName() error {
	to := p.pos + 1
	if len(p.open) > 0 && !isClosed(p.text[p.open[0]:]) {
		to = p.shownHead(p.from)
	}
	return p.syntaxError(p.pos, to, "unexpected '{' in a name", "write %7B for a literal {, or close the reference with } before it")
}

func (p *parser) controlInName() error {
	c := p.at(0)
	return p.fail(p.pos, "unexpected "+showByte(c)+" in a name", fmt.Sprintf("write %%%02X, or close the reference with } before it", c))
}

// showByte names a byte of the text in a message.
func showByte(c byte) string {
	switch {
	case c == ' ':
		return "space"
	case c < ' ' || c == 0x7f:
		return fmt.Sprintf("control character 0x%02X", c)
	case c >= utf8.RuneSelf:
		return "character outside of ASCII"
	}
	return "'" + string(rune(c)) + "'"
}

// quoteName quotes a name of the text, which is letters, digits, "_" and "-".
func quoteName(name string) string { return `"` + clipName(name) + `"` }

func clipName(name string) string {
	const most = 40
	if len(name) <= most {
		return name
	}
	return name[:most] + "…"
}
