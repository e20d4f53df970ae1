package cache

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// DefaultMaxStale is how long an answer is served where nothing is said.
	DefaultMaxStale = 24 * time.Hour

	longest = 30 * 24 * time.Hour
)

// Settings are what the key cache of a config says.
type Settings struct {
	Enabled   bool
	MaxStale  time.Duration // how old a value may be that is served
	Providers []string      // instances or schemes of which answers are kept; empty: all that are remote
}

// Parse decodes the key cache of a config, given as plain data:
//
//	cache: true
//	cache: {enabled: true, max_stale: 24h, providers: [vault]}
//
// A block without enabled is enabled. The error joins all that is wrong, each naming
// its key. duration reads what configs write, such as 1d12h.
func Parse(plain any, duration func(string) (time.Duration, bool)) (Settings, error) {
	s := Settings{MaxStale: DefaultMaxStale}
	switch v := plain.(type) {
	case nil:
		return s, nil
	case bool:
		s.Enabled = v
		return s, nil
	case map[string]any:
		s.Enabled = true
		return s, s.members(v, duration)
	}
	return s, errors.New("cache: must be true, false or a map")
}

func (s *Settings) members(m map[string]any, duration func(string) (time.Duration, bool)) error {
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(m)) {
		switch value := m[key]; key {
		case "enabled":
			on, ok := value.(bool)
			if !ok {
				errs = append(errs, errors.New("cache.enabled: must be true or false"))
			}
			s.Enabled = on
		case "max_stale":
			text, _ := value.(string) //nolint:errcheck // another type is no duration
			d, ok := duration(text)
			if !ok || d <= 0 || d > longest {
				errs = append(errs, errors.New("cache.max_stale: must be a duration such as 24h, of at most 30d"))
				continue
			}
			s.MaxStale = d
		case "providers":
			list, ok := value.([]any)
			for i, item := range list {
				name, isText := item.(string)
				if !isText || name == "" {
					errs = append(errs, errors.New("cache.providers["+strconv.Itoa(i)+"]: must be the name of a provider"))
				}
				s.Providers = append(s.Providers, name)
			}
			if !ok || len(list) == 0 {
				errs = append(errs, errors.New("cache.providers: must be a list of names of providers"))
			}
		default:
			errs = append(errs, fmt.Errorf("cache.%s: unknown key; known: %s", strings.ToValidUTF8(key, "?"), "enabled, max_stale, providers"))
		}
	}
	return errors.Join(errs...)
}
