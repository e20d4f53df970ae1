package aws

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pyleeai/pylee/providers"
)

// TestRegionOfARN: the region of an ARN goes before that of the config.
func TestRegionOfARN(t *testing.T) {
	c := newCloud(t)
	c.set("db", "x")
	p := c.open(t, "aws", map[string]any{"region": "eu-west-1"})
	p.Fetch(t.Context(), keysOfNames(arnOf("db")))
	p.Fetch(t.Context(), keysOfNames("db"))
	p.Fetch(t.Context(), []providers.Key{{Name: "db", Options: providers.Options{"region": "ap-south-1"}}})
	var regions []string
	for _, r := range c.seen {
		regions = append(regions, regionOf(r))
	}
	if got := strings.Join(regions, " "); got != "us-east-1 eu-west-1 ap-south-1" {
		t.Errorf("signed for %s", got)
	}
}

// regionOf returns the region that a request is signed for.
func regionOf(r *http.Request) string {
	_, scope, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	parts := strings.Split(scope, "/")
	if len(parts) < 3 {
		return ""
	}
	return parts[2]
}

func TestRegionsFailOver(t *testing.T) {
	c := newCloud(t)
	c.set("db", "x")
	for _, test := range []struct {
		name    string
		failure *reply
		kind    error // nil: the second region answers
	}{
		{"down", &reply{status: 503, body: "<html>"}, nil},
		{"throttled", refuse(400, "ThrottlingException", "Rate exceeded"), nil},
		{"absent", refuse(400, "ResourceNotFoundException", ""), providers.ErrNotFound},
		{"denied", refuse(400, "AccessDeniedException", ""), providers.ErrDenied},
		{"expired", refuse(400, "ExpiredTokenException", ""), providers.ErrUnauthenticated},
	} {
		t.Run(test.name, func(t *testing.T) {
			var other atomic.Int32
			front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if regionOf(r) == "eu-west-1" {
					test.failure.write(w)
					return
				}
				other.Add(1)
				c.Config.Handler.ServeHTTP(w, r)
			}))
			defer front.Close()
			environ := c.environ()
			environ["AWS_ENDPOINT_URL"] = front.URL
			p, err := openWith(t, "aws", environ, map[string]any{"regions": []any{"eu-west-1", "eu-central-1"}})
			if err != nil {
				t.Fatal(err)
			}
			r := p.Fetch(t.Context(), keysOfNames("db"))[0]
			if test.kind == nil {
				wantValue(t, "from the second", r, "x")
				return
			}
			wantKind(t, "from the first", r.Err, test.kind)
			if other.Load() != 0 {
				t.Errorf("the second region was asked")
			}
		})
	}
}
