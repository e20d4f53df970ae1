// Package providertest is the conformance suite that every provider passes. It asserts
// the contract of package providers over a harness of three methods; what is special
// to a kind, its own tests assert.
package providertest

import (
	"testing"

	"github.com/pyleeai/pylee/providers"
)

// Harness connects the suite to one kind of provider, and to one source of secrets that
// is empty in the beginning.
type Harness interface {
	// Open returns a new provider over the source. It is called many times; the
	// suite closes what it returns.
	Open(t *testing.T) providers.Provider

	// Put makes the source hold exactly value under name, replacing what was there.
	// It is called before and after Open, never while a Fetch runs, and a Fetch that
	// begins later sees it. It fails t if the source refuses.
	Put(t *testing.T, name string, value []byte)

	// Limits tells what the source cannot do. The suite then asserts that it says so
	// cleanly, or leaves the promise out.
	Limits() Limits
}

// Limits are what a source cannot do. The zero value promises everything.
type Limits struct {
	// Name maps a plain name, letters, digits and "_", to the form that names have
	// in the source ("/dir/name" for files). Nil: they are the same.
	Name func(plain string) string

	// NoName tells of a name, as Name returned it, that the source cannot hold. A
	// Fetch of it must answer ErrInvalid or ErrNotFound. Nil: it holds all.
	NoName func(name string) bool

	// NoValue tells of a value that the source cannot hold. It is left out. Nil: it
	// holds all.
	NoValue func(value []byte) bool

	// Options are names of options that a key may have.
	Options []string

	// AnyOption tells that unknown options are passed to the source.
	AnyOption bool

	// NoVersion tells that secrets have no version. Otherwise each has one.
	NoVersion bool
}

func (l Limits) name(plain string) string {
	if l.Name == nil {
		return plain
	}
	return l.Name(plain)
}

func (l Limits) holdsName(name string) bool { return l.NoName == nil || !l.NoName(name) }

func (l Limits) holdsValue(value []byte) bool { return l.NoValue == nil || !l.NoValue(value) }

// promises are the parts of the suite, in the order of the report.
var promises = []struct {
	name  string
	check func(t *testing.T, h Harness)
}{
	{"one result for each key in order", order},
	{"no keys", noKeys},
	{"a hundred keys", hundred},
	{"a bad key does not spoil the batch", badKey},
	{"not found is NotFound", notFound},
	{"names", names},
	{"values are exact", values},
	{"unknown options are refused", unknownOption},
	{"concurrent fetches", concurrent},
	{"a done context ends a fetch", doneContext},
	{"an expired context ends a fetch", expiredContext},
	{"a fetch after a change sees it", change},
	{"fetches give equal bytes", again},
	{"errors hold no value", noValueInErrors},
	{"close", closes},
}

// Run asserts every promise of the contract, each in a subtest of its own. The
// promises share the source of h, one after the other.
func Run(t *testing.T, h Harness) {
	t.Helper()
	for _, p := range promises {
		t.Run(p.name, func(t *testing.T) { p.check(t, h) })
	}
}
