package remote

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/pyleeai/pylee/internal/command"
	"github.com/pyleeai/pylee/providers"
)

// Name is the file name of the helper.
const Name = "pylee-providers"

// libexec is where packages put it that keep /usr/bin for programs that people call.
const libexec = "/usr/libexec/pylee"

// Find returns the path of the helper: beside the running program, else in
// /usr/libexec/pylee. No variable leads elsewhere, because who can set one for a
// process would get its secrets. The error is a *providers.Error.
func Find() (string, error) {
	own, err := os.Executable()
	if err != nil {
		return "", missing()
	}
	if own, err = filepath.EvalSymlinks(own); err != nil {
		return "", missing()
	}
	for _, dir := range []string{filepath.Dir(own), libexec} {
		path := filepath.Join(dir, Name)
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return path, nil
		}
	}
	return "", missing()
}

func missing() error {
	return &providers.Error{
		Kind:   providers.ErrInvalid,
		Detail: "the program " + Name + ", which speaks to this provider, is not installed",
		Hint:   "put it beside pylee or into " + libexec + "; both are in each release, and in: go install github.com/pyleeai/pylee/...@latest",
	}
}

// tool returns the helper and how it is started, once it is sure that nobody but the
// user and root could have put it there.
func (o Options) tool() (command.Tool, error) {
	path := o.Path
	if path == "" {
		var err error
		if path, err = Find(); err != nil {
			return command.Tool{}, err
		}
	}
	if err := command.Check(path, os.Geteuid()); err != nil {
		return command.Tool{}, notStarted(path, err)
	}
	env := command.Environ(o.Environ, readBySDKs, map[string]string{"GOTRACEBACK": "none"})
	return command.Tool{Argv: []string{path}, Env: env, Name: Name}, nil
}

// notStarted explains an error of package command.
func notStarted(path string, err error) error {
	e := &providers.Error{Kind: providers.ErrInvalid, Detail: command.Path(path) + ": " + err.Error()}
	var known *command.Error
	if errors.As(err, &known) {
		e.Hint = known.Hint
		if errors.Is(known.Err, syscall.EAGAIN) || errors.Is(known.Err, syscall.ENOMEM) {
			e.Kind = providers.ErrUnavailable
		}
	}
	return e
}

// readBySDKs are the variables that the SDKs and their tools look at, besides those that
// every tool gets. GODEBUG is not among them: http2debug prints requests with their
// tokens. Neither is anything of pylee's own, such as what unlocks the local store.
var readBySDKs = []string{
	"AWS_*", "AZURE_*", "VAULT_*", "BAO_*", "GOOGLE_*", "CLOUDSDK_*", "GCE_*", "KUBE*",
	"IDENTITY_*", "IMDS_ENDPOINT", "MSI_*", "ECS_*", "ARM_*",
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy",
	"SSL_CERT_FILE", "SSL_CERT_DIR", "RES_OPTIONS", "LOCALDOMAIN",
	"DBUS_SESSION_BUS_ADDRESS", // for credential tools that ask a keyring
}
