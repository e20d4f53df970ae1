package resolve

import "github.com/pyleeai/pylee/providers"

// Keys returns the keys that are remembered, by the name of the provider that was asked.
func (m *Memory) Keys() map[string][]providers.Key {
	keys := make(map[string][]providers.Key)
	for id, a := range m.answers {
		keys[id.provider] = append(keys[id.provider], a.key)
	}
	return keys
}

// Lent returns the lease of a remembered answer, for a Due of Ask. Its Reference is that
// of the key, without a field. ok is false if the key is not lent.
func (m *Memory) Lent(provider string, key providers.Key) (loan Loan, ok bool) {
	a := m.answers[fetchID{provider, key.String(), key.Below}]
	if !a.answer.leased() {
		return Loan{}, false
	}
	return Loan{a.provider, "${" + provider + ":" + key.String() + "}", a.secret.Lease}, true
}
