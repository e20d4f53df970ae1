package exec

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// failure says why path could not be executed.
func (s Spec) failure(dir, path string, no syscall.Errno) *Error {
	if no == syscall.E2BIG {
		return s.tooBig(path)
	}
	return describe(dir, path, no)
}

// describe turns the number that execve gave for path into an Error.
func describe(dir, path string, no syscall.Errno) *Error {
	e := &Error{Code: CodeNotRun, Detail: printable(path) + ": " + no.Error(), Err: no}
	info, err := os.Stat(within(dir, path))
	switch {
	case no == syscall.ENOENT:
		e.Code = CodeNotFound
		if err == nil {
			e.missing(within(dir, path), path)
		}
	case no == syscall.EACCES && err == nil && info.IsDir():
		e.Detail = printable(path) + ": is a directory"
	case no == syscall.EACCES && err == nil && info.Mode()&0o111 == 0:
		e.Detail = printable(path) + ": is not executable"
		e.Hint = paste("chmod +x", path)
	case no == syscall.EACCES && err == nil:
		loader := interpreter(within(dir, path))
		if _, err := executable(within(dir, loader)); loader != "" && err == syscall.EACCES {
			e.Detail += ": its interpreter " + strconv.Quote(loader) + " cannot be executed"
		}
	case no == syscall.ENOEXEC:
		e.Detail = printable(path) + ": is not a program that this machine can run"
	}
	return e
}

// missing explains "no such file" for a file that is there: the interpreter of a
// script or the loader of a program is not.
func (e *Error) missing(file, path string) {
	loader := interpreter(file)
	if loader == "" {
		return
	}
	e.Detail = printable(path) + ": its interpreter " + strconv.Quote(loader) + " does not exist"
	if strings.HasSuffix(loader, "\r") {
		e.Hint = paste(`sed -i 's/\r$//'`, path)
	}
}

// paste returns a command for the user to paste, unless path would need quoting.
func paste(command, path string) string {
	for _, c := range []byte(path) {
		if !strings.ContainsRune("/._-+@%,:", rune(c)) && !('0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z') {
			return ""
		}
	}
	if strings.HasPrefix(path, "-") {
		path = "./" + path
	}
	return command + " " + path
}

// headSize is what a look at the start of a file reads: enough for the program
// headers, and more than the 256 bytes of a "#!" line that Linux reads.
const headSize = 4096

// head returns the start of a regular file, nil if it cannot be read.
func head(path string) []byte {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() { // opening a FIFO would hang
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	b := make([]byte, headSize)
	n, _ := io.ReadFull(f, b)
	return b[:n]
}

// isBinary tells a program from a text, as shells do: a NUL byte in the first line.
func isBinary(path string) bool {
	line, _, _ := bytes.Cut(head(path), []byte("\n"))
	return bytes.IndexByte(line, 0) >= 0
}

// interpreter returns what the file names as the program that loads it: the word
// after "#!", or the PT_INTERP entry of an ELF file. Empty: none was found.
func interpreter(path string) string {
	b := head(path)
	if script, ok := bytes.CutPrefix(b, []byte("#!")); ok {
		line, _, _ := bytes.Cut(script, []byte("\n"))
		line = bytes.TrimLeft(line, " \t")
		if at := bytes.IndexAny(line, " \t"); at >= 0 {
			line = line[:at]
		}
		return string(line)
	}
	return elfLoader(b)
}

// elfLoader finds PT_INTERP in the start of an ELF file; see elf(5). The entry and
// its text lie in the first page in what linkers write.
func elfLoader(b []byte) string {
	const interp, headerSize = 3, 64
	if len(b) < headerSize || string(b[:4]) != "\x7fELF" {
		return ""
	}
	var order binary.ByteOrder = binary.LittleEndian
	if b[5] == 2 {
		order = binary.BigEndian
	}
	word := func(at uint64, wide bool) uint64 {
		switch {
		case at > uint64(len(b)-8):
			return 0
		case wide:
			return order.Uint64(b[at:])
		}
		return uint64(order.Uint32(b[at:]))
	}
	wide := b[4] == 2
	table, shape, offset, size := uint64(28), 42, uint64(4), uint64(16)
	if wide {
		table, shape, offset, size = 32, 54, 8, 32
	}
	start := word(table, wide)
	step, count := uint64(order.Uint16(b[shape:])), uint64(order.Uint16(b[shape+2:]))
	for i := range count {
		at := start + i*step
		if at > uint64(len(b)) || word(at, false) != interp {
			continue
		}
		from, length := word(at+offset, wide), word(at+size, wide)
		if from > uint64(len(b)) || length > uint64(len(b))-from {
			return ""
		}
		text, _, _ := bytes.Cut(b[from:from+length], []byte{0})
		return string(text)
	}
	return ""
}
