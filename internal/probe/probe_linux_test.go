package probe

import (
	"strings"
	"testing"
)

func TestTCPAbstractSocket(t *testing.T) {
	name := "@pylee-probe-" + strings.ReplaceAll(t.TempDir(), "/", "-")
	serve(t, "unix", name, nothing)
	check(t, name, TCP(bounded(t), "unix:"+name), "")
}
