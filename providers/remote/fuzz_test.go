package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"runtime"
	"testing"
	"time"

	"github.com/pyleeai/pylee/providers"
)

// FuzzFrame reads frames out of garbage, and every message out of their bodies: an error
// or a message, and what was read can be written.
func FuzzFrame(f *testing.F) {
	for _, seed := range seeds() {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bytes.NewReader(data)
		for {
			got, err := readFrame(r)
			if err != nil {
				if errors.Is(err, io.EOF) && r.Len() > 0 {
					t.Error("the end before the end")
				}
				return
			}
			e := newFrame(got.kind, got.call)
			e.b = append(e.b, got.body...)
			again, ok := e.frame()
			if from := len(data) - r.Len() - len(again); !ok || !bytes.Equal(again, data[from:from+len(again)]) {
				t.Error("a frame changed")
			}
			readAll(t, got.body)
		}
	})
}

// readAll reads a body as each of the messages.
func readAll(t *testing.T, body []byte) {
	for name, read := range map[string]func(d *decoder){
		"hello":    func(d *decoder) { d.hello() },
		"settings": func(d *decoder) { d.settings() },
		"keys":     func(d *decoder) { d.keys() },
		"failure":  func(d *decoder) { d.failure() }, //nolint:errcheck // looked at below
		"result":   func(d *decoder) { d.result() },
		"lease":    func(d *decoder) { d.lease() },
		"info":     func(d *decoder) { d.info() },
		"finding":  func(d *decoder) { d.finding() },
	} {
		d := &decoder{b: body}
		if read(d); len(d.b) > len(body) {
			t.Errorf("%s: read backwards", name)
		}
	}
	d := &decoder{b: body}
	s := d.settings()
	if d.finish() != nil {
		return
	}
	e := &encoder{}
	e.settings(s)
	if again := (&decoder{b: e.b}).settings(); !reflect.DeepEqual(s, again) || e.bad {
		t.Error("settings changed")
	}
}

// FuzzServe sends garbage to a helper.
func FuzzServe(f *testing.F) {
	for _, seed := range seeds() {
		f.Add(seed)
	}
	quiet := []providers.Driver{{Kind: "vault", Open: func(context.Context, providers.Settings) (providers.Provider, error) {
		return harmless{}, nil
	}}}
	f.Fuzz(func(t *testing.T, data []byte) {
		greeting := newFrame(frameHello, 0)
		greeting.hello(hello{Version: testVersion})
		own, _ := greeting.frame()
		var out bytes.Buffer
		Serve(t.Context(), io.MultiReader(bytes.NewReader(own), bytes.NewReader(data)), &out, testVersion, quiet) //nolint:errcheck // garbage
		for {
			got, err := readFrame(&out)
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil || got.kind != frameHello && got.kind != frameAnswer {
				t.Fatalf("%c, %v", got.kind, err)
			}
		}
	})
}

type harmless struct{}

func (harmless) Close() error { return nil }
func (harmless) Fetch(_ context.Context, keys []providers.Key) []providers.Result {
	return make([]providers.Result, len(keys))
}

// FuzzAnswer is a helper that answers with garbage.
func FuzzAnswer(f *testing.F) {
	for _, seed := range seeds() {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		greeting := newFrame(frameHello, 0)
		greeting.hello(hello{Version: testVersion})
		own, _ := greeting.frame()
		s, err := newSession(ctx, io.MultiReader(bytes.NewReader(own), bytes.NewReader(data)), io.Discard, Options{Version: testVersion}, func() error { return nil }, func() {})
		if err != nil {
			t.Fatal(err)
		}
		if d, err := callFor(ctx, s, opFetch, 1, func(e *encoder) { e.keys(nil) }); err == nil {
			d.result()
		} else if ctx.Err() != nil {
			t.Error("an end that was not noticed")
		}
		<-s.ended
	})
}

// seeds are frames of every kind, and broken ones.
func seeds() [][]byte {
	add := func(kind byte, call uint64, fill func(e *encoder)) []byte {
		e := newFrame(kind, call)
		fill(e)
		b, _ := e.frame()
		return b
	}
	request := func(call, op, number uint64, fill func(e *encoder)) []byte {
		return add(frameRequest, call, func(e *encoder) {
			e.uint(op)
			e.duration(time.Second)
			e.uint(number)
			fill(e)
		})
	}
	settings := providers.Settings{Instance: "i", Environ: map[string]string{"A": "b"}, Options: map[string]any{
		"list": []any{"x", json.Number("1.5"), true, false, nil}, "map": map[string]any{"y": map[string]any{}},
	}}
	open := request(1, opOpen, 0, func(e *encoder) { e.text("vault"); e.settings(settings) })
	keys := []providers.Key{{Name: "a", Options: providers.Options{"v": "1"}}, {Name: "b", Below: "/x"}}
	all := [][]byte{
		add(frameHello, 0, func(e *encoder) { e.hello(hello{Version: testVersion, Kinds: []string{"aws"}}) }),
		open,
		request(2, opFetch, 1, func(e *encoder) { e.keys(keys) }),
		request(3, opPut, 1, func(e *encoder) { e.key(keys[0]); e.bytes([]byte("v")) }),
		request(4, opRenew, 1, func(e *encoder) { e.lease(rich().Lease) }),
		request(5, opClose, 1, func(*encoder) {}),
		add(frameCancel, 2, func(*encoder) {}),
		add(frameAnswer, 1, func(e *encoder) {
			e.failure(nil)
			e.uint(2)
			e.result(providers.Result{Secret: rich()})
			e.result(providers.Result{Err: richError()})
		}),
		add(frameAnswer, 1, func(e *encoder) { e.failure(context.Canceled) }),
		add(frameAnswer, 99, func(*encoder) {}),
		add(frameDebug, 0, func(e *encoder) { e.text("a line") }),
		{0xff, 0xff, 0xff, 0xff, 'A'},
		{0, 0, 0, 3, 'A', 0, 0},
	}
	return append(all, bytes.Join(all[1:7], nil), append(bytes.Clone(open), open...))
}

func TestCodec(t *testing.T) {
	deep := any("x")
	for range maxDepth + 1 {
		deep = []any{deep}
	}
	for _, v := range []any{deep, 17, 1.5, []string{"x"}} {
		e := &encoder{}
		if e.tree(v, 0); !e.bad {
			t.Errorf("%T was encoded", v)
		}
	}
	e := newFrame(frameAnswer, 1)
	e.bytes(make([]byte, maxFrame))
	if _, ok := e.frame(); ok {
		t.Error("a frame that is too large")
	}
	var e2 encoder
	e2.failure(errors.Join(providers.ErrDenied, context.Canceled))
	if err := (&decoder{b: e2.b}).failure(); !errors.Is(err, providers.ErrDenied) || errors.Is(err, context.Canceled) {
		t.Errorf("two kinds became %v", err)
	}
}

// TestLengthIsNotBelieved reads a frame that promises 64 MB and has 100 bytes.
func TestLengthIsNotBelieved(t *testing.T) {
	data := append([]byte{0x03, 0xff, 0, 0, frameAnswer, 0, 0, 0, 0, 0, 0, 0, 1}, make([]byte, 100)...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := readFrame(bytes.NewReader(data))
	runtime.ReadMemStats(&after)
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Errorf("%d bytes were allocated", n)
	}
}
