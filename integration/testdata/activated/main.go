// Activated is a server that was handed its socket (sd_listen_fds(3)). It says "start PW"
// and sends "PW" to whoever connects. At TERM it takes no more connections, finishes those
// that it has, and says "served N". It is ready when it takes connections, after $SLOW,
// and answers a watchdog.
package main

import (
	"fmt"
	"net"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGTERM)
	if os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) || os.Getenv("LISTEN_FDS") != "1" {
		fmt.Println("no socket")
		os.Exit(3)
	}
	listener, err := net.FileListener(os.NewFile(3, "socket"))
	if err != nil {
		fmt.Println(err)
		os.Exit(3)
	}
	if unix, ok := listener.(*net.UnixListener); ok {
		unix.SetUnlinkOnClose(false) // it is whose it was
	}
	password := os.Getenv("PW")
	fmt.Println("start", password)
	if slow, err := time.ParseDuration(os.Getenv("SLOW")); err == nil {
		time.Sleep(slow)
	}
	say("READY=1\nSTATUS=serving " + password)
	if usec, err := strconv.Atoi(os.Getenv("WATCHDOG_USEC")); err == nil {
		go func() {
			for range time.Tick(time.Duration(usec) * time.Microsecond / 3) {
				say("WATCHDOG=1")
			}
		}()
	}
	go func() {
		<-signals
		listener.Close()
	}()
	fmt.Println("served", serve(listener, password))
}

// serve answers until the listener is closed, and returns how often it did.
func serve(listener net.Listener, answer string) int64 {
	var served atomic.Int64
	var busy sync.WaitGroup
	defer busy.Wait()
	for {
		conn, err := listener.Accept()
		if err != nil {
			busy.Wait()
			return served.Load()
		}
		busy.Go(func() {
			defer conn.Close()
			time.Sleep(2 * time.Millisecond) // work, of which a stop may come in the middle
			if _, err := fmt.Fprintln(conn, answer); err == nil {
				served.Add(1)
			}
		})
	}
}

func say(text string) {
	if conn, err := net.Dial("unixgram", os.Getenv("NOTIFY_SOCKET")); err == nil {
		fmt.Fprint(conn, text)
		conn.Close()
	}
}
