package providers

// Scheme is what the core knows of a kind of provider without starting it, so that
// a config is checked completely before anything runs.
type Scheme struct {
	Kind     string   // name in references and of type: in a config
	Options  []string // options a reference may have, besides the common ones
	Any      bool     // any other option is passed on as a request parameter (Vault)
	Settings []string // keys of its block in a config, besides the common ones
	Path     bool     // the name is a path, relative to the file it is written in
	Public   bool     // holds no secrets: may stand in names, arguments and logs
	Helper   bool     // lives in the helper program, not in pylee
	Block    bool     // cannot be used without a block in the config
}

// CommonOptions are understood for every scheme, by pylee itself.
var CommonOptions = []string{"format", "newline"}

// CommonSettings may stand in every provider block.
var CommonSettings = []string{
	"type", "prefix", "poll", "timeout", "tls", "regions", "addresses",
	"fallback", "auth", "endpoint", "env", "command",
}

// Table lists every scheme that pylee knows, sorted by name.
var Table = []Scheme{
	{Kind: "aws", Options: []string{"region", "stage", "version", "profile", "role_arn", "external_id", "endpoint"}, Settings: []string{"region", "profile", "role_arn", "external_id"}, Helper: true},
	{Kind: "azure", Options: []string{"version", "as", "expired"}, Settings: []string{"vault", "tenant", "client_id"}, Helper: true},
	{Kind: "bao", Any: true, Settings: []string{"address", "namespace", "lease"}, Helper: true},
	{Kind: "cred"},
	{Kind: "dir", Settings: []string{"path"}},
	{Kind: "env", Public: true},
	{Kind: "exec", Settings: []string{"pass_env", "not_found_status"}, Block: true},
	{Kind: "file", Path: true},
	{Kind: "gcp", Options: []string{"version", "location"}, Settings: []string{"project"}, Helper: true},
	{Kind: "k8s", Options: []string{"context"}, Settings: []string{"namespace", "context", "kubeconfig"}, Helper: true},
	{Kind: "local", Options: []string{"version"}, Settings: []string{"store", "identity", "age_plugins", "identity_command", "keep", "ssh_identity"}},
	{Kind: "op", Options: []string{"attribute", "ssh-format", "account"}, Settings: []string{"account"}},
	{Kind: "pass"},
	{Kind: "secret"},
	{Kind: "sops", Path: true},
	{Kind: "ssm", Options: []string{"region", "profile", "role_arn", "external_id", "endpoint"}, Settings: []string{"region", "profile", "role_arn", "external_id"}, Helper: true},
	{Kind: "summon", Settings: []string{"pass_env", "not_found_status", "stream"}, Block: true},
	{Kind: "var", Public: true},
	{Kind: "vault", Any: true, Settings: []string{"address", "namespace", "lease"}, Helper: true},
}

// Find returns the scheme of a kind.
func Find(kind string) (Scheme, bool) {
	for _, s := range Table {
		if s.Kind == kind {
			return s, true
		}
	}
	return Scheme{}, false
}
