package store

import "testing"

func TestMemory(t *testing.T) {
	if n := available([]byte("MemTotal: 9 kB\nMemAvailable:    2048 kB\n")); n != 2<<20 {
		t.Errorf("%d bytes", n)
	}
	for in, want := range map[string]string{"0::/a/b\n": "/a/b", "1:x:/y\n0::/\n": "/", "1:x:/y\n": "", "0::/../../x\n": "/x", "": ""} {
		if got := ownGroup([]byte(in)); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
	for _, c := range []struct {
		limit, used string
		left        uint64
		ok          bool
	}{{"max\n", "1\n", 0, false}, {"100\n", "30\n", 70, true}, {"100\n", "130\n", 0, true}, {"", "", 0, false}, {"100\n", "", 0, false}} {
		if left, ok := leftOf([]byte(c.limit), []byte(c.used)); left != c.left || ok != c.ok {
			t.Errorf("%+v: %d, %v", c, left, ok)
		}
	}
	if freeMemory() == 0 {
		t.Error("the memory of this machine is not known")
	}
}
