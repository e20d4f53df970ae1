package cli

import (
	"fmt"
	"sort"
	"strings"

	"github.com/pyleeai/pylee/internal/store"
	"github.com/urfave/cli/v2"
)

func completionCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:      "completion",
		Usage:     "print a completion script for bash, zsh, fish or powershell",
		ArgsUsage: "SHELL",
		Description: "Examples:\n\n    pylee completion bash > /etc/bash_completion.d/pylee\n" +
			"    pylee completion zsh > \"${fpath[1]}/_pylee\"\n    pylee completion fish > ~/.config/fish/completions/pylee.fish",
		Flags: commonFlags(inv),
		Action: func(c *cli.Context) error {
			script, ok := completionScripts[c.Args().First()]
			if !ok || c.NArg() != 1 {
				return usagef("completion takes one of bash, zsh, fish, powershell")
			}
			_, err := fmt.Fprint(inv.stdio.Out, script)
			return err
		},
	}
}

// namesCommand prints names for the completion scripts. It is silent about
// failures: a key press is no place for a message.
func namesCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:   "__names",
		Hidden: true,
		Flags:  append(commonFlags(inv), configFlags()...),
		Action: func(c *cli.Context) error {
			for _, name := range inv.names(c) {
				if completable(name) {
					fmt.Fprintln(inv.stdio.Out, name) //nolint:errcheck // the shell has gone
				}
			}
			return nil
		},
	}
}

// completable keeps to names that mean nothing to any shell: a config that somebody
// else wrote must not run code because a key was pressed.
func completable(name string) bool {
	for i, r := range name {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '_'
		if !letter && (i == 0 || !strings.ContainsRune("./@:+-", r)) {
			return false
		}
	}
	return name != ""
}

func (inv *invocation) names(c *cli.Context) []string {
	switch c.Args().First() {
	case "commands":
		return commandNames(c.App.Commands)
	case "secret":
		return commandNames(find(c.App.Commands, "secret").Subcommands)
	}
	cfg, _ := inv.loadConfig(c.String("config"), c.String("env")) //nolint:errcheck // what is right in it has names
	var names []string
	switch c.Args().First() {
	case "targets":
		for _, t := range cfg.Commands {
			names = append(names, t.Name)
		}
	case "servers":
		for _, t := range cfg.Servers {
			names = append(names, t.Name)
		}
	case "environments":
		names = append(names, cfg.Environments...)
	case "secrets":
		file := inv.storeFile(storeChoice{env: cfg.Environment}, inv.projectDir(c.String("config")))
		if s, err := file.Open(); err == nil {
			names = append(names, listed(s)...)
		}
	}
	sort.Strings(names)
	return names
}

func commandNames(commands []*cli.Command) []string {
	var names []string
	for _, command := range commands {
		if !command.Hidden {
			names = append(names, command.Name)
		}
	}
	return names
}

func listed(s *store.Store) []string {
	var names []string
	for _, info := range s.List() {
		names = append(names, info.Name)
	}
	return names
}

