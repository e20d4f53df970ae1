#!/bin/sh
# The main job of pylee on its local store: a home that is thrown away, made-up values,
# every command shown before its output. Touches nothing else and opens no connection.
set -eu
exec 2>&1 # messages in order with the output
bin=$(cd "$(dirname "$0")/.." && pwd)/bin
umask 077
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

unset PYLEE_CONFIG PYLEE_ENV PYLEE_ENV_REFS PYLEE_DEBUG PYLEE_IDENTITY PYLEE_IDENTITY_FILE CREDENTIALS_DIRECTORY || :
export HOME="$dir/home" XDG_STATE_HOME="$dir/home/.local/state" PATH="$bin:$PATH"
mkdir -p "$HOME/shop"
cd "$HOME/shop"

say() { printf '\n# %s\n' "$*"; }
show() { # TEXT: print a command, then run it
	printf '$ %s\n' "$1"
	eval "$1"
}

say "A secret goes in by stdin, so that it is in no shell history and no process list."
show "printf 's3cret/with@signs' | pylee secret set db_password"
show "pylee secret list"

say "A reference becomes a value on the way into the program, and nowhere else."
# shellcheck disable=SC2016 # pylee expands it, not the shell
show 'pylee run --set '\''DB=postgres://u:${secret:db_password|urlquery}@h/d'\'' -- printenv DB'

say "The same from a config, which holds references only and can be committed."
cat >pylee.yaml <<'CONFIG'
version: 1
variables: {APP: shop}
env:
  DATABASE_URL: {value: "postgres://${APP}:${secret:db_password|urlquery}@${DB_HOST:-localhost}/${APP}", required: true, type: url}
  LOG_LEVEL: debug
environments:
  production:
    variables: {DB_HOST: db.internal}
    env: {LOG_LEVEL: warn}
CONFIG
show "cat pylee.yaml"

say "A config that lies in a directory could have come from anybody: it is allowed once, after a look."
show "pylee allow --yes"
show "pylee check"
show "pylee run -- printenv DATABASE_URL LOG_LEVEL"

say "Another environment has its overlay and a store of its own."
show "printf 'the-real-one' | pylee secret set --env production db_password"
show "pylee allow --yes --env production"
show "pylee run --env production -- printenv DATABASE_URL LOG_LEVEL"

say "The exit status is the program's own; what cannot be resolved never starts it."
show "pylee run -- sh -c 'exit 42' || echo \"exit status \$?\""
# shellcheck disable=SC2016
show 'pylee run --set '\''A=${secret:db_pasword}'\'' --set '\''B=${vualt:x}'\'' -- echo started || echo "exit status $?"'

say "On disk there is ciphertext: one standard age file per environment."
show "head -n 1 ~/.pylee/secrets/default.age"
if command -v age >/dev/null; then
	show "age -d -i ~/.pylee/identity ~/.pylee/secrets/default.age | cut -c 1-60"
fi
say "Done. The home of this demo is removed."
