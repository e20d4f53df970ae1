package aws

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/pyleeai/pylee/providers"
	"github.com/pyleeai/pylee/providers/transport"
)

// request is what was asked for, for messages.
type request struct {
	action string // as in a policy: "secretsmanager:GetSecretValue"
	id     string // of the secret; empty: many

	stage, version string // that were asked for; empty: none
}

// failure returns the error of a request that s sent and signed as who. What the server
// wrote is not repeated, but for parts that look like what they should be.
func (s *session) failure(ctx context.Context, err error, what request, who aws.Credentials) error {
	if done := ctx.Err(); done != nil {
		return done
	}
	e := explain(err, what)
	if isExpired(err) {
		e.Hint = first(s.chain.links[len(s.chain.links)-1].hint, e.Hint)
	}
	return s.locate(e, who)
}

// locate adds to an error of a service where that is and who asked.
func (s *session) locate(e *providers.Error, who aws.Credentials) *providers.Error {
	switch e.Kind { //nolint:errorlint // explain sets these
	case providers.ErrInvalid:
		if strings.HasPrefix(e.Detail, "status ") { // what answered said nothing else
			e.Detail = s.endpointText() + ": " + e.Detail
		}
		e.Detail = s.region + ": " + e.Detail
		return e
	case providers.ErrUnavailable, providers.ErrThrottled:
		e.Detail = s.region + ": " + e.Detail
		e.Hint = first(e.Hint, "run it again later; outages: https://health.aws.amazon.com/health/status")
		return e
	}
	e.Detail += " in " + s.region
	switch e.Kind { //nolint:errorlint // explain sets these
	case providers.ErrDenied, providers.ErrUnauthenticated:
		e.Detail += ", as " + s.who(who)
		e.Hint = first(e.Hint, s.chain.links[len(s.chain.links)-1].hint, "aws sts get-caller-identity"+s.profileFlag())
	case providers.ErrNotFound:
		if e.Hint = first(e.Hint, "aws "+s.list()); strings.HasPrefix(e.Hint, "aws ") {
			e.Hint += " --region " + s.region + s.profileFlag()
		}
	}
	return e
}

// who tells which credentials were used.
func (s *session) who(c aws.Credentials) string {
	from := s.chain.links[len(s.chain.links)-1]
	text := "access key " + maskID(c.AccessKeyID) + " (" + from.name + ": " + from.said + ")"
	if s.chain.role != "" {
		text = "role " + s.chain.role + " (" + from.name + ")"
	}
	return text
}

// maskID returns what tells one access key from another: its kind and its end.
func maskID(id string) string {
	if len(id) < 12 || !only(id, "") {
		return "****"
	}
	return id[:4] + "…" + id[len(id)-4:]
}

func (s *session) profileFlag() string {
	if s.profile.asked == "" {
		return ""
	}
	return " --profile " + shellWord(s.profile.name)
}

// list returns the command that lists what the kind fetches.
func (s *session) list() string {
	if s.base.kind == "ssm" {
		return "ssm describe-parameters"
	}
	return "secretsmanager list-secrets"
}

// explain returns what an error of the SDK means.
func explain(err error, what request) *providers.Error {
	var e *providers.Error
	if errors.As(err, &e) {
		copied := *e
		return &copied
	}
	status, header := answerOf(err)
	var api smithy.APIError
	switch {
	case errors.As(err, &api) && isCode(api.ErrorCode()):
		e = fromCode(baseCode(api.ErrorCode()), api.ErrorMessage(), what)
		if e == nil {
			e = fromStatus(status, header, api.ErrorCode())
		}
		e.RetryAfter = retryAfter(status, header)
	case status != 0:
		e = fromStatus(status, header, "")
	default:
		var ok bool
		if e, ok = transport.FromNetwork(err, "AWS"); !ok {
			e = &providers.Error{Kind: providers.ErrInvalid, Detail: "the request cannot be made: check region and endpoint"}
		}
		copied := *e
		return &copied
	}
	if by := skew(err); by != 0 {
		e.Detail = "the clock of this machine is " + by.Abs().Round(time.Second).String() + map[bool]string{true: " behind AWS", false: " ahead of AWS"}[by > 0]
		e.Hint = "timedatectl set-ntp true"
	}
	e.Debug = first(requestID(header), e.Debug)
	return e
}

// fromStatus returns what an answer without a known code means. That a bare 404 means a
// missing secret nobody has said: a default must not hide a wrong endpoint.
func fromStatus(status int, header http.Header, code string) *providers.Error {
	e := transport.FromStatus(status, header)
	switch {
	case e == nil:
		return damaged()
	case status == http.StatusNotFound:
		e.Kind = providers.ErrInvalid
	case status == http.StatusForbidden:
		e.Hint = "the answer names no reason; a proxy, a firewall or an endpoint policy may have given it"
	}
	if isCode(code) {
		e.Detail = baseCode(code) + " (" + e.Detail + ")"
	}
	if e.Kind == providers.ErrInvalid { //nolint:errorlint // FromStatus sets it
		e.Hint = first(e.Hint, "check the endpoint: this does not look like AWS")
	}
	return e
}

// damaged is the error of a 200 that holds no answer of the service.
func damaged() *providers.Error {
	return &providers.Error{
		Kind: providers.ErrUnavailable, Detail: "the answer is damaged", Hint: "check the endpoint, and what stands before it: a proxy or a login page",
	}
}

// answerOf returns the status and the header of the answer in an error of the SDK, 0 if
// there was none.
func answerOf(err error) (int, http.Header) {
	var response *smithyhttp.ResponseError
	if !errors.As(err, &response) || response.Response == nil || response.Response.Response == nil {
		return 0, nil
	}
	return response.Response.StatusCode, response.Response.Header
}

func retryAfter(status int, header http.Header) time.Duration {
	if e := transport.FromStatus(status, header); e != nil {
		return e.RetryAfter
	}
	return 0
}

func requestID(header http.Header) string {
	id := first(header.Get("X-Amzn-Requestid"), header.Get("X-Amz-Request-Id"))
	if id == "" || len(id) > 100 || !only(id, "-") {
		return ""
	}
	return "request id " + id
}

// skew returns by how much the server's clock is ahead of ours, if that is why it
// refused a signature; otherwise 0. Signatures are good for five minutes.
func skew(err error) time.Duration {
	var api smithy.APIError
	_, header := answerOf(err)
	if !errors.As(err, &api) || !clockCodes[baseCode(api.ErrorCode())] {
		return 0
	}
	at, parseErr := http.ParseTime(header.Get("Date"))
	if by := time.Until(at); parseErr == nil && by.Abs() > 4*time.Minute {
		return by
	}
	return 0
}

// isCode tells whether text can be an error code of AWS.
func isCode(text string) bool {
	return len(text) <= 100 && only(text, ".:#_/-") && text != "UnknownError"
}

// baseCode returns a code without a namespace before and an address behind it.
func baseCode(code string) string {
	code, _, _ = strings.Cut(code, ":")
	return code[strings.LastIndexByte(code, '#')+1:]
}

// shellWord makes one word of a shell of s, for hints.
func shellWord(s string) string {
	if only(s, "/_+=.@:-") {
		return s
	}
	return "'" + strings.Map(printable, strings.ReplaceAll(s, "'", `'\''`)) + "'"
}

func printable(r rune) rune {
	if strconv.IsPrint(r) {
		return r
	}
	return '?'
}
