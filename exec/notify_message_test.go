package exec

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestNotifyStoreRequest(t *testing.T) {
	for text, want := range map[string]storing{
		"READY=1":                                       {},
		"FDSTORE=1":                                     {add: true},
		"FDSTORE=1\nFDNAME=a b":                         {add: true, name: "a b"},
		"FDSTORE=1\nFDNAME=a:b":                         {add: true},
		"FDSTORE=1\nFDNAME=":                            {add: true},
		"FDSTORE=1\nFDNAME=ä":                           {add: true},
		"FDSTORE=1\nFDNAME=a\nFDNAME=b":                 {add: true, name: "a"},
		"FDSTORE=1\nFDPOLL=0":                           {add: true, keep: true},
		"FDSTOREREMOVE=1\nFDNAME=a":                     {remove: true, name: "a"},
		"FDSTORE=1\nFDSTOREREMOVE=1\nFDNAME=a":          {remove: true, name: "a"},
		"FDSTORE=1\nFDNAME=" + strings.Repeat("x", 255): {add: true, name: strings.Repeat("x", 255)},
		"FDSTORE=1\nFDNAME=" + strings.Repeat("x", 256): {add: true},
		"FDSTORE=2":                                     {},
	} {
		if got := storeRequest(splitNotice([]byte(text))); got != want {
			t.Errorf("%.40q: %+v, want %+v", text, got, want)
		}
	}
}

func TestWatchdogTimeout(t *testing.T) {
	for _, c := range []struct {
		environ []string
		want    time.Duration
	}{
		{nil, 0},
		{[]string{"WATCHDOG_USEC=2000000"}, 2 * time.Second},
		{[]string{"WATCHDOG_USEC=2000000", "WATCHDOG_PID=7"}, 2 * time.Second},
		{[]string{"WATCHDOG_USEC=2000000", "WATCHDOG_PID=8"}, 0},
		{[]string{"WATCHDOG_USEC=0"}, 0},
		{[]string{"WATCHDOG_USEC=-2"}, 0},
		{[]string{"WATCHDOG_PID=7"}, 0},
	} {
		if got := WatchdogTimeout(c.environ, 7); got != c.want {
			t.Errorf("%q: %v, want %v", c.environ, got, c.want)
		}
	}
}

// FuzzNotice holds that nothing passes that systemd would take for what it is not to
// hear, and that the rest passes unchanged.
func FuzzNotice(f *testing.F) {
	for _, seed := range []string{"READY=1\nSTATUS=x", "MAINPID=1\rREADY=1", "BARRIER=1", "STOPPING=1\x00", "FDSTORE=1\nFDNAME=a\nMAINPIDFD=1"} {
		f.Add([]byte(seed), 1, false)
	}
	f.Fuzz(func(t *testing.T, data []byte, files int, stopping bool) {
		got := readNotice(data, files, stopping)
		if got.fault != "" {
			if got.data != nil || got.events != nil || got.store != (storing{}) {
				t.Fatalf("dropped and yet %+v", got)
			}
			return
		}
		if at := bytes.IndexByte(got.data, 0); at >= 0 && at != len(got.data)-1 {
			t.Fatalf("NUL byte in %q", got.data)
		}
		var want []string
		for _, line := range splitNotice(data) {
			name, _, _ := strings.Cut(line, "=")
			if !slices.Contains([]string{"MAINPID", "MAINPIDFD", "MAINPIDFDID", "NOTIFYACCESS"}, name) && (stopping || name != "STOPPING") {
				want = append(want, line)
			}
		}
		if left := splitNotice(got.data); !slices.Equal(left, want) {
			t.Fatalf("%q became %q, want %q", data, left, want)
		}
		if len(want) == len(splitNotice(data)) && len(want) > 0 && !bytes.Equal(got.data, data) {
			t.Fatalf("%q became %q", data, got.data)
		}
	})
}
