package transport

import (
	"context"
	"errors"
	"net"
	"testing"

	"github.com/pyleeai/pylee/providers"
)

// What a name of a config resolves to is looked at when it is dialled.
func TestNotLinkLocal(t *testing.T) {
	for address, ok := range map[string]bool{
		"169.254.169.254:80": false, "169.254.170.2:80": false, "169.254.0.1:443": false, "[::ffff:169.254.169.254]:80": false,
		"[fe80::1]:443": false, "[fe80::1%eth0]:443": false, "[febf::1]:443": false, "[fd00:ec2::254]:80": false, "[fd00:ec2::23]:80": false,
		"[64:ff9b::a9fe:a9fe]:80": false, "[2002:a9fe:a9fe::1]:80": false, "[::169.254.169.254]:80": false,
		"168.63.129.16:80": false, "192.0.0.192:80": false, "100.100.100.200:80": false, "224.0.0.1:80": false, "nonsense": false,
		"127.0.0.1:8200": true, "[::1]:8200": true, "10.0.0.1:443": true, "192.168.1.1:443": true, "203.0.113.7:443": true,
		"[fd00::1]:443": true, "[2001:db8::1]:443": true, "[64:ff9b::cb00:7107]:443": true, "100.64.0.1:443": true,
	} {
		err := notLinkLocal("tcp", address, nil)
		if (err == nil) != ok {
			t.Errorf("%s: %v", address, err)
		}
		if err != nil && !errors.Is(err, providers.ErrInvalid) {
			t.Errorf("%s: %v is of another kind", address, err)
		}
	}
}

// No packet leaves: the refusal comes before connect(2), also if a proxy is configured,
// and it is not tried again.
func TestDialNotLinkLocal(t *testing.T) {
	for _, environ := range []map[string]string{nil, {"HTTP_PROXY": "http://127.0.0.1:1", "HTTPS_PROXY": "http://127.0.0.1:1"}} {
		for _, url := range []string{"http://169.254.169.254/latest/meta-data/", "https://169.254.169.254", "http://[fd00:ec2::254]/", "https://[::ffff:169.254.170.2]/"} {
			if environ != nil && url[:5] == "https" && url[8] == '[' {
				continue // the proxy is asked, which does not answer
			}
			_, _, err := get(t, newClient(t, Options{Environ: environ}), url)
			want(t, url, err, providers.ErrInvalid, "own link, where clouds hand out credentials")
			var again interface{ NonRetriable() }
			if !errors.As(err, &again) {
				t.Errorf("%s: would be tried again", url)
			}
		}
	}
}

// Clients for credentials of the machine, and a proxy that the environment names, are not
// held to it.
func TestDialLinkLocalAllowed(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for name, o := range map[string]Options{
		"credentials": {LinkLocal: true},
		"proxy":       {Environ: map[string]string{"https_proxy": "169.254.169.254:3128"}},
		"socket":      {UnixSocket: "/nowhere"},
	} {
		_, err := o.dial(ctx, "tcp", net.JoinHostPort("169.254.169.254", "80"))
		var refused *refusal
		if err == nil || errors.As(err, &refused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if o := (Options{Environ: map[string]string{"HTTPS_PROXY": "http://proxy:1"}}); o.isProxy("") || o.isProxy("other") || !o.isProxy("PROXY") {
		t.Error("another host is taken for the proxy")
	}
}
