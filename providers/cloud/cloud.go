// Package cloud is the list of providers that are linked into the helper program: those
// that need an SDK or the network.
package cloud

import (
	"slices"

	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/providers/aws"
	"github.com/pyleeai/pylee/providers/azure"
	"github.com/pyleeai/pylee/providers/vault"
)

// Drivers returns one driver for each kind, in a new slice.
func Drivers() []providers.Driver {
	return slices.Concat(aws.Drivers(), azure.Drivers(), vault.Drivers())
}
