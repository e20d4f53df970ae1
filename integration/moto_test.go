package integration

import (
	"bufio"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// startMoto starts moto, which acts as AWS, on a port of its own, and returns its
// address. It is $PYLEE_MOTO, moto_server of PATH, or the package that
// integration/servers/moto.sh unpacks.
func startMoto(t *testing.T) string {
	t.Helper()
	argv, env := motoCommand(t)
	url := motoServer(t, exec.Command(argv[0], append(argv[1:], "-H", "127.0.0.1", "-p", "0")...), env, regexp.MustCompile(`Running on (http://127\.0\.0\.1:\d+)`))
	t.Log("moto at " + url)
	return url
}

func motoCommand(t *testing.T) (argv, env []string) {
	t.Helper()
	if program := os.Getenv("PYLEE_MOTO"); program != "" {
		return []string{program}, nil
	}
	unpacked, err := filepath.Abs("servers/moto/x/usr/lib/python3/dist-packages")
	if err == nil && motoExists(unpacked) {
		return []string{"/usr/bin/python3", "-m", "moto.server"}, []string{"PYTHONPATH=" + unpacked}
	}
	if program, err := exec.LookPath("moto_server"); err == nil {
		return []string{program}, nil
	}
	t.Skip("not run: no moto_server, and integration/servers/moto.sh did not run")
	return nil, nil
}

// startIMDS starts the metadata mock that AWS publishes, with version 2 alone, and
// returns its address. It is $PYLEE_IMDS, or what scripts/tool.sh finds or compiles.
func startIMDS(t *testing.T) string {
	t.Helper()
	program := os.Getenv("PYLEE_IMDS")
	if program == "" {
		out, err := exec.Command("../scripts/tool.sh", "ec2-metadata-mock", "github.com/aws/amazon-ec2-metadata-mock/cmd/ec2-metadata-mock", "v1.13.0").Output()
		if err != nil {
			t.Skip("not run: ec2-metadata-mock cannot be compiled here")
		}
		program = strings.TrimSpace(string(out))
	}
	port := motoPort(t)
	cmd := exec.Command(program, "--hostname", "127.0.0.1", "-p", port, "--imdsv2")
	motoServer(t, cmd, nil, regexp.MustCompile(`(?i)serving|listening|initiating`))
	url := "http://127.0.0.1:" + port
	motoWait(t, url)
	return url
}

// motoServer starts a program, waits until it prints what ready matches, and ends it
// with the test. It returns the first group of ready.
func motoServer(t *testing.T, cmd *exec.Cmd, env []string, ready *regexp.Regexp) string {
	t.Helper()
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = in, in
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "PYTHONUNBUFFERED=1", "AWS_EC2_METADATA_DISABLED=true"}, env...)
	if root := os.Getenv("PYENV_ROOT"); root != "" {
		cmd.Env = append(cmd.Env, "PYENV_ROOT="+root)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in.Close() //nolint:errcheck // the child has it
	found, drained := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(drained)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if m := ready.FindStringSubmatch(lines.Text()); m != nil {
				select {
				case found <- m[len(m)-1]:
				default:
				}
			}
		}
		io.Copy(io.Discard, out) //nolint:errcheck // until it ends
	}()
	t.Cleanup(func() {
		cmd.Process.Kill() //nolint:errcheck // it may have ended
		cmd.Wait()         //nolint:errcheck // killed
		out.Close()        //nolint:errcheck // not written
		<-drained
	})
	select {
	case text := <-found:
		return text
	case <-drained:
		t.Fatalf("%s ended before it was ready", cmd.Path)
	case <-time.After(time.Minute):
		t.Fatalf("%s was not ready within a minute", cmd.Path)
	}
	return ""
}

// motoPort returns a port that nobody listens on.
func motoPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // for the program that follows
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// motoWait returns when an address answers.
func motoWait(t *testing.T, url string) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range 500 {
		if answer, err := http.Get(url); err == nil {
			answer.Body.Close() //nolint:errcheck // not read
			return
		}
		<-tick.C
	}
	t.Fatalf("%s does not answer", url)
}

func motoExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func motoPEM(certificate []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})
}
