package remote

import "github.com/pyleeai/pylee/providers"

// The interfaces, short enough for a table.
type (
	base = providers.Provider
	pr   = providers.Prober
	li   = providers.Lister
	re   = providers.Renewer
	do   = providers.Doctor
	wr   = providers.Writer
)

// provider returns the instance with the capabilities of c and no others, so that a type
// assertion finds what it would find in the helper. Go makes no types at run time: here
// is one for each combination.
func (i *instance) provider(c capabilities) base {
	p, l, r, d, w := prober{i}, lister{i}, renewer{i}, doctor{i}, writer{i}
	switch c {
	case canProbe:
		return struct {
			base
			pr
		}{i, p}
	case canList:
		return struct {
			base
			li
		}{i, l}
	case canProbe | canList:
		return struct {
			base
			pr
			li
		}{i, p, l}
	case canRenew:
		return struct {
			base
			re
		}{i, r}
	case canProbe | canRenew:
		return struct {
			base
			pr
			re
		}{i, p, r}
	case canList | canRenew:
		return struct {
			base
			li
			re
		}{i, l, r}
	case canProbe | canList | canRenew:
		return struct {
			base
			pr
			li
			re
		}{i, p, l, r}
	case canCheck:
		return struct {
			base
			do
		}{i, d}
	case canProbe | canCheck:
		return struct {
			base
			pr
			do
		}{i, p, d}
	case canList | canCheck:
		return struct {
			base
			li
			do
		}{i, l, d}
	case canProbe | canList | canCheck:
		return struct {
			base
			pr
			li
			do
		}{i, p, l, d}
	case canRenew | canCheck:
		return struct {
			base
			re
			do
		}{i, r, d}
	case canProbe | canRenew | canCheck:
		return struct {
			base
			pr
			re
			do
		}{i, p, r, d}
	case canList | canRenew | canCheck:
		return struct {
			base
			li
			re
			do
		}{i, l, r, d}
	case canProbe | canList | canRenew | canCheck:
		return struct {
			base
			pr
			li
			re
			do
		}{i, p, l, r, d}
	case canWrite:
		return struct {
			base
			wr
		}{i, w}
	case canProbe | canWrite:
		return struct {
			base
			pr
			wr
		}{i, p, w}
	case canList | canWrite:
		return struct {
			base
			li
			wr
		}{i, l, w}
	case canProbe | canList | canWrite:
		return struct {
			base
			pr
			li
			wr
		}{i, p, l, w}
	case canRenew | canWrite:
		return struct {
			base
			re
			wr
		}{i, r, w}
	case canProbe | canRenew | canWrite:
		return struct {
			base
			pr
			re
			wr
		}{i, p, r, w}
	case canList | canRenew | canWrite:
		return struct {
			base
			li
			re
			wr
		}{i, l, r, w}
	case canProbe | canList | canRenew | canWrite:
		return struct {
			base
			pr
			li
			re
			wr
		}{i, p, l, r, w}
	case canCheck | canWrite:
		return struct {
			base
			do
			wr
		}{i, d, w}
	case canProbe | canCheck | canWrite:
		return struct {
			base
			pr
			do
			wr
		}{i, p, d, w}
	case canList | canCheck | canWrite:
		return struct {
			base
			li
			do
			wr
		}{i, l, d, w}
	case canProbe | canList | canCheck | canWrite:
		return struct {
			base
			pr
			li
			do
			wr
		}{i, p, l, d, w}
	case canRenew | canCheck | canWrite:
		return struct {
			base
			re
			do
			wr
		}{i, r, d, w}
	case canProbe | canRenew | canCheck | canWrite:
		return struct {
			base
			pr
			re
			do
			wr
		}{i, p, r, d, w}
	case canList | canRenew | canCheck | canWrite:
		return struct {
			base
			li
			re
			do
			wr
		}{i, l, r, d, w}
	case canProbe | canList | canRenew | canCheck | canWrite:
		return struct {
			base
			pr
			li
			re
			do
			wr
		}{i, p, l, r, d, w}
	}
	return i
}
