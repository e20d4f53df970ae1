package cli

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/resolve"
)

// costProvider lends what is below db/ for an hour, in one lease.
type costProvider struct{}

func (costProvider) Fetch(_ context.Context, keys []providers.Key) []providers.Result {
	results := make([]providers.Result, len(keys))
	for i, key := range keys {
		results[i].Secret.Value = providers.NewValue([]byte(`{"a":"1","b":"2"}`))
		if strings.HasPrefix(key.Name, "db/") {
			results[i].Secret.Lease = providers.Lease{ID: key.Name, Duration: time.Hour, Renewable: !strings.HasSuffix(key.Name, "fixed")}
		}
	}
	return results
}

func (costProvider) Close() error { return nil }

// costOf resolves references and returns the lines of their cost.
func costOf(t *testing.T, blocks string, references ...string) string {
	t.Helper()
	text := blocks + "\nenv:\n"
	for i, r := range references {
		text += fmt.Sprintf("  V%d: %q\n", i, r)
	}
	inv := newInvocation(nil, "0", Stdio{})
	a := &assembly{cfg: loadProject(t, text)}
	var inputs []resolve.Input
	for i, r := range references {
		inputs = append(inputs, resolve.Input{Name: fmt.Sprintf("V%d", i), Text: r})
	}
	plan, err := resolve.Compile(inputs, resolve.Options{Instances: inv.instances(a.cfg, source{})})
	if err != nil {
		t.Fatal(err)
	}
	var drivers []providers.Driver
	for kind := range batches {
		drivers = append(drivers, providers.Driver{Kind: kind, Open: func(context.Context, providers.Settings) (providers.Provider, error) { return costProvider{}, nil }})
	}
	resolver := &resolve.Resolver{Drivers: drivers}
	snapshot, err := resolver.Resolve(t.Context(), plan)
	if err != nil {
		t.Fatal(err)
	}
	a.sources = &sources{plan: plan}
	var lines []string
	for _, l := range a.cost(snapshot) {
		lines = append(lines, fmt.Sprintf("%s %v %d %s %d %d", l.Provider, l.Leased, l.Secrets, l.Interval, l.Calls, l.Month))
	}
	return strings.Join(lines, "; ")
}

func TestCost(t *testing.T) {
	many := func(pattern string, n int) (list []string) {
		for i := range n {
			list = append(list, fmt.Sprintf(pattern, i))
		}
		return list
	}
	const arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf"
	for name, test := range map[string]struct {
		blocks     string
		references []string
		want       string
	}{
		"none":        {"", []string{"plain"}, ""},
		"batches":     {"", append(many("${aws:a%d}", 45), many("${ssm:/b%d}", 20)...), "aws false 45 5m0s 3 25920; ssm false 20 5m0s 2 17280"},
		"interval":    {"providers: {aws: {poll: 1h}}", []string{"${aws:a}"}, "aws false 1 1h0m0s 1 720"},
		"one secret":  {"", []string{"${aws:a#a}", "${aws:a#b}", "${aws:a?format=json#a}"}, "aws false 1 5m0s 1 8640"},
		"stages":      {"", append(many("${aws:a%d}", 3), "${aws:a0?stage=AWSPREVIOUS}", "${aws:a1?version=v}"), "aws false 5 5m0s 3 25920"},
		"labels":      {"", []string{"${ssm:/a}", "${ssm:/a:3}", "${ssm:/a:live}"}, "ssm false 3 5m0s 1 8640"},
		"regions":     {"", []string{"${aws:a}", "${aws:b}", "${aws:a?region=us-east-1}", "${aws:" + arn + "}"}, "aws false 4 5m0s 3 25920"},
		"ECS suffix":  {"", []string{"${aws:" + arn + ":a::}", "${aws:" + arn + ":b::}", "${aws:" + arn + ":b:AWSPREVIOUS:}"}, "aws false 2 5m0s 2 17280"},
		"no batches":  {"", []string{"${azure:kv/a}", "${azure:kv/b}", "${azure:kv/b?version=0123456789abcdef0123456789abcdef}"}, "azure false 3 5m0s 3 25920"},
		"leases":      {"", []string{"${bao:kv/a#a}", "${bao:db/x#a}", "${bao:db/x#b}", "${bao:db/y#a}", "${bao:db/fixed#a}"}, "bao false 1 5m0s 1 8640; bao true 2 40m0s 2 2160; bao true 1 1h0m0s 1 720"},
		"left alone":  {"providers: {bao: {lease: unmanaged}}", []string{"${bao:db/x#a}"}, ""},
		"not reached": {"", []string{"${aws:a:-${aws:b}}"}, "aws false 1 5m0s 1 8640"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := costOf(t, test.blocks, test.references...); got != test.want {
				t.Errorf("%s\nwant %s", got, test.want)
			}
		})
	}
}
