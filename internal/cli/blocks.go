package cli

import (
	"errors"
	"strings"

	"github.com/pyleeai/pylee/internal/cache"
	"github.com/pyleeai/pylee/internal/config"
	"github.com/pyleeai/pylee/internal/format"
	"github.com/pyleeai/pylee/internal/mask"
	"github.com/pyleeai/pylee/internal/metrics"
	"github.com/pyleeai/pylee/resolve"
)

// blocks are the parts of a config that their own packages decode.
type blocks struct {
	mask    mask.Options
	metrics metrics.Options
	cache   cache.Settings
}

func blocksOf(cfg *config.Config) (b blocks, err error) {
	var maskErr, metricsErr, cacheErr error
	b.cache, cacheErr = cacheSettings(cfg)
	b.mask, maskErr = mask.Decode(switched(cfg.Mask))
	b.metrics, metricsErr = metrics.Decode(switched(cfg.Metrics))
	return b, errors.Join(at(cfg.Mask, maskErr), at(cfg.Metrics, metricsErr), cacheErr)
}

// switched returns a block as plain data, with off and enabled, which every block may
// have, as what they mean.
func switched(n *format.Node) any {
	plain := config.Plain(n)
	if text, ok := plain.(string); ok && (text == "off" || text == "false") {
		return false
	}
	block, ok := plain.(map[string]any)
	enabled, switches := block["enabled"].(bool)
	if !ok || !switches {
		return plain
	}
	delete(block, "enabled")
	if !enabled {
		return false
	}
	if len(block) == 0 {
		return true
	}
	return block
}

// at gives errors about a block its place.
func at(n *format.Node, err error) error {
	if err == nil {
		return nil
	}
	var errs []error
	for line := range strings.SplitSeq(err.Error(), "\n") { // one for each error that is joined
		errs = append(errs, &format.Error{Pos: n.Pos, Message: line})
	}
	return errors.Join(errs...)
}

// shownNames are what people call the entries of a snapshot: the variable, or the file.
func (a *assembly) shownNames() func(entry resolve.Entry) string {
	names := map[string]string{}
	for _, v := range a.vars {
		names[v.input] = v.name
	}
	return func(entry resolve.Entry) string {
		if name, ok := names[entry.Name]; ok {
			return name
		}
		return strings.TrimPrefix(entry.Name, "files.")
	}
}
