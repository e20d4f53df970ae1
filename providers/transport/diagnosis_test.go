package transport

import "testing"

func TestDescribeProxy(t *testing.T) {
	for _, test := range []struct {
		environ map[string]string
		want    string
	}{
		{nil, "none"},
		{map[string]string{"HTTP_PROXY": "http://other:1"}, "none"},
		{map[string]string{"HTTPS_PROXY": "http://user:hunter2@proxy:3128"}, "http://proxy:3128 (HTTPS_PROXY)"},
		{map[string]string{"https_proxy": "http://proxy", "NO_PROXY": "a"}, "http://proxy (https_proxy), but not for the hosts in NO_PROXY"},
		{map[string]string{"HTTPS_PROXY": "hunter2\x7f"}, "HTTPS_PROXY, which is no URL"},
	} {
		if got := DescribeProxy(test.environ); got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}

func TestAuthorities(t *testing.T) {
	for want, of := range map[string]TLS{
		"those of the system": {}, "/ca.pem": {CAFile: "/ca.pem"}, "tls.ca_pem of the config": {CAPEM: "x"},
	} {
		if got := of.Authorities(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
