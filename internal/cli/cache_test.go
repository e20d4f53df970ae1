package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/pyleeai/pylee/internal/config"
	"github.com/pyleeai/pylee/internal/format"
)

func TestShortDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		24 * time.Hour: "24h", 10 * time.Second: "10s", 90 * time.Minute: "1h30m", time.Minute: "1m", time.Hour + time.Second: "1h0m1s", 10 * time.Minute: "10m", time.Millisecond: "1ms",
	} {
		if got := shortDuration(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}

func TestCacheSettings(t *testing.T) {
	text := func(s string) *format.Node {
		return &format.Node{Kind: format.String, Text: s, Pos: format.Pos{File: "p.yaml", Line: 3, Col: 8}}
	}
	if s, err := cacheSettings(&config.Config{}); err != nil || s.Enabled {
		t.Errorf("no block: %v, %v", s, err)
	}
	if s, err := cacheSettings(&config.Config{Cache: text("off")}); err != nil || s.Enabled {
		t.Errorf("off: %v, %v", s, err)
	}
	_, err := cacheSettings(&config.Config{Cache: text("x")})
	if err == nil || !strings.Contains(err.Error(), "p.yaml:3:8: cache: must be") {
		t.Errorf("%v", err)
	}
}
