// Command signals writes "ready PID" and then a line "NUMBER COUNT" for each signal
// that it gets. A signal named as an argument ends it, with the status 40. Those that
// were ignored when it started are left alone, and so are those of job control unless
// the first argument is "all".
package main

import (
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
)

func main() {
	last := map[syscall.Signal]bool{}
	args := os.Args[1:]
	every := len(args) > 0 && args[0] == "all"
	if every {
		args = args[1:]
	}
	for _, arg := range args {
		number, err := strconv.Atoi(arg)
		if err != nil {
			fmt.Fprintln(os.Stderr, "signals: want numbers of signals")
			os.Exit(2)
		}
		last[syscall.Signal(number)] = true
	}
	// A queue of its own for each: none may be lost in the crowd of another.
	all := make(chan syscall.Signal)
	for sig := syscall.Signal(1); sig <= 64; sig++ {
		switch sig {
		case syscall.SIGKILL, syscall.SIGSTOP, syscall.SIGURG:
			continue
		case syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU:
			if !every {
				continue
			}
		}
		if signal.Ignored(sig) {
			continue
		}
		one := make(chan os.Signal, 2000)
		signal.Notify(one, sig)
		go func() {
			for range one {
				all <- sig
			}
		}()
	}
	fmt.Println("ready", os.Getpid())
	counts := map[syscall.Signal]int{}
	for sig := range all {
		counts[sig]++
		fmt.Println(int(sig), counts[sig])
		if last[sig] {
			os.Exit(40)
		}
	}
}
