package control

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

var commands = []string{CommandStatus, CommandWatch, CommandRefresh, CommandRollback, CommandPlan}

// errGone is the error of a client that said nothing.
var errGone = errors.New("gone")

// readRequest reads the one line of a client. Its errors do not repeat what was read.
func readRequest(from io.Reader) (Request, error) {
	r := bufio.NewReaderSize(io.LimitReader(from, maxRequest), maxRequest)
	line, err := r.ReadSlice('\n')
	if err != nil && len(line) == 0 {
		return Request{}, errGone
	}
	var request Request
	switch {
	case errors.Is(err, bufio.ErrBufferFull) || errors.Is(err, io.EOF) && len(line) == maxRequest:
		return Request{}, errors.New("the request is too long")
	case err != nil:
		return Request{}, errors.New("the request is not whole")
	case json.Unmarshal(line, &request) != nil:
		return Request{}, errors.New("the request is not JSON of this protocol")
	case !slices.Contains(commands, request.Command):
		return Request{}, errors.New("unknown command: this pylee may be older than the one that asks")
	}
	return request, nil
}

// errLong is the error of a reply that no client would read.
var errLong = errors.New("the reply is too long")

// writeLine writes v as a line of JSON.
func writeLine(to io.Writer, v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return errors.New("the reply cannot be written as JSON")
	}
	if len(line) >= maxReply {
		return errLong
	}
	_, err = to.Write(append(line, '\n'))
	return err
}

// readReply reads a line of a server. The error is io.EOF at the end.
func readReply(r *bufio.Reader) (Reply, error) {
	var line []byte
	for {
		piece, err := r.ReadSlice('\n')
		if line = append(line, piece...); len(line) > maxReply {
			return Reply{}, errLong
		}
		if err == nil {
			break
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(line) == 0:
			return Reply{}, io.EOF
		case errors.Is(err, io.EOF):
			return Reply{}, errors.New("the reply is not whole")
		default:
			return Reply{}, err
		}
	}
	var reply Reply
	if json.Unmarshal(line, &reply) != nil {
		return Reply{}, errors.New("the reply is not JSON of this protocol")
	}
	return reply, nil
}

// printable makes one line of text that a terminal shows as it is.
func printable(text string) string {
	if strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }) < 0 {
		return text
	}
	quoted := strconv.Quote(text)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}
