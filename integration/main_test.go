package integration

import (
	"os"
	"testing"
)

// built is the directory of the programs that tests share; empty: none was needed.
var built string

func TestMain(m *testing.M) {
	code := m.Run()
	if built != "" {
		_ = os.RemoveAll(built) // it is only a copy
	}
	os.Exit(code)
}
