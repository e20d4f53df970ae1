package integration

const module = "github.com/pyleeai/pylee"

// rule says what one package may import. Paths are relative to the module, "." is its
// root, and patterns are those of path.Match: a "*" stands for one element.
type rule struct {
	pkg   string
	pylee string // packages of pylee
	third string // packages of third parties, with what is below them
}

// rules has a line for each package; the first that matches counts, and a package that
// none matches is an error. Tests may import what they like.
var rules = []rule{
	{".", "exec internal/cli", ""},

	// The child's world, and the leaves.
	{"exec", "", sys},
	{"internal/atomicfile", "", sys},
	{"internal/audit", "", sys},
	{"internal/command", "", sys},
	{"internal/control", "", sys},
	{"internal/mask", "", sys},
	{"internal/probe", "internal/command", ""},
	{"internal/metrics", "", sys},
	{"internal/policy", "", ""},
	{"internal/ptytest", "", sys}, // for tests
	{"internal/format", "", parsers},
	{"internal/generate", "", ""},

	// Configuration and state.
	{"internal/config", "internal/format", ""},
	{"internal/trust", "internal/atomicfile", ""},
	{"internal/mcp", "internal/format", sys + parsers},
	{"internal/store", "providers internal/atomicfile internal/command", sys + term + "filippo.io/age"},
	{"internal/cache", "providers internal/store", sys},

	// Providers: those with needs of their own, then all others.
	{"providers", "", ""},
	{"providers/providertest", "providers", ""},
	{"providers/transport", "providers", sys + "golang.org/x/net golang.org/x/crypto/x509roots"},
	{"providers/core", "providers providers/*", ""},
	{"providers/cloud", "providers providers/*", ""},
	{"providers/remote", "providers internal/command", sys},
	{"providers/pylee-providers", "exec providers/cloud providers/remote", sys}, // exec: to harden itself
	{"providers/local", "providers internal/store internal/command", sys},
	{"providers/exec", "providers internal/command", sys},
	{"providers/summon", "providers internal/command", sys},
	{"providers/op", "providers internal/command", sys},
	{"providers/sops", "providers internal/command", sys},
	{"providers/pass", "providers internal/command", sys},
	{"providers/aws", "providers providers/transport internal/command", "github.com/aws"},
	{"providers/vault", "providers providers/transport internal/command", "github.com/hashicorp/vault/api github.com/aws"},
	{"providers/azure", "providers providers/transport internal/command", "github.com/Azure golang.org/x/crypto/pkcs12"},
	{"providers/azure/azuretest", "", "github.com/Azure"}, // for tests
	{"providers/gcp", "providers providers/transport", "golang.org/x/oauth2"},
	{"providers/k8s", "providers providers/transport", ""},
	{"providers/*", "providers", sys},

	// The engine.
	{"resolve", "providers internal/format", ""},
	{"watch", "providers", sys + "github.com/fsnotify/fsnotify"},
	{"internal/early", "", ""},
	{"internal/runner", "exec resolve watch providers providers/remote internal/early " +
		"internal/audit internal/metrics internal/mask internal/cache internal/policy", sys},
	{"internal/cli", "exec resolve watch providers providers/core providers/remote internal/*", sys + term + "github.com/urfave/cli/v2"},

	// Not part of the program.
	{"integration", "", ""},
	{"scripts/*", "", sys},
}

// Third parties that have more than one room.
const (
	sys     = "golang.org/x/sys "
	term    = "golang.org/x/term "
	parsers = "github.com/goccy/go-yaml github.com/tailscale/hujson github.com/joho/godotenv "
)

// runners are the packages that may import os/exec.
var runners = []string{"exec", "internal/command", "scripts/pid1"}

// notInCore is what the program pylee does not link: a run with local references pays
// for nothing that speaks to a network.
var notInCore = []string{
	"net/http", "crypto/tls", "google.golang.org", "golang.org/x/oauth2", "golang.org/x/net", "k8s.io",
	"github.com/aws", "github.com/hashicorp", "github.com/Azure", "github.com/AzureAD",
	"github.com/russross/blackfriday/v2", "github.com/cpuguy83/go-md2man/v2", // without the tag urfave_cli_no_docs
	"testing", "github.com/rogpeppe/go-internal", "github.com/compose-spec",
	module + "/providers/cloud", module + "/providers/providertest", module + "/providers/transport",
}

// notInHelper is what the program pylee-providers does not link: it reads no config, opens
// no store and talks to no user.
var notInHelper = []string{
	"testing", "github.com/urfave", "github.com/goccy", "github.com/tailscale", "github.com/joho", "filippo.io",
	module + "/internal/cli", module + "/internal/config", module + "/internal/store", module + "/internal/runner",
	module + "/resolve", module + "/providers/core", module + "/providers/local", module + "/providers/providertest",
}
