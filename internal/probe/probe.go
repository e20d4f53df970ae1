// Package probe looks whether a command is ready: whether an address accepts a
// connection, a URL answers, or a program ends well. Each call is one look; who calls
// again and when is not decided here, and nothing here knows a secret.
//
// It speaks as much HTTP as a look needs, over package net: net/http would be in every
// start of pylee.
package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"
)

// Errors are one printable line: what was looked at, and why it is not ready. They wrap
// the error of a context that is done.

// TCP connects to the address and closes the connection again. An address is HOST:PORT,
// :PORT for this host, or unix:PATH for a socket in the file system, a PATH that begins
// with @ for an abstract one. PORT may be the name of a service.
func TCP(ctx context.Context, address string) error {
	conn, err := dial(ctx, address)
	if err != nil {
		return fail(ctx, "tcp "+address, err)
	}
	conn.Close() //nolint:errcheck // nothing was written
	return nil
}

// dial connects to an address as TCP takes it.
func dial(ctx context.Context, address string) (net.Conn, error) {
	var d net.Dialer
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		if strings.HasPrefix(path, "///") {
			path = path[2:] // unix:///run/x.sock
		}
		return d.DialContext(ctx, "unix", path)
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil || port == "" {
		return nil, errors.New("not an address: it is HOST:PORT, :PORT or unix:PATH")
	}
	if host != "" {
		return d.DialContext(ctx, "tcp", address)
	}
	conn, err := d.DialContext(ctx, "tcp4", net.JoinHostPort("127.0.0.1", port))
	if err == nil || ctx.Err() != nil {
		return conn, err
	}
	// Refused by the one family is no answer of the other.
	if other, failed := d.DialContext(ctx, "tcp6", net.JoinHostPort("::1", port)); failed == nil {
		return other, nil
	}
	return nil, err
}

// fail says what was looked at and why it is not ready.
func fail(ctx context.Context, what string, err error) error {
	what = printable(what)
	if ctx.Err() != nil {
		return fmt.Errorf("%s: no answer in time: %w", what, ctx.Err())
	}
	return fmt.Errorf("%s: %w", what, cause(err))
}

// cause returns what the system said, without what package net puts around it.
func cause(err error) error {
	var errno syscall.Errno
	var dns *net.DNSError
	switch {
	case errors.As(err, &errno):
		return errno
	case errors.As(err, &dns) && dns.IsNotFound:
		return errors.New("no such host")
	case errors.As(err, &dns):
		return errors.New("the name of the host cannot be looked up now")
	}
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	return errors.New(printable(err.Error()))
}

// sooner returns the deadline of ctx, or the end of d if that is earlier.
func sooner(ctx context.Context, d time.Duration) time.Time {
	end := time.Now().Add(d)
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(end) {
		return deadline
	}
	return end
}

// printable makes one line of text that a terminal shows as it is.
func printable(text string) string {
	if strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }) < 0 {
		return text
	}
	quoted := strconv.Quote(text)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}
