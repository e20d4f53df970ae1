package watch

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"syscall"

	"github.com/fsnotify/fsnotify"
)

// source is where events come from: inotify, or kqueue.
type source struct {
	events <-chan fsnotify.Event
	errors <-chan error
	add    func(dir string) error
	close  func() error
}

func openSource() (*source, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	return &source{events: w.Events, errors: w.Errors, add: w.Add, close: w.Close}, nil
}

// ears listens to a set of directories. A source is given its directories once; when they, or
// what fsnotify may remember of them, have changed there is another one, which listens before the
// old one is closed. To add a directory that was moved or made anew would confuse fsnotify.
type ears struct {
	open    func() (*source, error)
	source  *source // nil: there is none, or it is not trusted any more
	places  map[string]place
	deaf    error // why one that decides is not heard; nil: all are
	retired []*source
}

// events and errors never give anything while there is no source.
func (e *ears) events() <-chan fsnotify.Event {
	if e.source == nil {
		return nil
	}
	return e.source.events
}

func (e *ears) errors() <-chan error {
	if e.source == nil {
		return nil
	}
	return e.source.errors
}

// listen turns to other directories.
func (e *ears) listen(places map[string]place) {
	e.drop()
	if e.deaf != nil { // what the old source still holds may be what is missing
		e.hush()
	}
	e.places = places
	e.source, e.deaf = e.open()
	if errors.Is(e.deaf, syscall.EMFILE) && e.retired != nil {
		e.hush()
		e.source, e.deaf = e.open()
	}
	if e.source != nil {
		e.deaf = e.add()
	}
}

// add gives the source its directories, those above first: an event of one tells when one below
// was moved meanwhile. The error is the first reason why one that decides is not heard.
func (e *ears) add() error {
	var deaf error
	for _, dir := range slices.Sorted(maps.Keys(e.places)) {
		err := e.source.add(dir)
		switch {
		case err == nil, deaf != nil:
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR): // the next view tells
		case errors.Is(err, fs.ErrPermission) && !e.places[dir].direct: // nothing of ours changes there
		default:
			deaf = fmt.Errorf("%q: %w", dir, err)
		}
	}
	return deaf
}

// drop ends listening, hush closes what is not listened to any more: that can take
// milliseconds, so it is done last.
func (e *ears) drop() {
	if e.source != nil {
		e.retired = append(e.retired, e.source)
	}
	e.source = nil
}

func (e *ears) hush() {
	for _, s := range e.retired {
		s.close() //nolint:errcheck // nothing was written
	}
	e.retired = nil
}

// advice is what to do about the reason why there are no events.
func advice(err error) string {
	switch {
	case errors.Is(err, syscall.EMFILE):
		return "sysctl -w fs.inotify.max_user_instances=1024, or ulimit -n"
	case errors.Is(err, syscall.ENOSPC):
		return "sysctl -w fs.inotify.max_user_watches=524288"
	case errors.Is(err, fs.ErrPermission):
		return "give read permission for the directory"
	}
	return "nothing, if a delay is no harm"
}
