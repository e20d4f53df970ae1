// Package early gives signals their effect while the program is still being
// initialised. The Go runtime installs its handlers before any package is, and by
// them a QUIT dumps all goroutines and an USR1 has no effect at all.
//
// The packages of a program are initialised in the order of their import paths, each
// behind its imports. So this one imports nothing, and comes among the first: about a
// tenth of a millisecond behind the handlers instead of one or two.
//
// It is for the program pylee alone: a library must not touch the signals of who
// imports it. Its state ends with Restore.
package early
