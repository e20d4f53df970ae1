package cli

import (
	"fmt"
	"strings"
)

// appDescription is the help of pylee itself, with the table of exit codes.
func appDescription() string {
	var b strings.Builder
	b.WriteString(appText)
	for _, row := range exitTable {
		fmt.Fprintf(&b, "   %-4d %s\n", row.code, row.meaning)
	}
	return strings.TrimRight(b.String(), "\n")
}

const appText = `pylee reads a config, resolves every reference in it, puts the values into the
environment of a command, and becomes that command.

   printf s3cret | pylee secret set db_password
   pylee run --set 'DB=postgres://app:${secret:db_password|urlquery}@db/app' -- ./server

References:
   ${NAME} ${NAME:-default}      a variable
   ${secret:name}                the local encrypted store, or the environment's secret_provider
   ${file:/run/x} ${dir:name} ${cred:name} ${env:NAME} ${var:NAME}
   ${provider:name?option=value#field|filter:-default}

Exit status: that of the command that run starts, else
`

const runDescription = `Flags stand before the command; everything after it is the command's.

   pylee run -- ./server --port 8080
   pylee run --env production -- ./server
   pylee run --set 'TOKEN=${secret:api_key}' -- curl -K -
   pylee run --server database              # an entry of mcpServers
   pylee run --target web -- --verbose      # an entry of commands, with one more argument

When nothing has to stay, pylee becomes the command: same pid, same terminal, and
nothing of pylee remains in memory.`

const checkDescription = `Resolves everything that run would, checks it, reports all failures, runs nothing.

   pylee check
   pylee check --env production --json`

const explainDescription = `Shows for each value where it is written, which references it has, and what the
layers below it said. Texts are hidden, since a literal may be a secret; --reveal
shows them as they are written, still unresolved.

   pylee explain
   pylee explain env.DATABASE_URL`

const renderDescription = `Resolves the references in a template and prints the result, or writes it to a file
that only its owner can read. With a format the strings of the template are resolved
one by one, and the writer quotes them: no value can change the structure.

   pylee render nginx.conf.tmpl -o /run/nginx/nginx.conf
   pylee render --format json settings.json.tmpl | jq .`

const envDescription = `Prints the variables that run would set. Values are hidden unless --reveal.

   pylee env
   pylee env --reveal --format shell > "$XDG_RUNTIME_DIR/env.sh"`
