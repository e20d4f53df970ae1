package probe

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"time"
)

const (
	maxHead  = 8 << 10               // bytes of an answer that are read for its status
	maxRest  = 16 << 10              // bytes that are read of what comes behind
	politely = 50 * time.Millisecond // for how long
)

// HTTP sends a GET to an http:// URL and wants a status of 2xx. A redirect is not
// followed and counts as not ready; a body does not count. A URL without a host, as
// http://:8080/healthz, is this one's.
func HTTP(ctx context.Context, address string) error {
	u, err := parseURL(address)
	if err != nil {
		return fail(ctx, "http", err)
	}
	what := "http " + u.Redacted()
	port := u.Port()
	if port == "" {
		port = "80"
	}
	conn, err := dial(ctx, net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return fail(ctx, what, err)
	}
	defer conn.Close() //nolint:errcheck // the answer is there or not
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	status, err := get(ctx, conn, u)
	if err != nil {
		return fail(ctx, what, err)
	}
	if status < 200 || status > 299 {
		return fmt.Errorf("%s: status %d", printable(what), status)
	}
	return nil
}

// parseURL refuses what cannot be asked. Its errors do not repeat the URL: what is wrong
// with it may be a password.
func parseURL(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Opaque != "" || strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return nil, errors.New("not a URL of plain ASCII such as http://127.0.0.1:8080/healthz")
	case u.Scheme != "http":
		return nil, errors.New("only http:// can be asked; use a program for all else, such as exec: [curl, -fsS, URL]")
	case u.User != nil:
		return nil, errors.New("a URL with a user or a password cannot be asked")
	case u.Host == "":
		return nil, errors.New("the URL has no host")
	}
	return u, nil
}

// get sends the request and returns the status of the answer.
func get(ctx context.Context, conn net.Conn, u *url.URL) (int, error) {
	host := u.Host
	if u.Hostname() == "" {
		host = "localhost" + host
	}
	if address, zone, ok := strings.Cut(host, "%"); ok { // RFC 6874: not for the other side
		_, port, _ := strings.Cut(zone, "]")
		host = address + "]" + port
	}
	request := "GET " + u.RequestURI() + " HTTP/1.1\r\nHost: " + host +
		"\r\nUser-Agent: pylee\r\nAccept: */*\r\nConnection: close\r\n\r\n"
	if _, err := io.WriteString(conn, request); err != nil {
		return 0, err
	}
	status, err := readStatus(bufio.NewReaderSize(io.LimitReader(conn, maxHead), maxHead))
	if err != nil || ctx.Err() != nil {
		return 0, err
	}
	// A server that finds the connection closed before it has written all may log that.
	conn.SetReadDeadline(sooner(ctx, politely))        //nolint:errcheck // sockets have deadlines
	io.Copy(io.Discard, io.LimitReader(conn, maxRest)) //nolint:errcheck // the status is known
	return status, nil
}

var (
	errShort = errors.New("the connection was closed before there was an answer")
	errNoise = errors.New("this is no answer of HTTP/1")
)

// readStatus returns the status of the first answer that is one: those of 1xx announce
// others (RFC 9110, 15.2).
func readStatus(r *bufio.Reader) (int, error) {
	for {
		line, err := readLine(r)
		if err != nil {
			return 0, err
		}
		status, ok := parseStatus(line)
		if !ok {
			return 0, errNoise
		}
		if status >= 200 || status == 101 {
			return status, nil
		}
		for len(line) > 0 {
			if line, err = readLine(r); err != nil {
				return 0, err
			}
		}
	}
}

// readLine returns a line without its end.
func readLine(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	switch {
	case err == nil:
		return bytes.TrimRight(line, "\r\n"), nil
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, errNoise
	case !errors.Is(err, io.EOF):
		return nil, err
	case len(line) > 0 && !bytes.HasPrefix(line, []byte("HTTP/1.")):
		return nil, errNoise
	}
	return nil, errShort
}

// parseStatus reads a line such as "HTTP/1.1 204 No Content".
func parseStatus(line []byte) (int, bool) {
	rest, ok := bytes.CutPrefix(line, []byte("HTTP/1."))
	if !ok || len(rest) < 5 || !digit(rest[0]) || rest[1] != ' ' || len(rest) > 5 && rest[5] != ' ' {
		return 0, false
	}
	status := 0
	for _, c := range rest[2:5] {
		if !digit(c) {
			return 0, false
		}
		status = 10*status + int(c-'0')
	}
	return status, status >= 100 && status <= 599
}

func digit(c byte) bool { return c >= '0' && c <= '9' }
