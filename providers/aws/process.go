package aws

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/pyleeai/pylee/internal/command"
	"github.com/pyleeai/pylee/providers"
)

// processTimeout is how long a credential_process may take; the SDKs wait as long.
const processTimeout = time.Minute

// process gives the credentials that the credential_process of a profile prints (AWS
// SDKs and Tools reference guide, "Process credential provider"). The user wrote it
// into a file of his own; no config or reference of pylee can.
type process struct {
	command string
	environ map[string]string
}

// answer is what such a program prints.
type processAnswer struct {
	Version         int
	AccessKeyID     string `json:"AccessKeyId"`
	SecretAccessKey string
	SessionToken    string
	Expiration      *time.Time
}

// Retrieve runs the program.
func (p process) Retrieve(ctx context.Context) (aws.Credentials, error) {
	ctx, cancel := context.WithTimeout(ctx, processTimeout)
	defer cancel()
	env := make([]string, 0, len(p.environ))
	for name, value := range p.environ {
		env = append(env, name+"="+value)
	}
	out, err := command.Run(ctx, command.Tool{Argv: []string{"/bin/sh", "-c", p.command}, Env: env})
	if err != nil {
		return aws.Credentials{}, processFailure(err)
	}
	var got processAnswer
	if json.Unmarshal(out, &got) != nil || got.Version != 1 || got.AccessKeyID == "" || got.SecretAccessKey == "" {
		return aws.Credentials{}, processError("did not print credentials of version 1")
	}
	c := aws.Credentials{
		AccessKeyID: got.AccessKeyID, SecretAccessKey: got.SecretAccessKey, SessionToken: got.SessionToken, Source: "credential_process",
	}
	if got.Expiration != nil {
		c.CanExpire, c.Expires = true, *got.Expiration
	}
	return c, nil
}

// processFailure tells how the program ended, and not what it said: that may hold what
// it was to print.
func processFailure(err error) error {
	var failed *command.Error
	if !errors.As(err, &failed) || errors.Is(err, context.Canceled) {
		return err
	}
	plain := *failed
	plain.Said = ""
	return processError(plain.Error())
}

func processError(detail string) error {
	return &providers.Error{Kind: providers.ErrUnauthenticated, Detail: "credential_process: " + detail}
}
