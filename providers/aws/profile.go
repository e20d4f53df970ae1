package aws

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"

	"github.com/pyleeai/pylee/providers"
)

// profile is a section of the user's AWS files, ~/.aws/config and ~/.aws/credentials.
type profile struct {
	config.SharedConfig
	name   string
	found  bool   // a file has it
	asked  string // who named it: "setting", "AWS_PROFILE"; empty: it is the default
	report string // what there is to say of the files if nothing was found
}

// profile reads the profile of a place. Naming one that does not exist is an error of
// kind ErrInvalid; that there is no default profile is none.
func (b *base) profile(ctx context.Context, p place) (profile, error) {
	got := profile{name: p.profile, asked: "profile"}
	for _, variable := range []string{"AWS_PROFILE", "AWS_DEFAULT_PROFILE"} {
		if got.name == "" {
			got.name, got.asked = b.environ[variable], variable
		}
	}
	if got.name == "" {
		got.name, got.asked = config.DefaultSharedConfigProfile, ""
	}
	files := b.profileFiles()
	if len(files) == 0 {
		got.report = "the home directory is not known"
		return got, got.missing()
	}
	shared, err := config.LoadSharedConfigProfile(ctx, got.name, func(o *config.LoadSharedConfigOptions) {
		o.ConfigFiles, o.CredentialsFiles, o.Logger = files[:1], files[1:], logging.Nop{}
	})
	var absent config.SharedConfigProfileNotExistError
	switch {
	case errors.As(err, &absent):
		got.report = unread(files)
		return got, got.missing()
	case err != nil:
		// What the parser says may quote a line with a key in it.
		return got, &providers.Error{
			Kind: providers.ErrInvalid, Detail: "profile " + got.name + ": " + strings.Join(files, " or ") + " cannot be understood",
			Hint: "aws configure list --profile " + shellWord(got.name),
		}
	}
	got.SharedConfig, got.found = shared, true
	return got, nil
}

// missing is the error of a profile that somebody named and no file has.
func (p profile) missing() error {
	if p.asked == "" {
		return nil
	}
	return &providers.Error{
		Kind: providers.ErrInvalid, Detail: "there is no profile " + p.name + " (" + p.asked + "): " + p.report,
		Hint: "aws configure list-profiles",
	}
}

// profileFiles returns the paths of the config and the credentials file, none if they
// are not known.
func (b *base) profileFiles() []string {
	files := []string{b.environ["AWS_CONFIG_FILE"], b.environ["AWS_SHARED_CREDENTIALS_FILE"]}
	for i, name := range []string{"config", "credentials"} {
		if files[i] != "" {
			continue
		}
		if b.home == "" {
			return nil
		}
		files[i] = filepath.Join(b.home, ".aws", name)
	}
	return files
}

// unread tells of files in which a profile was not found. The SDK takes a file that
// cannot be read for an empty one.
func unread(files []string) string {
	said := make([]string, 0, len(files))
	for _, name := range files {
		f, err := os.Open(name)
		switch {
		case err == nil:
			f.Close() //nolint:errcheck // not written
			said = append(said, name+" has none")
		case errors.Is(err, fs.ErrNotExist):
			said = append(said, name+" does not exist")
		default:
			said = append(said, name+" cannot be read")
		}
	}
	return strings.Join(said, ", ")
}
