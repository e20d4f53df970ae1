package aws

import (
	"testing"
	"unicode/utf8"

	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/providers/providertest"
)

// harness has secrets, or parameters, in a cloud of its own.
type harness struct {
	kind    string
	cloud   *cloud
	options map[string]any
}

func (h harness) Open(t *testing.T) providers.Provider {
	p, err := openWith(t, h.kind, h.cloud.environ(), h.options)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (h harness) Put(_ *testing.T, name string, value []byte) {
	if h.kind == "ssm" {
		h.cloud.setParameter(name, string(value))
		return
	}
	h.cloud.lock.Lock()
	defer h.cloud.lock.Unlock()
	h.cloud.put(name, value, utf8.Valid(value))
}

func (h harness) Limits() providertest.Limits {
	l := providertest.Limits{
		NoName:  func(name string) bool { return !only(name, "/_+=.@-") },
		NoValue: func(value []byte) bool { return len(value) == 0 },
		Options: []string{"stage", "version", "region", "profile", "role_arn", "external_id"},
	}
	if h.kind == "ssm" {
		l.NoName = func(name string) bool { return !only(name, "/_.-") }
		l.NoValue = func(value []byte) bool { return len(value) == 0 || len(value) > 8192 || !utf8.Valid(value) }
		l.Options = []string{"region", "profile", "role_arn", "external_id"}
	}
	return l
}

func TestConformanceSecretsManager(t *testing.T) {
	providertest.Run(t, harness{kind: "aws", cloud: newCloud(t)})
}

// TestConformanceSecretsManagerOneByOne has a role that may not read batches.
func TestConformanceSecretsManagerOneByOne(t *testing.T) {
	c := newCloud(t)
	c.fail(func(action string, _ map[string]any) *reply {
		if action == "BatchGetSecretValue" {
			return refuse(400, "AccessDeniedException", "User: arn:aws:iam::1:user/x is not authorized to perform: secretsmanager:BatchGetSecretValue")
		}
		return nil
	})
	providertest.Run(t, harness{kind: "aws", cloud: c})
}

func TestConformanceParameterStore(t *testing.T) {
	providertest.Run(t, harness{kind: "ssm", cloud: newCloud(t)})
}
