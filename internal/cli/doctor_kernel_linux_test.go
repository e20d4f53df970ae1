package cli

import (
	"os"
	"testing"
)

func TestCgroupOf(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "not known",
		"0::/user.slice\n":               "version 2, /user.slice",
		"0::/a\x1b:b\n":                  `version 2, /a\x1b:b`,
		"2:cpu:/\n1:name=systemd:/\n":    "version 1",
		"2:memory:/x\n0::/y\n":           "version 1 and 2, /y",
		"12:a:/docker/abc\n0::/docker\n": "version 1 and 2, /docker",
	} {
		if got := cgroupOf(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestStatusOf(t *testing.T) {
	s := statusOf("Name:\tx:y\nSeccomp:\t2\nNoNewPrivs:\t1\nodd\n")
	if s["Name"] != "x:y" || s["Seccomp"] != "2" || s["NoNewPrivs"] != "1" {
		t.Error(s)
	}
}

// A trial of a namespace must not be felt by anything else in the process.
func TestTryUnshareIsOnAThreadOfItsOwn(t *testing.T) {
	before, err := os.Readlink("/proc/thread-self/ns/mnt")
	if err != nil {
		t.Fatal(err)
	}
	for range 8 {
		tryUnshare(0x00020000) //nolint:errcheck // CLONE_NEWNS; that it may be refused is the point of trying
		done := make(chan string)
		go func() {
			now, _ := os.Readlink("/proc/thread-self/ns/mnt")
			done <- now
		}()
		if now := <-done; now != before {
			t.Errorf("%s, then %s", before, now)
		}
	}
}
