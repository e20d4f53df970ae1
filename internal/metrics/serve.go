package metrics

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// What a client may ask for at most.
const (
	clients     = 8
	requestSize = 8 << 10
	requestTime = 5 * time.Second // for the request and, again, for the answer
)

// serve answers until the listener is closed. Each connection is for one request.
func (e *Exporter) serve(ctx context.Context) {
	var work sync.WaitGroup
	defer work.Wait()
	places := make(chan struct{}, clients)
	local := e.listener.Addr().Network() == "unix"
	for {
		c, err := e.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of descriptors, or the client is gone already
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Second):
				continue
			}
		}
		select {
		case <-ctx.Done():
		case places <- struct{}{}:
			work.Go(func() {
				defer func() { <-places }()
				closing := context.AfterFunc(ctx, func() { c.Close() }) //nolint:errcheck // nothing counts any more
				defer closing()
				e.answer(c, local)
			})
			continue
		}
		c.Close() //nolint:errcheck // nothing was written
	}
}

// answer reads one request and answers it.
func (e *Exporter) answer(c net.Conn, local bool) {
	defer c.Close()                                //nolint:errcheck // the client sees what it got
	c.SetReadDeadline(time.Now().Add(requestTime)) //nolint:errcheck // sockets have deadlines
	head, status := readHead(c)
	method := ""
	if status == 0 {
		method, status = parse(head, local)
	}
	if status < 0 {
		return
	}
	c.SetWriteDeadline(time.Now().Add(requestTime)) //nolint:errcheck // sockets have deadlines
	var body []byte
	kind := "text/plain; charset=utf-8"
	if status == 200 {
		body, kind = e.registry.Text(), "text/plain; version=0.0.4; charset=utf-8"
	} else {
		body = []byte(reasons[status] + "\n")
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\nDate: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n", status, reasons[status],
		time.Now().UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT"), kind, len(body))
	if status == 405 {
		b.WriteString("Allow: GET, HEAD\r\n")
	}
	b.WriteString("X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n")
	if method != "HEAD" {
		b.Write(body)
	}
	if _, err := c.Write(b.Bytes()); err != nil {
		return
	}
	// What is still unread would make the kernel reset the connection, and the client
	// would lose the answer (RFC 9112, section 9.6).
	if half, ok := c.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		io.Copy(io.Discard, io.LimitReader(c, 16*requestSize)) //nolint:errcheck // its end is all that counts
	}
}

var reasons = map[int]string{
	200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed",
	408: "Request Timeout", 421: "Misdirected Request", 431: "Request Header Fields Too Large",
	505: "HTTP Version Not Supported",
}

// readHead reads the lines up to the empty one, without their ends. status is 0, one to
// answer with, or -1 if there is nobody to answer to.
func readHead(c io.Reader) (lines []string, status int) {
	limited := &io.LimitedReader{R: c, N: requestSize}
	in := bufio.NewReader(limited)
	for {
		line, err := in.ReadString('\n')
		var timeout net.Error
		switch {
		case err == nil:
		case limited.N <= 0:
			return nil, 431
		case errors.As(err, &timeout) && timeout.Timeout():
			return nil, 408
		default:
			return nil, -1
		}
		line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		if line != "" {
			lines = append(lines, line)
		} else if len(lines) > 0 { // empty lines before the first are passed over (RFC 9112, section 2.2)
			return lines, 0
		}
	}
}

// parse reads a request for /metrics; status is what to answer to its method. A browser that a page on
// the internet sends here, by a name that it lets mean this machine, says that name in
// Host: over TCP only names of this machine are answered.
func parse(lines []string, local bool) (method string, status int) {
	parts := strings.Split(lines[0], " ")
	if len(parts) != 3 || parts[0] == "" || !strings.HasPrefix(parts[2], "HTTP/") {
		return "", 400
	}
	method, target, version := parts[0], parts[1], parts[2]
	if version != "HTTP/1.1" && version != "HTTP/1.0" {
		return method, 505
	}
	host, hosts := "", 0
	for _, line := range lines[1:] {
		name, value, ok := strings.Cut(line, ":")
		if !ok || name == "" || strings.ContainsAny(name, " \t") {
			return method, 400
		}
		if strings.EqualFold(name, "Host") {
			host = strings.Trim(value, " \t")
			hosts++
		}
	}
	if hosts > 1 || hosts == 0 && version == "HTTP/1.1" {
		return method, 400
	}
	if rest, ok := strings.CutPrefix(target, "http://"); ok { // as to a proxy (RFC 9112, section 3.2.2)
		end := strings.IndexAny(rest+"/", "/?")
		host, target, hosts = rest[:end], rest[end:], 1
	}
	if hosts > 0 && !local && !ofThisMachine(host) {
		return method, 421
	}
	if path, _, _ := strings.Cut(target, "?"); path != "/metrics" {
		return method, 404
	}
	if method != "GET" && method != "HEAD" {
		return method, 405
	}
	return method, 200
}

// ofThisMachine tells whether a host, with or without a port, can only be this machine.
func ofThisMachine(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"))
	return err == nil && addr.Unmap().IsLoopback()
}
