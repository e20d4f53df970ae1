package store

import (
	"errors"

	"filippo.io/age"
	"filippo.io/age/plugin"
)

// pluginIdentity and pluginRecipient tell the faults of a plugin from those of a file.
type pluginIdentity struct{ *plugin.Identity }

func (p pluginIdentity) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	key, err := p.Identity.Unwrap(stanzas)
	if err == nil || errors.Is(err, age.ErrIncorrectIdentity) {
		return key, err
	}
	return nil, faultOf(p.Name(), err)
}

type pluginRecipient struct{ *plugin.Recipient }

func (p pluginRecipient) Wrap(fileKey []byte) ([]*age.Stanza, error) {
	stanzas, _, err := p.WrapWithLabels(fileKey)
	return stanzas, err
}

func (p pluginRecipient) WrapWithLabels(fileKey []byte) (stanzas []*age.Stanza, labels []string, err error) {
	stanzas, labels, err = p.Recipient.WrapWithLabels(fileKey)
	if err != nil {
		err = faultOf(p.Name(), err)
	}
	return stanzas, labels, err
}

// pluginFault says what is wrong with a plugin, without what it said, which may be of a
// key.
type pluginFault struct{ text string }

func (e *pluginFault) Error() string { return e.text }

func faultOf(name string, err error) error {
	if errors.As(err, new(*plugin.NotFoundError)) {
		return &pluginFault{"age-plugin-" + name + " was not found in PATH"}
	}
	return &pluginFault{"the age plugin " + name + " failed, or nobody answered what it asked for"}
}
