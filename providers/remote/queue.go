package remote

import (
	"io"
	"sync"
)

// queue writes frames in order. Nobody waits for the other end to read: who asks is
// bounded by a context, and asks for little.
type queue struct {
	lock   sync.Mutex
	frames [][]byte
	more   chan struct{} // has a place for one
	closed chan struct{}
	done   chan struct{} // closed when write has returned
	once   sync.Once
}

func newQueue() *queue {
	return &queue{more: make(chan struct{}, 1), closed: make(chan struct{}), done: make(chan struct{})}
}

func (q *queue) add(frame []byte) {
	q.lock.Lock()
	q.frames = append(q.frames, frame)
	q.lock.Unlock()
	select {
	case q.more <- struct{}{}:
	default:
	}
}

// write writes frames until an error, or until close and all is written.
func (q *queue) write(w io.Writer) error {
	defer close(q.done)
	for {
		err := q.flush(w)
		if err != nil {
			return err
		}
		select {
		case <-q.more:
		case <-q.closed:
			return q.flush(w)
		}
	}
}

func (q *queue) flush(w io.Writer) error {
	for {
		q.lock.Lock()
		frames := q.frames
		q.frames = nil
		q.lock.Unlock()
		if len(frames) == 0 {
			return nil
		}
		for _, frame := range frames {
			_, err := w.Write(frame)
			clear(frame)
			if err != nil {
				return err
			}
		}
	}
}

func (q *queue) close() { q.once.Do(func() { close(q.closed) }) }
