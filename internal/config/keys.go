package config

// The table of all keys. It drives the check of every file, how layers merge, what
// "did you mean" offers and the JSON Schema. A key that is not here is an error.
//
// It is written so that the linker lays it out and a start builds nothing: a variable
// that others name is a literal, not the result of a call.

var (
	aText     = &shape{what: text}
	aString   = &shape{what: str}
	aName     = &shape{what: str, fault: notEmpty}
	aFlag     = &shape{what: boolean}
	aCount    = &shape{what: integer}
	aDuration = &shape{what: duration, name: "duration"}
	aMap      = &shape{what: mapping, each: &shape{what: anything}}
	aSignal   = &shape{what: str, name: "signal", pattern: signalPattern, fault: stopFault, advice: stopAdvice}
	aRegexp   = &shape{what: str, fault: regexpFault}
	aMode     = &shape{what: str, pattern: modePattern, fault: modeFault}
	aBackoff  = &shape{what: str, fault: backoffFault}
	aVersion  = &shape{what: integer, fault: versionFault}

	aStrings = &shape{what: list, each: aString}
	aTexts   = &shape{what: list, each: aText}
	anArgv   = &shape{what: list, each: aString, name: "argv", fault: argvFault}
)

var (
	aHook        = &shape{what: object, keys: []key{{"exec", "Program and arguments to run; no shell is involved.", anArgv}}, single: true}
	envReaction  = &shape{what: choice, whole: true, name: "env_reaction", of: []*shape{{what: str, pattern: "^(restart|none)$", fault: envReactionFault}, aHook}}
	fileReaction = &shape{what: choice, whole: true, name: "file_reaction", of: []*shape{{what: str, pattern: "^(restart|none|(SIG)?[A-Z0-9]+)$", fault: fileReactionFault, advice: fileReactionAdvice}, aHook}}
)

// ruleKeys stand in every entry of env and files, before its own.
var ruleKeys = []key{
	{"value", "The text, with references.", aText},
	{"template", "File whose text is a template, relative to this file.", aName},
	{"required", "An empty or absent value is an error.", aFlag},
	{"match", "RE2 expression that the value must match; anchor it with ^ and $.", aRegexp},
	{"min_length", "Least number of bytes.", aCount},
	{"type", "What the value must be.", oneOf(valueTypes...)},
	{"one_of", "The values that are allowed.", &shape{what: list, each: aText, fault: listFault}},
	{"not_placeholder", "Refuses changeme, xxx, <...>, empty and the like.", aFlag},
	{"expires_after", "How long a certificate or secret must still be valid.", aDuration},
	{"max_stale", "How old a value may be while its provider is down.", aDuration},
	{"on_stale", "What happens beyond max_stale.", oneOf("keep", "restart", "stop")},
}

var (
	envEntry = &shape{what: choice, name: "env_entry", short: "value", of: []*shape{aText, {
		what: object, fault: entryFault, keys: ruleKeys,
		more: []key{{"on_change", "What happens when the value changes: restart, none or exec.", envReaction}},
	}}}
	fileObject = &shape{what: object, fault: entryFault, keys: ruleKeys, more: []key{
		{"on_change", "What happens when the file changes: restart, none, a signal or exec.", fileReaction},
		{"mode", "Permissions in octal; 0400 by default.", aMode},
		{"owner", "User who owns the file; the child's by default.", aName},
		{"group", "Group of the file.", aName},
		{"format", "What kind of text the file is.", oneOf("text", "json", "yaml", "env")},
		{"delivery", "Where the file lies.", oneOf("tmpfs", "memfd")},
	}}
	fileEntry = &shape{what: choice, name: "file_entry", short: "value", of: []*shape{aText, fileObject}}
	fileSet   = &shape{what: object, marks: []string{"entries", "dir", "credentials"}, keys: []key{
		{"dir", "Directory of the set: a private tmpfs there; $PYLEE_SECRETS_DIR/NAME by default.", aText},
		{"entries", "The files of the set, by name.", mapOf(fileEntry, fileNameFault)},
		{"on_change", "What happens when any file of the set changes.", fileReaction},
		{"credentials", "Points CREDENTIALS_DIRECTORY at the set.", aFlag},
	}}
	anyFile    = &shape{what: choice, name: "files", short: "value", of: []*shape{aText, fileSet, fileObject}}
	filesShape = &shape{what: mapping, each: anyFile, nameFault: fileNameFault}
	envShape   = &shape{what: mapping, each: envEntry, nameFault: variableNameFault}
	textsShape = &shape{what: mapping, each: aText, nameFault: variableNameFault}
)

