package watch

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// maxContent is how much of a file is hashed, 16 MiB. Beyond it size and time count.
const maxContent = 16 << 20

// errIgnored stands for what lies in a directory that is ignored.
var errIgnored = errors.New("ignored")

// mark is what is remembered of a content: a hash under a key of this process alone, so
// that it tells nothing about a value that could be guessed.
type mark [sha256.Size]byte

// marker makes marks. It is for one goroutine.
type marker struct {
	hash   hash.Hash
	buffer []byte
}

// newKey returns a random key.
func newKey() []byte {
	key := make([]byte, sha256.BlockSize)
	rand.Read(key) //nolint:errcheck // crypto/rand: never returns an error
	return key
}

func newMarker(key []byte) *marker {
	return &marker{hash: hmac.New(sha256.New, key), buffer: make([]byte, 32<<10)}
}

// of returns the mark of what belongs to a path.
func (m *marker) of(items []item) mark {
	m.hash.Reset()
	for i, it := range items {
		m.text(it.name)
		switch {
		case it.err != nil:
			m.failure(it.end)
		case it.info == nil: // beyond maxEntries
		case it.info.Mode().IsRegular():
			m.file(it.end)
		case it.info.IsDir():
			m.text("directory")
		default: // opening it could wait, or have an effect
			m.text("special")
			m.stat(it.info)
		}
		m.number(uint64(i))
	}
	var sum mark
	m.hash.Sum(sum[:0])
	return sum
}

// file adds the content of a regular file.
func (m *marker) file(e end) {
	const flags = os.O_RDONLY | syscall.O_NONBLOCK | syscall.O_NOCTTY | syscall.O_NOFOLLOW
	f, err := os.OpenFile(e.path, flags, 0)
	if err != nil {
		m.failure(end{info: e.info, err: err})
		return
	}
	defer f.Close() //nolint:errcheck // only read
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		m.failure(end{info: info, err: err})
		return
	}
	m.text("file")
	defer clear(m.buffer)
	var size uint64
	for size < maxContent {
		n, err := f.Read(m.buffer)
		m.hash.Write(m.buffer[:n])
		size += uint64(n)
		if err == io.EOF {
			m.number(size)
			return
		}
		if err != nil {
			m.failure(end{info: info, err: err})
			return
		}
	}
	m.stat(info)
}

// failure adds why there is no content. What exists and cannot be read counts as
// changed when its inode does.
func (m *marker) failure(e end) {
	var errno syscall.Errno
	errors.As(e.err, &errno)
	m.text("none")
	m.number(uint64(errno))
	if e.info != nil {
		m.stat(e.info)
	}
}

func (m *marker) stat(info fs.FileInfo) {
	id := identityOf(info)
	m.text(fmt.Sprint(id.device, id.inode, info.Mode(), info.Size(), info.ModTime().UnixNano()))
}

// text adds s, with its length so that two texts never read as two others.
func (m *marker) text(s string) {
	m.number(uint64(len(s)))
	io.WriteString(m.hash, s) //nolint:errcheck // hash.Hash: never returns an error
}

func (m *marker) number(n uint64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], n)
	m.hash.Write(b[:])
}
