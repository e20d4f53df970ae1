package metrics

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
)

// Options say where metrics are shown. The zero value is nowhere.
type Options struct {
	Listen   string // a loopback address and port, or unix: and an absolute path; empty: no listener
	Textfile string // absolute path that ends in .prom; empty: no file
}

// DefaultListen is where metrics: true listens.
const DefaultListen = "127.0.0.1:9464"

// Decode reads the key metrics of a config, as plain data; nil and false are nowhere.
//
//	metrics: true               # at DefaultListen
//	metrics: 127.0.0.1:9464     # or unix:/run/app/metrics.sock
//	metrics:
//	  listen: 127.0.0.1:9464
//	  textfile: /var/lib/prometheus/node-exporter/app.prom
//
// The error joins one for each thing that is wrong, and each names its key.
func Decode(plain any) (Options, error) {
	switch plain := plain.(type) {
	case nil:
		return Options{}, nil
	case bool:
		if plain {
			return Options{Listen: DefaultListen}, nil
		}
		return Options{}, nil
	case string:
		if _, _, err := parseListen(plain); err != nil {
			return Options{}, fmt.Errorf("metrics: %w", err)
		}
		return Options{Listen: plain}, nil
	case map[string]any:
		return decodeMap(plain)
	}
	return Options{}, errors.New("metrics: takes true, false, an address such as 127.0.0.1:9464, or a map with listen and textfile")
}

func decodeMap(block map[string]any) (Options, error) {
	var o Options
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(block)) {
		text, isText := block[key].(string)
		var err error
		switch {
		case key != "listen" && key != "textfile":
			err = errors.New("no such key: there are listen and textfile")
		case block[key] == nil:
			continue
		case !isText:
			err = errors.New("takes a text")
		case key == "listen":
			_, _, err = parseListen(text)
			o.Listen = text
		default:
			err = checkTextfile(text)
			o.Textfile = text
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("metrics.%s: %w", key, err))
		}
	}
	if len(errs) > 0 {
		return Options{}, errors.Join(errs...)
	}
	if o == (Options{}) {
		return o, errors.New("metrics: says not where: set listen: 127.0.0.1:9464, or textfile: to a path that ends in .prom")
	}
	return o, nil
}

// parseListen returns the network and the address, as package net has them. A name such
// as localhost is refused: what it means is for a file and a name server to say.
func parseListen(text string) (network, address string, err error) {
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		if !filepath.IsAbs(path) || strings.ContainsRune(path, 0) {
			return "", "", errors.New("the socket needs an absolute path, as in unix:/run/app/metrics.sock")
		}
		return "unix", filepath.Clean(path), nil
	}
	at, err := netip.ParseAddrPort(text)
	if err != nil {
		return "", "", errors.New("takes an address and a port such as 127.0.0.1:9464 or [::1]:9464, or unix:/run/app/metrics.sock")
	}
	if !at.Addr().Unmap().IsLoopback() {
		return "", "", errors.New("only this machine may read metrics: use 127.0.0.1 or [::1], and a proxy that asks who is there for others")
	}
	if at.Port() == 0 {
		return "", "", errors.New("needs a port other than 0, as in 127.0.0.1:9464")
	}
	return "tcp", at.String(), nil
}

func checkTextfile(path string) error {
	if !filepath.IsAbs(path) || strings.ContainsRune(path, 0) || filepath.Ext(path) != ".prom" || filepath.Base(path) == ".prom" {
		return errors.New("takes an absolute path that ends in .prom, which is what node_exporter reads")
	}
	return nil
}
