// Rotor is a command whose secrets change. It says what happens to it, a line each:
// "start PW" and then "HUP FILES" with the contents of the directory that it is given as
// $1, "term" at the end. A password that starts with "bad" it dies of with status 3, and
// of one that starts with "hang" it never gets ready (READY=1 of sd_notify).
package main

import (
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

func main() {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGHUP)
	password := os.Getenv("PW")
	fmt.Println("start", password)
	if strings.HasPrefix(password, "bad") {
		os.Exit(3)
	}
	if socket := os.Getenv("NOTIFY_SOCKET"); socket != "" && !strings.HasPrefix(password, "hang") {
		if conn, err := net.Dial("unixgram", socket); err == nil {
			fmt.Fprint(conn, "READY=1")
			conn.Close()
		}
	}
	for sig := range signals {
		if sig == syscall.SIGTERM {
			fmt.Println("term")
			os.Exit(0)
		}
		fmt.Println("HUP", contents())
	}
}

// contents returns what the files of one generation hold.
func contents() string {
	if len(os.Args) < 2 {
		return ""
	}
	dir := filepath.Join(os.Getenv("PYLEE_SECRETS_DIR"), os.Args[1], "..data")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "error: " + err.Error()
	}
	var all []string
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return "error: " + err.Error()
		}
		all = append(all, strings.TrimSpace(string(data)))
	}
	return strings.Join(all, " ")
}