var (
	watchShape = &shape{what: object, name: "watch", keys: []key{
		{"enabled", "Stay and follow changes; off by default.", aFlag},
		{"interval", "Time between two looks at providers that cannot notify; 5m by default.", aDuration},
		{"quiet", "How long changes settle before they count; 2s by default.", aDuration},
		{"splay", "Greatest random delay per host; 0s by default.", aDuration},
	}}
	readyShape = &shape{what: object, single: true, whole: true, keys: []key{
		{"notify", "The child reports with sd_notify.", aFlag},
		{"tcp", "Address that accepts a connection: HOST:PORT, :PORT or unix:PATH.", &shape{what: str, fault: tcpFault}},
		{"http", "URL that answers with 2xx; http:// only.", &shape{what: str, fault: httpFault}},
		{"exec", "Program that ends with 0.", anArgv},
		{"alive", "How long the child must live.", aDuration},
	}}
	childShape = &shape{what: object, name: "child", keys: []key{
		{"user", "User the child runs as.", aName},
		{"group", "Group the child runs as.", aName},
		{"stop_signal", "Signal that stops the child; SIGTERM by default.", aSignal},
		{"stop_grace", "How long a stop for a restart may take before SIGKILL.", aDuration},
		{"ready", "How the child shows that it is ready.", readyShape},
		{"restart", "The budget of restarts.", &shape{what: object, keys: []key{
			{"max", "Failed restarts within the window.", aCount},
			{"window", "Length of the window.", aDuration},
			{"backoff", "Delay before a restart: 1s, or a range 1s..1m.", aBackoff},
		}}},
		{"drop_env", "Inherited variables the child does not get; patterns such as VAULT_*.", aStrings},
		{"keep_env", "Inherited variables the child gets although they are dropped by default.", aStrings},
		{"ignore_signals", "Signals the child ignores.", listOf(&shape{what: str, name: "ignored_signal", pattern: signalPattern, fault: ignoreFault})},
		{"signal_group", "Signals go to the whole process group.", aFlag},
		{"notify", "pass: the child notifies systemd; on_start: pylee does once the child runs.", oneOf("pass", "on_start")},
		{"reload_signal_is_refresh", "SIGHUP means resolve again.", aFlag},
		{"overlap", "A restart starts the new child before it stops the old one.", aFlag},
		{"kill_after", "How long a stop may take before SIGKILL.", aDuration},
	}}
	rotationShape = &shape{what: object, name: "rotation", keys: []key{
		{"verify", "Programs that try new values: one argument list, or a list of them.", &shape{what: list, each: &shape{what: choice, of: []*shape{aString, anArgv}}, fault: verifyFault}},
		{"rollback", "Return to the last good values if the child does not get ready; true by default.", aFlag},
		{"ready_within", "How long the child may take to get ready; 30s by default.", aDuration},
		{"min_interval", "Least time between two restarts for rotations; 30s by default.", aDuration},
		{"lease", "unmanaged: leases are neither renewed nor revoked.", oneOf("managed", "unmanaged")},
	}}
	serverShape = &shape{what: object, name: "server", foreign: true, keys: targetKeys, more: []key{
		{"url", "Address of a remote server; not run.", aText},
		{"headers", "Headers of a remote server.", mapOf(aText, nil)},
		{"type", "Kind of transport.", aString},
	}}
	commandShape = &shape{what: object, name: "command", foreign: true, keys: targetKeys}
	targetKeys   = []key{
		{"command", "The program: a name or path, or a list with its first arguments. No shell is involved.", &shape{what: choice, of: []*shape{aText, {what: list, each: aText, fault: argvFault}}}},
		{"args", "Its arguments.", aTexts},
		{"cwd", "Working directory, relative to this file.", aText},
		{"env", "Variables of this target alone.", envShape},
		{"files", "Files of this target alone.", filesShape},
		{"watch", "Laid over the general one.", watchShape},
		{"child", "Laid over the general one.", childShape},
		{"rotation", "Laid over the general one.", rotationShape},
	}
)

