package transport

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pyleeai/pylee/providers"
)

func TestFromStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		date := time.Now().Add(90 * time.Second).UTC().Format(http.TimeFormat)
		for _, c := range []struct {
			status int
			after  string
			kind   error
			wait   time.Duration
		}{
			{200, "", nil, 0}, {204, "", nil, 0},
			{400, "", providers.ErrInvalid, 0}, {405, "", providers.ErrInvalid, 0}, {302, "", providers.ErrInvalid, 0},
			{401, "", providers.ErrUnauthenticated, 0}, {407, "", providers.ErrUnauthenticated, 0},
			{403, "", providers.ErrDenied, 0}, {404, "", providers.ErrNotFound, 0}, {410, "", providers.ErrNotFound, 0},
			{429, "17", providers.ErrThrottled, 17 * time.Second}, {429, date, providers.ErrThrottled, 90 * time.Second},
			{429, "-5", providers.ErrThrottled, 0}, {429, "soon", providers.ErrThrottled, 0},
			{503, "0", providers.ErrUnavailable, 0}, {500, "", providers.ErrUnavailable, 0}, {408, "", providers.ErrUnavailable, 0},
			{503, "Thu, 01 Jan 1970 00:00:00 GMT", providers.ErrUnavailable, 0},
		} {
			e := FromStatus(c.status, http.Header{"Retry-After": {c.after}, "X-Request-Id": {"r1"}})
			if c.kind == nil {
				if e != nil {
					t.Errorf("%d: %v", c.status, e)
				}
				continue
			}
			if !errors.Is(e, c.kind) || e.RetryAfter != c.wait || e.Debug != "r1" || !strings.Contains(e.Detail, fmt.Sprint(c.status)) {
				t.Errorf("%d %q: %+v", c.status, c.after, e)
			}
		}
	})
}

func TestRedactURL(t *testing.T) {
	u := &url.URL{Scheme: "https", User: url.UserPassword("u", canary), Host: "h:1", Path: "/a b", RawQuery: "t=" + canary, Fragment: canary}
	if got := RedactURL(u); got != "https://h:1/a%20b" {
		t.Error(got)
	}
}

// TestSDKs checks what the retry loops of the SDKs ask an error.
func TestSDKs(t *testing.T) {
	type aws interface{ RetryableError() bool }
	type azure interface{ NonRetriable() }
	for _, c := range []struct {
		err        error
		retry, not bool
	}{{&failure{unavailable}, true, false}, {refuse("x", ""), false, true}, {&failure{&providers.Error{Kind: providers.ErrUnauthenticated}}, false, false}} {
		var a aws
		var z azure
		if !errors.As(c.err, &a) || a.RetryableError() != c.retry || errors.As(c.err, &z) != c.not {
			t.Errorf("%v, %v", c.err, reflect.TypeOf(c.err))
		}
	}
}
