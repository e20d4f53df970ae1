package runner

import (
	"context"
	"sync"
)

// worker makes calls one after another, in the order in which they were asked for.
type worker struct {
	ctx  context.Context
	wake chan struct{} // capacity 1
	done chan struct{} // closed when it has ended, with ctx

	mu     sync.Mutex
	todo   []func()
	cancel context.CancelFunc // of the last call that can be interrupted
}

func newWorker(ctx context.Context) *worker {
	w := &worker{ctx: ctx, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go w.work()
	return w
}

// call adds a call that can be interrupted.
func (w *worker) call(f func(context.Context)) {
	ctx, cancel := context.WithCancel(w.ctx)
	w.mu.Lock()
	w.cancel = cancel
	w.mu.Unlock()
	w.add(func() {
		defer cancel()
		f(ctx)
	})
}

// interrupt ends the context of the last call.
func (w *worker) interrupt() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cancel != nil {
		w.cancel()
	}
}

// add adds a call.
func (w *worker) add(f func()) {
	w.mu.Lock()
	w.todo = append(w.todo, f)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *worker) work() {
	defer close(w.done)
	for {
		for f := w.next(); f != nil && w.ctx.Err() == nil; f = w.next() {
			f()
		}
		select {
		case <-w.ctx.Done():
			return
		case <-w.wake:
		}
	}
}

// next takes the first call that is to be made.
func (w *worker) next() func() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.todo) == 0 {
		return nil
	}
	f := w.todo[0]
	w.todo = w.todo[1:]
	return f
}
