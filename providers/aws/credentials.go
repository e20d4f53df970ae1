package aws

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/smithy-go"

	"github.com/pyleeai/pylee/providers"
)

// credentialFailure returns why credentials could not be had. The kinds are those of
// the request for them, but what is missing for it is ErrUnauthenticated.
func credentialFailure(err error) *providers.Error {
	var known *providers.Error
	var token *ssocreds.InvalidTokenError
	switch {
	case errors.As(err, &known):
		copied := *known
		return &copied
	case errors.As(err, &token):
		return &providers.Error{Kind: providers.ErrUnauthenticated, Detail: "the token of IAM Identity Center is missing or has expired"}
	case errors.Is(err, context.DeadlineExceeded):
		return &providers.Error{Kind: providers.ErrUnavailable, Detail: "no answer in time"}
	}
	status, _ := answerOf(err)
	if status == 0 && !hasCode(err) {
		return &providers.Error{Kind: providers.ErrUnauthenticated, Detail: "none there"}
	}
	e := explain(err, request{action: action(err)})
	if e.Kind == providers.ErrNotFound || e.Kind == providers.ErrInvalid { //nolint:errorlint // explain sets these
		e.Kind, e.Reason = providers.ErrUnauthenticated, providers.ReasonNone
	}
	if !isSTS(err) && e.Kind == providers.ErrDenied { //nolint:errorlint // see above
		e.Kind = providers.ErrUnauthenticated
	}
	return e
}

func hasCode(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && isCode(api.ErrorCode())
}

// isSTS tells whether STS answered, or should have.
func isSTS(err error) bool {
	var operation *smithy.OperationError
	return errors.As(err, &operation) && operation.Service() == "STS"
}

// action returns that of the request in an error of the SDK, as it is in a policy.
func action(err error) string {
	var operation *smithy.OperationError
	if !errors.As(err, &operation) {
		return ""
	}
	if operation.Service() == "STS" {
		return "sts:" + operation.Operation()
	}
	return operation.Operation()
}

// isExpired tells whether the service said that credentials have expired.
func isExpired(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && isExpiredCode(baseCode(api.ErrorCode()))
}
