package aws

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"time"
)

// ssoToken tells of the token that "aws sso login" left in a file: the only part of it
// that is read is when it ends.
func ssoToken(file string, now time.Time) string {
	text, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "no token: never logged in"
	case err != nil:
		return "the token cannot be read"
	}
	var token struct {
		ExpiresAt    string `json:"expiresAt"`
		RefreshToken string `json:"refreshToken"`
	}
	if json.Unmarshal(text, &token) != nil {
		return "the token cannot be understood"
	}
	end, err := time.Parse(time.RFC3339, token.ExpiresAt)
	switch {
	case err != nil:
		return "the token cannot be understood"
	case end.After(now):
		return "token valid until " + end.UTC().Format(time.RFC3339)
	case token.RefreshToken != "":
		return "token expired at " + end.UTC().Format(time.RFC3339) + ", to be refreshed"
	}
	return "token expired at " + end.UTC().Format(time.RFC3339)
}
