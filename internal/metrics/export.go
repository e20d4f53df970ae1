package metrics

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// every is the time between two writes of the text file: most servers read as often.
const every = 15 * time.Second

// Exporter shows a registry until it is closed.
type Exporter struct {
	registry *Registry
	listener net.Listener // nil: none
	textfile string       // empty: none
	warn     func(format string, a ...any)

	stop context.CancelFunc
	work sync.WaitGroup
}

// Start begins to show r where o says. warn is told, one line each, of what goes wrong
// later; it may be called from any goroutine.
//
// The socket of a unix: listener has mode 0600; one that nobody listens on any more is
// replaced. The text file has mode 0644, is written each 15 seconds as a whole and removed
// by Close.
func Start(r *Registry, o Options, warn func(format string, a ...any)) (*Exporter, error) {
	ctx, stop := context.WithCancel(context.Background())
	e := &Exporter{registry: r, textfile: o.Textfile, warn: warn, stop: stop}
	if o.Textfile != "" {
		if err := writeFile(o.Textfile, r.Text()); err != nil {
			stop()
			return nil, fmt.Errorf("metrics.textfile: %w", err)
		}
	}
	if o.Listen != "" {
		l, err := listen(o.Listen)
		if err != nil {
			e.Close()
			return nil, fmt.Errorf("metrics.listen: %w", err)
		}
		e.listener = l
		e.work.Go(func() { e.serve(ctx) })
	}
	if o.Textfile != "" {
		e.work.Go(func() { e.write(ctx) })
	}
	return e, nil
}

// Address is where the listener listens; nil: there is none.
func (e *Exporter) Address() net.Addr {
	if e.listener == nil {
		return nil
	}
	return e.listener.Addr()
}

// Close ends the listener and its connections, removes the text file and returns when
// nothing is left running.
func (e *Exporter) Close() {
	e.stop()
	if e.listener != nil {
		e.listener.Close() //nolint:errcheck // nothing is written by it
	}
	e.work.Wait()
	if e.textfile != "" {
		if err := os.Remove(e.textfile); err != nil && !errors.Is(err, fs.ErrNotExist) {
			e.warn("metrics.textfile: %v", err)
		}
	}
}

// write keeps the text file fresh: ages grow without anything happening.
func (e *Exporter) write(ctx context.Context) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := writeFile(e.textfile, e.registry.Text())
		if err != nil && !failing {
			e.warn("metrics.textfile: %v; trying on", err)
		}
		failing = err != nil
	}
}

// writeFile replaces path as a whole. It is not synchronised: after a power cut the
// numbers mean nothing.
func writeFile(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.tmp")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name()) //nolint:errcheck // the first error counts
	}
	return err
}

// listen opens the listener of Options.Listen.
func listen(text string) (net.Listener, error) {
	network, address, err := parseListen(text)
	if err != nil {
		return nil, err
	}
	if network == "unix" {
		if err := removeStale(address); err != nil {
			return nil, err
		}
	}
	l, err := net.Listen(network, address)
	if err != nil {
		return nil, err
	}
	if network == "unix" {
		if err := os.Chmod(address, 0o600); err != nil {
			l.Close() //nolint:errcheck // the first error counts
			return nil, err
		}
	}
	return l, nil
}

// removeStale removes a socket that nobody listens on any more.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s: is there, and is no socket", path)
	}
	c, err := net.Dial("unix", path)
	if err == nil {
		c.Close() //nolint:errcheck // nothing was written
		return fmt.Errorf("%s: another program listens there", path)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return err
	}
	return os.Remove(path)
}
