package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/pyleeai/pylee/internal/cache"
	"github.com/pyleeai/pylee/internal/config"
	"github.com/pyleeai/pylee/internal/store"
	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/resolve"
	"github.com/urfave/cli/v2"
)

func cacheCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:  "cache",
		Usage: "the offline cache: status, purge",
		Description: "With cache: {enabled: true, max_stale: 24h} in a config, pylee run keeps what remote providers\n" +
			"answer, encrypted to your identity, and starts with it while they cannot be reached. max_stale is\n" +
			"also how long a revoked secret works for somebody who can cut the network.\n\nExamples:\n\n" +
			"    pylee cache status\n    pylee cache purge --ref vault:kv/db\n    pylee cache purge --all",
		Subcommands: []*cli.Command{cacheStatusCommand(inv), cachePurgeCommand(inv)},
	}
}

func cacheStatusCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:        "status",
		Usage:       "what is kept, how old it is, and when it will be refused; never a value",
		Description: "Examples:\n\n    pylee cache status\n    pylee cache status --json",
		Flags:       append(append(commonFlags(inv), jsonFlag(inv), identityFlag()), configFlags()...),
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usagef("cache status takes no argument")
			}
			if err := refuseEmpty(c, "config", "env", "identity"); err != nil {
				return err
			}
			return inv.cacheStatus(c)
		},
	}
}

func cachePurgeCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:        "purge",
		Usage:       "remove what is kept of one reference, or everything",
		Description: "--all needs no identity, and removes the caches of all identities of this user.\n\nExamples:\n\n    pylee cache purge --ref vault:kv/db\n    pylee cache purge --all",
		Flags: append(commonFlags(inv), identityFlag(),
			&cli.StringFlag{Name: "ref", Usage: "remove all answers to `REF`, whatever its field"},
			boolFlag("all", "remove everything"),
		),
		Action: func(c *cli.Context) error {
			if c.Args().Present() || c.IsSet("ref") == c.Bool("all") {
				return usagef("cache purge takes one of --ref REF and --all")
			}
			if err := refuseEmpty(c, "ref", "identity"); err != nil {
				return err
			}
			if c.Bool("all") {
				return inv.cachePurgeAll(c.Context)
			}
			return inv.cachePurge(c.Context, c.String("ref"), c.String("identity"))
		},
	}
}

// cacheFile returns the file of the cache, or why there cannot be one.
func (inv *invocation) cacheFile(identity string) (*store.Sealed, error) {
	closeIdentity(identity)
	keys, err := inv.heldKeys(inv.storeFile(storeChoice{identity: identity}, "").Keys)
	if err != nil {
		return nil, err
	}
	return store.NewSealed(inv.stateDir(), cache.Name, keys, nil)
}

func (inv *invocation) stateDir() string { return store.StateDir(inv.home, inv.env["XDG_STATE_HOME"]) }

// cacheSettings decodes the key cache of a config.
func cacheSettings(cfg *config.Config) (cache.Settings, error) {
	s, err := cache.Parse(switched(cfg.Cache), config.ParseDuration)
	if err != nil {
		return cache.Settings{}, at(cfg.Cache, err)
	}
	return s, nil
}

// openCache lets the providers of a be stood in for, if the config says so. Without a
// key to encrypt to there is no cache, and no start that counts on one.
func (inv *invocation) openCache(a *assembly, s source) error {
	settings := a.blocks.cache
	if !s.cache || !settings.Enabled {
		return nil
	}
	file, err := inv.cacheFile(s.identity)
	if err != nil {
		return &failure{message: "cache: cannot be turned on: " + oneLine(err), hint: hintFor(err), code: exitConfig}
	}
	c, err := cache.Open(file, cache.Options{Settings: settings, NoStale: s.noStale, Config: configHash(a.cfg)})
	if err != nil {
		inv.say("cache: %s; nothing is served from it", oneLine(err))
	}
	a.sources.cache, a.sources.resolver.Cache = c, c
	return nil
}

// checkCache tells what the cache costs where it is on.
func (inv *invocation) checkCache(f *findings, cfg *config.Config) {
	if s, err := cacheSettings(cfg); err == nil && s.Enabled { // what is wrong with it was said with the other blocks
		f.ok("the offline cache is on: a revoked secret works for up to %s for somebody who can cut the network", shortDuration(s.MaxStale))
	}
}

