package mask

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// secrets are of the kinds that configs hold: tokens, URLs, hex, one key of some lines.
func secrets(n int) [][]byte {
	random := rand.New(rand.NewPCG(7, 7))
	raw := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		return b
	}
	list := make([][]byte, n)
	for i := range list {
		switch i % 10 {
		case 0, 1, 2, 3:
			list[i] = []byte(base64.RawURLEncoding.EncodeToString(raw(18 + i%20)))
		case 4, 5, 6:
			list[i] = []byte(hex.EncodeToString(raw(16 + i%17)))
		case 7, 8:
			list[i] = fmt.Appendf(nil, "postgres://app%d:%x@db%d.internal:5432/app?sslmode=require", i, raw(8), i)
		default:
			list[i] = fmt.Appendf(nil, "-----BEGIN KEY-----\n%s\n-----END KEY-----\n", base64.StdEncoding.EncodeToString(raw(600)))
		}
	}
	return list
}

func texts() map[string][]byte {
	random := rand.New(rand.NewPCG(3, 3))
	var logs, packed, near strings.Builder
	all := secrets(100)
	for i := range 8000 {
		fmt.Fprintf(&logs, "2026-01-02T15:04:05.%06dZ INFO server: request id=%08x method=GET path=/api/v1/users/%d status=200 took=%dms\n",
			random.IntN(1e6), random.Uint32(), random.IntN(1e5), random.IntN(900))
		four := make([]byte, 57)
		for j := range four {
			four[j] = byte(random.Uint32())
		}
		packed.WriteString(base64.StdEncoding.EncodeToString(four) + "\n")
		one := all[i%len(all)]
		near.Write(one[:len(one)/2])
	}
	return map[string][]byte{
		"logs":       []byte(logs.String()),
		"base64":     []byte(packed.String()),
		"beginnings": []byte(near.String()), // the worst: values that never end
		"values":     bytes.Join(all, []byte(" and ")),
	}
}

func BenchmarkFilter(b *testing.B) {
	all := texts()
	m := Compile(secrets(100))
	b.Logf("%d nodes", m.machine.states())
	for _, name := range []string{"logs", "base64", "beginnings", "values"} {
		b.Run(name, func(b *testing.B) {
			text := all[name]
			b.SetBytes(int64(len(text)))
			f := m.Filter(io.Discard)
			before, done := cpu(b), 0
			for b.Loop() {
				done += len(text)
				for rest := text; len(rest) > 0; {
					n := min(len(rest), 32<<10)
					f.Write(rest[:n]) //nolint:errcheck // nothing fails
					rest = rest[n:]
				}
			}
			// Other programs that run at the same time change this less than MB/s.
			b.ReportMetric(float64(done)/1e6/(cpu(b)-before).Seconds(), "MB/cpu-s")
		})
	}
}

// cpu is the processor time that this process has used.
func cpu(b *testing.B) time.Duration {
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func BenchmarkCompile(b *testing.B) {
	all := secrets(100)
	b.ReportAllocs()
	before, done := cpu(b), 0
	for b.Loop() {
		Compile(all)
		done++
	}
	b.ReportMetric((cpu(b)-before).Seconds()*1000/float64(done), "cpu-ms/op")
}

// BenchmarkOutput is all of a run with --mask but the command: a pipe, the filter and
// the writing to another pipe that somebody reads.
func BenchmarkOutput(b *testing.B) {
	reader, writer, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	text := texts()["logs"]
	b.SetBytes(int64(len(text)))
	o, err := Open(Compile(secrets(100)), writer, writer)
	if err != nil {
		b.Fatal(err)
	}
	drained := make(chan int64, 1)
	go func() {
		n, _ := io.Copy(io.Discard, reader) // short: the length is compared
		drained <- n
	}()
	before, done := cpu(b), 0
	for b.Loop() {
		if _, err := o.Stdout().Write(text); err != nil {
			b.Fatal(err)
		}
		done += len(text)
	}
	if err := o.Drain(b.Context(), time.Minute); err != nil {
		b.Fatal(err)
	}
	writer.Close() //nolint:errcheck // nothing is written by it
	if n := <-drained; n != int64(done) {
		b.Errorf("%d bytes of %d", n, done)
	}
	b.ReportMetric(float64(done)/1e6/(cpu(b)-before).Seconds(), "MB/cpu-s")
}