var completionScripts = map[string]string{
	"bash": `# bash completion for pylee
_pylee() {
    local cur prev words word
    cur="${COMP_WORDS[COMP_CWORD]}"
    prev="${COMP_WORDS[COMP_CWORD-1]}"
    case "$prev" in
        --target|-t) words="$(pylee __names targets 2>/dev/null)" ;;
        --server) words="$(pylee __names servers 2>/dev/null)" ;;
        --env|-e) words="$(pylee __names environments 2>/dev/null)" ;;
        --config|-c|--env-file|--identity|--store|--file) COMPREPLY=($(compgen -f -- "$cur")); return ;;
        completion) words="bash zsh fish powershell" ;;
        secret) words="$(pylee __names secret 2>/dev/null)" ;;
        recipients) words="list add remove accept" ;;
        diff) words="$(pylee __names environments 2>/dev/null)" ;;
        get|set|remove|history|rollback|activate|revoke|expire|generate|edit|export|purge)
            [ "${COMP_WORDS[COMP_CWORD-2]}" = secret ] && words="$(pylee __names secrets 2>/dev/null)" ;;
        --) COMPREPLY=($(compgen -c -- "$cur")); return ;;
        *) if [ "$COMP_CWORD" -eq 1 ]; then words="$(pylee __names commands 2>/dev/null)"
           else COMPREPLY=($(compgen -f -- "$cur")); return; fi ;;
    esac
    COMPREPLY=()
    while read -r word; do # compgen -W would expand what is in the words
        [[ -n $word && $word == "$cur"* ]] && COMPREPLY+=("$word")
    done <<< "${words// /$'\n'}"
}
complete -F _pylee pylee
`,
	"zsh": `#compdef pylee
_pylee() {
    local -a words_
    case "${words[CURRENT-1]}" in
        --target|-t) words_=(${(f)"$(pylee __names targets 2>/dev/null)"}) ;;
        --server) words_=(${(f)"$(pylee __names servers 2>/dev/null)"}) ;;
        --env|-e) words_=(${(f)"$(pylee __names environments 2>/dev/null)"}) ;;
        --config|-c|--env-file|--identity|--store|--file) _files; return ;;
        completion) words_=(bash zsh fish powershell) ;;
        secret) words_=(${(f)"$(pylee __names secret 2>/dev/null)"}) ;;
        recipients) words_=(list add remove accept) ;;
        diff) words_=(${(f)"$(pylee __names environments 2>/dev/null)"}) ;;
        get|set|remove|history|rollback|activate|revoke|expire|generate|edit|export|purge)
            [[ "${words[CURRENT-2]}" == secret ]] && words_=(${(f)"$(pylee __names secrets 2>/dev/null)"}) ;;
        --) _command_names -e; return ;;
        *) if (( CURRENT == 2 )); then words_=(${(f)"$(pylee __names commands 2>/dev/null)"}); else _files; return; fi ;;
    esac
    compadd -a words_
}
if [ "$funcstack[1]" = _pylee ]; then _pylee "$@"; else compdef _pylee pylee; fi
`,
	"fish": `# fish completion for pylee
complete -c pylee -n __fish_use_subcommand -f -a '(pylee __names commands 2>/dev/null)'
complete -c pylee -n '__fish_seen_subcommand_from run check env explain' -l target -s t -x -a '(pylee __names targets 2>/dev/null)'
complete -c pylee -n '__fish_seen_subcommand_from run check env explain' -l server -x -a '(pylee __names servers 2>/dev/null)'
complete -c pylee -l env -s e -x -a '(pylee __names environments 2>/dev/null)'
complete -c pylee -l config -s c -r -F
complete -c pylee -n '__fish_seen_subcommand_from completion' -f -a 'bash zsh fish powershell'
complete -c pylee -n '__fish_seen_subcommand_from secret; and not __fish_seen_subcommand_from (pylee __names secret 2>/dev/null)' -f -a '(pylee __names secret 2>/dev/null)'
complete -c pylee -n '__fish_seen_subcommand_from secret; and __fish_seen_subcommand_from get set remove history rollback activate revoke expire generate edit export purge' -f -a '(pylee __names secrets 2>/dev/null)'
complete -c pylee -n '__fish_seen_subcommand_from recipients' -f -a 'list add remove accept'
`,
	"powershell": `# PowerShell completion for pylee
Register-ArgumentCompleter -Native -CommandName pylee -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements | ForEach-Object { $_.ToString() })
    $prev = if ($wordToComplete) { $words[$words.Count - 2] } else { $words[$words.Count - 1] }
    $names = switch ($prev) {
        '--target' { pylee __names targets 2>$null }
        '--server' { pylee __names servers 2>$null }
        '--env' { pylee __names environments 2>$null }
        'completion' { 'bash', 'zsh', 'fish', 'powershell' }
        'secret' { pylee __names secret 2>$null }
        'recipients' { 'list', 'add', 'remove', 'accept' }
        'diff' { pylee __names environments 2>$null }
        { $_ -in 'get', 'set', 'remove', 'history', 'rollback', 'activate', 'revoke', 'expire', 'generate', 'edit', 'export', 'purge' } { pylee __names secrets 2>$null }
        default { if ($words.Count -le 2) { pylee __names commands 2>$null } }
    }
    $names | Where-Object { $_ -like "$wordToComplete*" } | ForEach-Object {
        [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
    }
}
`,
}
