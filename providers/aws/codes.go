package aws

import (
	"slices"
	"strings"

	"github.com/pyleeai/pylee/providers"
)

// codes are the error codes of the services asked here, by what they mean: Secrets
// Manager, Systems Manager, STS, IAM Identity Center, and those common to all. The
// status tells little: almost all of them come with 400.
var codes = map[error][]string{
	providers.ErrNotFound: {
		"ResourceNotFoundException", "ParameterNotFound", "ParameterVersionNotFound", "ParameterVersionLabelNotFound",
	},
	providers.ErrDenied: {
		"AccessDeniedException", "AccessDenied", "UnauthorizedOperation", "NotAuthorized", "DecryptionFailure",
		"RegionDisabledException", "PackedPolicyTooLarge", "ForbiddenException",
	},
	providers.ErrUnauthenticated: {
		"ExpiredToken", "ExpiredTokenException", "RequestExpired", "RequestTimeTooSkewed", "RequestInTheFuture", "TokenRefreshRequired",
		"UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId", "InvalidToken", "InvalidTokenId",
		"InvalidSignatureException", "InvalidSignature", "SignatureDoesNotMatch", "IncompleteSignature", "IncompleteSignatureException",
		"MissingAuthenticationToken", "MissingAuthenticationTokenException", "AuthFailure", "NotSignedUp", "OptInRequired",
		"InvalidIdentityToken", "IDPRejectedClaim", "UnauthorizedException", "InvalidGrantException", "UnauthorizedClientException",
	},
	providers.ErrThrottled: {
		"TooManyRequestsException", "RequestLimitExceeded", "LimitExceededException", "BandwidthLimitExceeded",
		"RequestThrottled", "RequestThrottledException", "ProvisionedThroughputExceededException", "SlowDown",
		"PriorRequestNotComplete", "TooManyUpdates", "EC2ThrottledException",
	},
	providers.ErrUnavailable: {
		"InternalServiceError", "InternalServerError", "InternalFailure", "InternalServiceErrorException", "InternalServerException",
		"ServiceUnavailable", "ServiceUnavailableException", "RequestTimeout", "RequestTimeoutException",
		"IDPCommunicationError", "TransactionInProgressException",
	},
	providers.ErrInvalid: {
		"ValidationException", "ValidationError", "InvalidParameterException", "InvalidParameterValue", "InvalidKeyId",
		"InvalidRequestException", "InvalidNextTokenException", "UnknownOperationException", "InvalidAction",
		"SerializationException", "UnsupportedParameterType", "ParameterLimitExceeded", "MalformedPolicyDocument",
	},
}

// clockCodes are those that may mean that a clock is wrong.
var clockCodes = map[string]bool{
	"RequestExpired": true, "RequestTimeTooSkewed": true, "RequestInTheFuture": true, "InvalidSignatureException": true,
	"SignatureDoesNotMatch": true, "InvalidSignature": true, "AuthFailure": true, "AccessDeniedException": false,
}

// kindOf returns the kind that a code stands for, nil if it is not known.
func kindOf(code string) error {
	if strings.HasPrefix(code, "Throttl") {
		return providers.ErrThrottled
	}
	for kind, known := range codes {
		if slices.Contains(known, code) {
			return kind
		}
	}
	return nil
}

// fromCode returns what a code and the server's text with it mean, nil if the code is
// not known.
func fromCode(code, text string, what request) *providers.Error {
	kind := kindOf(code)
	if kind == nil {
		return nil
	}
	e := &providers.Error{Kind: kind, Detail: kind.Error() + " (" + code + ")"}
	switch {
	case code == "InvalidRequestException" && strings.Contains(text, "delet"):
		e.Kind, e.Reason, e.Detail = providers.ErrNotFound, providers.ReasonDeleted, "the secret is marked for deletion"
		e.Hint = "aws secretsmanager restore-secret --secret-id " + shellWord(first(what.id, "NAME"))
	case code == "DecryptionFailure":
		e.Detail = "access denied: the KMS key of the secret does not decrypt for us"
		e.Hint = "allow kms:Decrypt on the key of the secret, in a policy of the role and in that of the key"
	case kind == providers.ErrDenied: //nolint:errorlint // kindOf returns these
		e.Detail, e.Hint = denied(code, text, what)
	case kind == providers.ErrNotFound && strings.Contains(text, "staging label"): //nolint:errorlint // see above
		e.Detail = "there is no version of " + providers.QuoteName(first(what.id, "NAME")) + " with the staging label " + providers.QuoteName(first(what.stage, "AWSCURRENT"))
		e.Hint = "aws secretsmanager list-secret-version-ids --secret-id " + shellWord(first(what.id, "NAME"))
	case kind == providers.ErrNotFound && strings.Contains(text, "VersionId"): //nolint:errorlint // see above
		e.Detail = "there is no version " + providers.QuoteName(first(what.version, "ID")) + " of " + providers.QuoteName(first(what.id, "NAME"))
		e.Hint = "aws secretsmanager list-secret-version-ids --secret-id " + shellWord(first(what.id, "NAME"))
	case isExpiredCode(code):
		e.Detail = "not authenticated: the session token has expired (" + code + ")"
		e.Hint = "aws sso login, or get new keys"
	case code == "InvalidKeyId":
		e.Detail = "the KMS key does not exist or is disabled"
	case code == "UnknownOperationException":
		e.Detail = "the endpoint does not know " + what.action
	}
	return e
}

func isExpiredCode(code string) bool {
	return code == "ExpiredToken" || code == "ExpiredTokenException" || code == "TokenRefreshRequired"
}

// denied explains a refusal: the sentence of IAM names who was refused what and where.
//
//	User: ARN is not authorized to perform: ACTION on resource: ARN because ...
func denied(code, text string, what request) (detail, hint string) {
	action := after(text, "perform: ")
	if action == "" || !strings.Contains(action, ":") {
		action = what.action
	}
	resource := after(text, "on resource: ")
	if resource == "" {
		resource = first(what.id, "*")
	}
	detail = "access denied (" + code + "): " + action
	if who := after(text, "User: "); strings.HasPrefix(who, "arn:") {
		detail += " for " + who
	}
	switch {
	case strings.Contains(text, "explicit deny"):
		return detail + ": denied explicitly by a policy", "find the deny for " + action + " on " + resource + " in the policies of the role, the resource and the organization"
	case strings.HasPrefix(action, "kms:"):
		return detail, "allow " + action + " on " + resource + ", in a policy of the role and in that of the key"
	}
	return detail, "allow it: " + statement(action, resource)
}

// statement returns one that allows an action, as it stands in a policy.
func statement(action, resource string) string {
	return `{"Effect": "Allow", "Action": "` + action + `", "Resource": "` + resource + `"}`
}

// after returns the word of text behind a mark, if it looks like a part of an ARN or of
// an action; otherwise "".
func after(text, mark string) string {
	_, rest, ok := strings.Cut(text, mark)
	if !ok {
		return ""
	}
	word, _, _ := strings.Cut(rest, " ")
	word = strings.TrimRight(word, ".,;")
	if len(word) > 300 || !only(word, "/_+=.@:*-") {
		return ""
	}
	return word
}