// hintFor returns the hint of an error of a provider or a store.
func hintFor(err error) string {
	var e *providers.Error
	if errors.As(err, &e) {
		return e.Hint
	}
	return ""
}

// configHash stands for the files of a config.
func configHash(cfg *config.Config) string {
	h := sha256.New()
	for _, s := range cfg.Sources {
		h.Write(s.Hash[:])
	}
	return hex.EncodeToString(h.Sum(nil)[:4])
}

// settleCache writes down what was learnt.
func (inv *invocation) settleCache(s *sources) {
	if s == nil || s.cache == nil {
		return
	}
	if err := s.cache.Save(context.Background()); err != nil {
		inv.say("cache: not written: %s", oneLine(err))
	}
}

// sayStale tells of every value that the cache gave. It is said also with --quiet.
func (inv *invocation) sayStale(s *sources, of *resolve.Snapshot) {
	if s == nil || s.cache == nil {
		return
	}
	for _, e := range of.Entries() {
		for _, source := range e.Sources {
			cause := s.cache.Failed(source.Provider)
			if !source.Stale || cause == nil {
				continue
			}
			inv.message("", fmt.Sprintf("%s: STALE %s (%s: %s), refuses after %s",
				e.Name, cache.Age(time.Since(source.Fetched)), source.Provider, oneLine(cause), shortDuration(s.cache.MaxStale())))
			break
		}
	}
}

// shortDuration prints 24h for 24h0m0s.
func shortDuration(d time.Duration) string {
	text := d.String()
	if rest, ok := strings.CutSuffix(text, "m0s"); ok {
		text = rest + "m"
	}
	if rest, ok := strings.CutSuffix(text, "h0m"); ok {
		text = rest + "h"
	}
	return text
}

func (inv *invocation) cacheStatus(c *cli.Context) error {
	cfg, err := inv.loadConfig(c.String("config"), c.String("env"))
	if err != nil {
		return err
	}
	settings, err := cacheSettings(cfg)
	if err != nil {
		return err
	}
	file, err := inv.cacheFile(c.String("identity"))
	if err != nil {
		return err
	}
	kept, err := cache.Open(file, cache.Options{Settings: settings})
	if err != nil {
		return err
	}
	list := kept.List()
	if inv.json {
		return inv.writeJSON(struct {
			Enabled  bool         `json:"enabled"`
			MaxStale string       `json:"max_stale"`
			File     string       `json:"file"`
			Entries  []cache.Info `json:"entries"`
		}{settings.Enabled, shortDuration(settings.MaxStale), file.Path(), list})
	}
	return inv.printCache(settings, file.Path(), list)
}

func (inv *invocation) printCache(settings cache.Settings, path string, list []cache.Info) error {
	state := "off"
	if settings.Enabled {
		state = "on, max_stale " + shortDuration(settings.MaxStale)
	}
	fmt.Fprintf(inv.stdio.Out, "cache: %s; %s in %s\n", state, plural(len(list), "answer"), plain(path))
	if len(list) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(inv.stdio.Out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "REFERENCE\tVERSION\tAGE\tREFUSED AFTER\tLOGIN")
	for _, e := range list {
		until := stamp(e.Refused)
		if e.Why != "" {
			until = "refused: " + e.Why
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", plain(e.Reference), plain(e.Version), cache.Age(e.Age), until, e.Login)
	}
	return w.Flush()
}

func (inv *invocation) cachePurge(ctx context.Context, reference, identity string) error {
	file, err := inv.cacheFile(identity)
	if err != nil {
		return err
	}
	removed, err := cache.Purge(ctx, file, reference)
	if err != nil {
		return err
	}
	if removed == 0 {
		return &failure{message: "nothing is kept of " + printable(reference), hint: "see what is: pylee cache status", code: exitNotFound}
	}
	inv.say("removed %s", plural(removed, "answer"))
	return nil
}

func (inv *invocation) cachePurgeAll(ctx context.Context) error {
	removed, err := store.PurgeSealed(ctx, inv.stateDir(), cache.Name)
	if err != nil {
		return err
	}
	inv.say("removed %s", plural(removed, "file"))
	return nil
}

func stamp(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") }
