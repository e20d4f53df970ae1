package resolve

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pyleeai/pylee/providers"
)

func TestOneFetchForAllInputs(t *testing.T) {
	local := newSource(map[string]string{"a": "1", "b": `{"x":"2","y":"3"}`, "c?version=3": "4"})
	cred := newSource(map[string]string{"a": "5"})
	p := compile(t, Options{}, map[string]string{
		"A": "${secret:a}", "B": "${local:a}-${secret:b#x}", "C": "${secret:b#y}${local:b?format=json#x}",
		"D": "${secret:c?version=3} ${cred:a} ${secret:none:-} ${cred:a?newline=keep}",
	})
	s, err := resolver(t, local.driver("local"), cred.driver("cred")).Resolve(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if want := [][]string{{"a", "b", "c?version=3", "none"}}; !reflect.DeepEqual(local.fetches, want) {
		t.Errorf("local was asked %q, want %q", local.fetches, want)
	}
	if want := [][]string{{"a"}}; !reflect.DeepEqual(cred.fetches, want) {
		t.Errorf("cred was asked %q, want %q", cred.fetches, want)
	}
	for name, want := range map[string]string{"A": "1", "B": "1-2", "C": "32", "D": "4 5  5"} {
		if e, _ := s.Entry(name); string(e.Value.Reveal()) != want {
			t.Errorf("%s is %q, want %q", name, e.Value.Reveal(), want)
		}
	}
}

func TestWordsAreFetchedWhenUsed(t *testing.T) {
	local := newSource(map[string]string{"a": "1", "empty": "", "third": "3"})
	p := compile(t, Options{}, map[string]string{
		"A": "${local:a:-${local:unused}}", "B": "${local:none:-${local:none:-${local:empty:-${local:third}}}}", "C": "${local:none:+${cred:unused}}",
	})
	s, err := resolver(t, local.driver("local")).Resolve(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if want := [][]string{{"a", "none"}, {"empty"}, {"third"}}; !reflect.DeepEqual(local.fetches, want) {
		t.Errorf("asked %q, want %q", local.fetches, want)
	}
	if e, _ := s.Entry("B"); string(e.Value.Reveal()) != "3" {
		t.Errorf("B is %q", e.Value.Reveal())
	}
}

func TestProvidersAreOpenedWhenNeededAndOnce(t *testing.T) {
	local, cred := newSource(map[string]string{"a": "1", "team/a": "2"}), newSource(nil)
	r := resolver(t, local.driver("local"), cred.driver("cred"))
	r.Environ = map[string]string{"E": "e"}
	o := Options{Instances: map[string]Instance{
		"mine": {Kind: "local", Prefix: "team/", Settings: map[string]any{"store": "/s"}},
		"idle": {Kind: "cred"},
	}}
	p := compile(t, o, map[string]string{"A": "${local:a}", "B": "${mine:a}", "C": "${local:a:-${idle:x}}"})
	for range 3 {
		if _, err := r.Resolve(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	if len(local.opened) != 2 || len(cred.opened) != 0 {
		t.Fatalf("opened %v and %v", local.opened, cred.opened)
	}
	for _, got := range local.opened {
		want := providers.Settings{Instance: got.Instance, Home: "/home/app", Environ: r.Environ}
		if got.Instance == "mine" {
			want.Options = map[string]any{"store": "/s"}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("opened with %v, want %v", got, want)
		}
	}
	if err := r.Close(); err != nil || local.closed != 2 {
		t.Errorf("closed %d times, %v", local.closed, err)
	}
	if _, err := r.Resolve(t.Context(), p); err == nil || providers.KindOf(Problems(err)[0]) != providers.ErrUnavailable {
		t.Errorf("resolve after Close: %v", err)
	}
}

func TestProvidersWorkAtTheSameTime(t *testing.T) {
	local, cred := newSource(map[string]string{"a": "1"}), newSource(map[string]string{"a": "2"})
	var both sync.WaitGroup
	both.Add(2)
	meet := func(context.Context) { both.Done(); both.Wait() }
	local.before, cred.before = meet, meet
	p := compile(t, Options{}, map[string]string{"A": "${local:a}", "B": "${cred:a}"})
	if _, err := resolver(t, local.driver("local"), cred.driver("cred")).Resolve(t.Context(), p); err != nil {
		t.Error(err)
	}
}

func TestResolveFromManyGoroutines(t *testing.T) {
	local := newSource(map[string]string{"a": "1"})
	r := resolver(t, local.driver("local"))
	p := compile(t, Options{}, map[string]string{"A": "${local:a}"})
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() {
			s, err := r.Resolve(t.Context(), p)
			if e, _ := s.Entry("A"); err != nil || string(e.Value.Reveal()) != "1" {
				t.Errorf("%q, %v", e.Value.Reveal(), err)
			}
		})
	}
	wait.Wait()
	if len(local.opened) != 1 {
		t.Errorf("opened %d times", len(local.opened))
	}
}

func TestProviderThatBreaksTheContract(t *testing.T) {
	for name, test := range map[string]struct {
		mangle func([]providers.Result) []providers.Result
		want   string
	}{
		"none": {func([]providers.Result) []providers.Result { return nil }, "provider local gave 0 results for 2 keys"},
		"more": {func(r []providers.Result) []providers.Result { return append(r, r...) }, "provider local gave 4 results for 2 keys"},
		"foreign": {func(r []providers.Result) []providers.Result {
			r[0].Err, r[1].Err = errors.New(stolen), errors.New(stolen)
			return r
		}, "provider local failed in a way"},
	} {
		s := newSource(map[string]string{"a": "1", "b": "2"})
		s.mangle = test.mangle
		_, err := resolver(t, s.driver("local")).Resolve(t.Context(), compile(t, Options{}, map[string]string{"A": "${local:a:-d}", "B": "${local:b}"}))
		problems := Problems(err)
		if len(problems) != 2 || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), stolen) || providers.KindOf(problems[0]) != providers.ErrInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDriverThatIsMissingOrDoesNotOpen(t *testing.T) {
	p := compile(t, Options{}, map[string]string{"A": "${vault:a/b:-d}"})
	if _, err := resolver(t).Resolve(t.Context(), p); err == nil || !strings.Contains(err.Error(), "this build of pylee has no provider of type vault") {
		t.Errorf("missing: %v", err)
	}
	opens := 0
	driver := providers.Driver{Kind: "vault", Open: func(context.Context, providers.Settings) (providers.Provider, error) {
		if opens++; opens == 1 {
			return nil, &providers.Error{Kind: providers.ErrInvalid, Detail: `setting "address": is missing`}
		}
		return newSource(map[string]string{"a/b": "v"}), nil
	}}
	r := resolver(t, driver)
	if _, err := r.Resolve(t.Context(), p); err == nil || !strings.Contains(err.Error(), `${vault:a/b}: setting "address"`) {
		t.Errorf("open: %v", err)
	}
	if _, err := r.Resolve(t.Context(), p); err != nil {
		t.Errorf("the second time: %v", err)
	}
	empty := providers.Driver{Kind: "vault", Open: func(context.Context, providers.Settings) (providers.Provider, error) { return nil, nil }}
	if _, err := resolver(t, empty).Resolve(t.Context(), p); err == nil || kindOf(t, err) != providers.ErrInvalid {
		t.Errorf("nothing: %v", err)
	}
}

func TestDeadline(t *testing.T) {
	for name, before := range map[string]func(context.Context){
		"honoured": func(ctx context.Context) { <-ctx.Done() },
		"ignored":  func(context.Context) { time.Sleep(time.Hour) },
	} {
		synctest.Test(t, func(t *testing.T) {
			slow, fast := newSource(map[string]string{"a": "1"}), newSource(map[string]string{"a": "2"})
			slow.before = before
			r := &Resolver{Drivers: []providers.Driver{slow.driver("local"), fast.driver("cred")}}
			p := compile(t, Options{}, map[string]string{"A": "${local:a:-d}", "B": "${cred:a}"})
			start := time.Now()
			s, err := r.Resolve(t.Context(), p)
			if took := time.Since(start); took < DefaultTimeout || took > DefaultTimeout+grace {
				t.Errorf("%s: took %v", name, took)
			}
			if err == nil || kindOf(t, err) != providers.ErrUnavailable || !strings.Contains(err.Error(), "${local:a}: no answer within 30s") {
				t.Errorf("%s: %v", name, err)
			}
			if e, _ := s.Entry("B"); string(e.Value.Reveal()) != "2" {
				t.Errorf("%s: the other provider gave %q", name, e.Value.Reveal())
			}
			r.Close() //nolint:errcheck // the provider may still be busy
			time.Sleep(2 * time.Hour)
			if slow.closedTimes() != 1 || fast.closedTimes() != 1 {
				t.Errorf("%s: closed %d and %d times", name, slow.closedTimes(), fast.closedTimes())
			}
		})
	}
}

func TestDeadlineIsForAllWaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(nil)
		s.before = func(context.Context) { time.Sleep(20 * time.Second) }
		r := &Resolver{Drivers: []providers.Driver{s.driver("local")}}
		_, err := r.Resolve(t.Context(), compile(t, Options{}, map[string]string{"A": "${local:a:-${local:b:-${local:c:-d}}}"}))
		if err == nil || !strings.Contains(err.Error(), "${local:b}: no answer within 30s") {
			t.Error(err)
		}
		time.Sleep(time.Hour)
	})
}

func TestCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(nil)
		s.before = func(context.Context) { time.Sleep(time.Hour) }
		r := &Resolver{Drivers: []providers.Driver{s.driver("local")}}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		start := time.Now()
		_, err := r.Resolve(ctx, compile(t, Options{}, map[string]string{"A": "${local:a:-d}"}))
		if !errors.Is(err, context.Canceled) || kindOf(t, err) != providers.ErrUnavailable {
			t.Error(err)
		}
		if took := time.Since(start); took > time.Second+grace {
			t.Errorf("took %v", took)
		}
		time.Sleep(2 * time.Hour)
	})
}

func TestObserve(t *testing.T) {
	s := newSource(map[string]string{"a": stolen})
	s.errs["b"] = &providers.Error{Kind: providers.ErrDenied, Debug: "request 7"}
	var events []Event
	clock := time.Unix(0, 0)
	r := resolver(t, s.driver("local"))
	r.Observe = func(e Event) { events = append(events, e) }
	r.Now = func() time.Time { clock = clock.Add(time.Second); return clock }
	_, err := r.Resolve(t.Context(), compile(t, Options{}, map[string]string{"A": "${secret:a#f}", "B": "${local:b}"}))
	if err == nil {
		t.Error("no error")
	}
	want := []Event{
		{Provider: "local", Key: "a", Version: "v1", Duration: time.Second},
		{Provider: "local", Key: "b", Duration: time.Second, Kind: providers.ErrDenied, Debug: "request 7"},
	}
	if !reflect.DeepEqual(events, want) {
		t.Errorf("%v, want %v", events, want)
	}
}