// providerShape knows the keys common to all providers. Which others a block may
// have depends on the kind, see decoder.provider.
var providerShape = &shape{what: mapping, name: "provider", each: &shape{what: anything}, keys: []key{
	{"type", "Kind of provider, where the name is not one.", aName},
	{"prefix", "Put before every name.", aString},
	{"poll", "Time between two looks for changes.", aDuration},
	{"timeout", "Longest time of one fetch.", aDuration},
	{"tls", "Certificates and names.", aMap},
	{"regions", "Regions, tried in order.", aStrings},
	{"addresses", "Addresses, tried in order.", aStrings},
	{"fallback", "Other providers, tried in order while this one is down.", &shape{what: choice, of: []*shape{aString, aStrings}}},
	{"auth", "How to log in.", &shape{what: choice, of: []*shape{aString, aMap}}},
	{"endpoint", "Address to use instead of the usual one.", aString},
	{"env", "Variables for the provider's own program.", &shape{what: choice, of: []*shape{aMap, aStrings}}},
	{"command", "The provider's program and arguments.", &shape{what: choice, of: []*shape{aString, anArgv}}},
}}

// overlayKeys stand at the top and in environments.
var overlayKeys = []key{
	{"secret_provider", "Provider that ${secret:...} means; local by default.", aName},
	{"variables", "Texts for ${NAME}, used where nothing else defines NAME.", textsShape},
	{"env_files", "Files of NAME=VALUE lines, whose values are templates.", &shape{what: choice, of: []*shape{aText, aTexts}}},
	{"env", "Variables of the child.", envShape},
	{"env_refs", "Inherited variables that are resolved: true for all, or names.", &shape{what: choice, of: []*shape{aFlag, aString, aStrings}}},
	{"files", "Files for the child.", filesShape},
	{"watch", "How changes are noticed.", watchShape},
	{"child", "How the child runs.", childShape},
	{"rotation", "How new values are put to use.", rotationShape},
	{"providers", "Sources of secrets, by the name used in references.", mapOf(providerShape, instanceNameFault)},
	{"mcpServers", "Targets in the form of MCP clients: pylee run --server NAME.", mapOf(serverShape, targetNameFault)},
	{"commands", "Targets of one's own: pylee run --target NAME.", mapOf(commandShape, targetNameFault)},
	{"audit", "required, best_effort or off, or a map with sinks.", &shape{what: choice, of: []*shape{oneOf("required", "best_effort", "off"), aMap}}},
	{"metrics", "Where metrics go.", &shape{what: choice, of: []*shape{aString, aFlag, aMap}}},
	{"cache", "The offline cache.", &shape{what: choice, of: []*shape{aFlag, aMap}}},
	{"policy", "File of the policy, or a map.", &shape{what: choice, of: []*shape{aString, aMap}}},
	{"mask", "Replaces known values in the child's output.", &shape{what: choice, of: []*shape{aFlag, aMap}}},
	{"allow_in_args", "Values of secrets may stand in arguments, which everybody can read.", aFlag},
}

var rootShape = &shape{what: object, foreign: true, more: overlayKeys, keys: []key{
	{"$schema", "For editors; pylee does not read it.", aString},
	{"version", "Version of this format: 1.", aVersion},
	{"extends", "Files this one is laid over, relative to it and inside its project.", &shape{what: choice, of: []*shape{aName, listOf(aName)}}},
	{"environments", "Overlays of all this, by the name for --env.", mapOf(&shape{what: object, name: "environment", keys: overlayKeys}, environmentNameFault)},
}}

// Key is a key of the config as documented.
type Key struct {
	Path string // e.g. env.NAME.required
	Doc  string // one or two sentences
}

// Keys returns all keys of the config, in the order of the table. Environments hold
// the keys of the top and are not descended into.
func Keys() []Key {
	var list []Key
	var visit func(path string, s *shape)
	visit = func(path string, s *shape) {
		for _, alt := range s.of {
			visit(path, alt)
		}
		for k := range s.all {
			at := k.name
			if path != "" {
				at = path + "." + k.name
			}
			list = append(list, Key{at, k.doc})
			if k.name != "environments" {
				visit(at, k.shape)
			}
		}
		if s.each != nil && s.what == mapping {
			visit(path+".NAME", s.each)
		}
	}
	visit("", rootShape)
	return list
}
