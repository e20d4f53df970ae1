// Package core is the list of providers that are linked into pylee: those that need
// neither an SDK nor the network.
package core

import (
	"slices"

	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/providers/env"
	tool "github.com/pyleeai/pylee/providers/exec"
	"github.com/pyleeai/pylee/providers/file"
	"github.com/pyleeai/pylee/providers/local"
)

// Drivers returns one driver for each kind, in a new slice.
func Drivers() []providers.Driver {
	return slices.Concat(
		[]providers.Driver{env.Driver()},
		file.Drivers(),
		[]providers.Driver{local.Driver()},
		tool.Drivers(),
	)
}
