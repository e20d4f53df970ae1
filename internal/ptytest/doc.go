// Package ptytest makes pseudo-terminals for tests. It is not linked into any program.
package ptytest
