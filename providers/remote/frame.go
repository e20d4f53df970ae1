package remote

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
)

// Both ends send frames:
//
//	4 bytes  length of what follows, big-endian
//	1 byte   kind of frame
//	8 bytes  number of the call, big-endian; zero for frames of no call
//	         body
const (
	lengthSize = 4
	headerSize = lengthSize + 1 + 8

	maxFrame = 64 << 20 // with its header
	piece    = 64 << 10 // most that is allocated on the word of the other end
)

// The kinds of frames.
const (
	frameHello   = 'H' // both ways, first: who one is
	frameRequest = 'R' // to the helper
	frameCancel  = 'C' // to the helper: nobody waits for this call any more
	frameAnswer  = 'A' // from the helper
	frameDebug   = 'D' // from the helper: a line for --debug
)

// errProtocol tells that the other end does not speak the protocol, or is broken.
var errProtocol = errors.New("not a frame of the protocol")

type frame struct {
	kind byte
	call uint64
	body []byte
}

// newFrame returns an encoder that stands behind the header of a frame.
func newFrame(kind byte, call uint64) *encoder {
	b := make([]byte, headerSize, 256)
	b[lengthSize] = kind
	binary.BigEndian.PutUint64(b[lengthSize+1:], call)
	return &encoder{b: b}
}

// frame returns the finished frame, false if it is too large.
func (e *encoder) frame() ([]byte, bool) {
	if len(e.b) > maxFrame {
		clear(e.b)
		return nil, false
	}
	binary.BigEndian.PutUint32(e.b, uint32(len(e.b)-lengthSize)) //nolint:gosec // maxFrame
	return e.b, true
}

// readFrame reads one frame. The error is io.EOF only between frames.
func readFrame(r io.Reader) (frame, error) {
	var head [headerSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return frame{}, err
	}
	n := int64(binary.BigEndian.Uint32(head[:])) - (headerSize - lengthSize)
	if n < 0 || n > maxFrame-headerSize {
		return frame{}, errProtocol
	}
	f := frame{kind: head[lengthSize], call: binary.BigEndian.Uint64(head[lengthSize+1:])}
	var err error
	f.body, err = readBody(r, int(n))
	return f, err
}

// readBody grows with what has come: a length costs its sender as many bytes.
func readBody(r io.Reader, n int) ([]byte, error) {
	b := make([]byte, min(n, piece))
	for have := 0; ; {
		if _, err := io.ReadFull(r, b[have:]); err != nil {
			clear(b)
			if err == io.EOF { //nolint:errorlint // of ReadFull
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		if have = len(b); have == n {
			return b, nil
		}
		grown := append(bytes.Clone(b), make([]byte, min(n-have, have))...)
		clear(b)
		b = grown
	}
}
