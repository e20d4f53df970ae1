package cache

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pyleeai/pylee/providers"
)

// ambient is what says who logs in, and where, besides the settings of an instance:
// variables by the beginning of their name, and files below the home directory.
type ambient struct {
	variables []string
	files     []string
}

// ambients follow what the tools of the providers read by themselves.
var ambients = map[string]ambient{
	"aws":   {[]string{"AWS_"}, []string{".aws/credentials", ".aws/config"}},
	"ssm":   {[]string{"AWS_"}, []string{".aws/credentials", ".aws/config"}},
	"azure": {[]string{"AZURE_", "IDENTITY_", "MSI_"}, nil},
	"bao":   {[]string{"BAO_", "VAULT_"}, []string{".vault-token"}},
	"vault": {[]string{"BAO_", "VAULT_"}, []string{".vault-token"}},
	"gcp":   {[]string{"GOOGLE_", "CLOUDSDK_", "GCE_"}, []string{".config/gcloud/application_default_credentials.json"}},
	"k8s":   {[]string{"KUBE"}, []string{".kube/config"}},
}

// maxLogin is how much of a file counts.
const maxLogin = 1 << 20

// login returns a hash of everything that says who asks whom. It is keyed with salt:
// what goes into it may be guessed, passwords included.
func login(salt []byte, kind string, s providers.Settings) string {
	h := hmac.New(sha256.New, salt)
	put := func(parts ...string) {
		for _, part := range parts {
			// A length before each part keeps "ab","c" and "a","bc" apart.
			h.Write(append([]byte{byte(len(part) >> 24), byte(len(part) >> 16), byte(len(part) >> 8), byte(len(part))}, part...))
		}
	}
	options, err := json.Marshal(s.Options) // members of maps are sorted
	if err != nil {
		options = []byte("unprintable")
	}
	put(kind, s.Instance, s.Home, string(options))
	a := ambients[kind]
	wanted := append(slices.Clone(a.variables), passed(s.Options)...)
	names := make([]string, 0, len(s.Environ))
	for name := range s.Environ {
		if slices.ContainsFunc(wanted, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		put(name, s.Environ[name])
	}
	for _, name := range a.files {
		put(name, fileHash(filepath.Join(s.Home, name)))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// passed are the variables that an instance hands on to its tool.
func passed(options map[string]any) []string {
	list, _ := options["pass_env"].([]any) //nolint:errcheck // another shape is the provider's to refuse
	var names []string
	for _, item := range list {
		if name, ok := item.(string); ok && name != "" {
			names = append(names, name)
		}
	}
	return names
}

// fileHash stands for the content of a regular file; "" where there is none to read.
func fileHash(path string) string {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxLogin {
		return ""
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	defer clear(data)
	sum := sha256.Sum256(data)
	return string(sum[:])
}
