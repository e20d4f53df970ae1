package store

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"filippo.io/age"

	"github.com/pyleeai/pylee/providers"
)

const intro = "age-encryption.org/v1\n"

// decrypt opens a store file. Errors of age are not passed on: some quote the
// header, which is whatever was put in place of the store.
func (f File) decrypt(data []byte, ids *identities) ([]byte, error) {
	if len(data) == 0 {
		return nil, f.damaged("is empty")
	}
	if !bytes.HasPrefix(data, []byte(intro)) {
		return nil, f.damaged("is not an age file")
	}
	if err := f.checkHeader(data); err != nil {
		return nil, err
	}
	r, err := age.Decrypt(bytes.NewReader(data), ids.list...)
	if mismatch := (*age.NoIdentityMatchError)(nil); errors.As(err, &mismatch) {
		return nil, locked(
			fmt.Sprintf("%s: not opened by the identity in %s; its recipients are %s", f.Path, ids.source, countTypes(mismatch.StanzaTypes)),
			"name the identity that opens it: --identity FILE")
	}
	if fault := (*pluginFault)(nil); errors.As(err, &fault) {
		return nil, locked(ids.source+": "+fault.text, "see what it says: age -d -i IDENTITY_FILE "+quotePath(f.Path)+" > /dev/null")
	}
	if err != nil {
		return nil, f.damaged("is truncated or was tampered with")
	}
	plain, err := readAll(r, int64(len(data)), maxFile)
	if err != nil {
		return nil, f.damaged("is truncated or was tampered with")
	}
	return plain, nil
}

// checkHeader bounds the work that a foreign header can ask for: every recipient
// costs a key exchange, a passphrase seconds and gigabytes.
func (f File) checkHeader(data []byte) error {
	recipients, size := 0, 0
	for line := range bytes.Lines(data) {
		if size += len(line); size > maxHeader {
			return f.damaged("has a header that is too long for a store")
		}
		if bytes.HasPrefix(line, []byte("---")) {
			return nil
		}
		if !bytes.HasPrefix(line, []byte("-> ")) {
			continue
		}
		if recipients++; recipients > MaxRecipients {
			return f.damaged("has more recipients than a store can have")
		}
		if bytes.HasPrefix(line, []byte("-> scrypt ")) {
			return locked(f.Path+": is encrypted with a passphrase, which is not supported here", "a store is encrypted to the recipients of identities: "+f.command("init"))
		}
	}
	return f.damaged("is truncated or was tampered with")
}

// countTypes lists the types of recipients; unknown ones come from the file and
// are only counted.
func countTypes(types []string) string {
	count := map[string]int{}
	for _, t := range types {
		switch t {
		case "X25519", "mlkem768x25519", "ssh-ed25519", "ssh-rsa", "piv-p256", "p256tag", "mlkem768p256tag", "scrypt":
		default:
			t = "of another type"
		}
		count[t]++
	}
	var list []string
	for t, n := range count {
		list = append(list, fmt.Sprintf("%d %s", n, t))
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// encrypt encrypts plain to recipients and makes sure that ids open the result.
func (f File) encrypt(plain []byte, recipients []string, ids *identities) ([]byte, error) {
	to, err := f.Keys.parseRecipients(recipients)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	out.Grow(len(plain) + len(plain)/1024 + 4096)
	w, err := age.Encrypt(&out, to...)
	if fault := (*pluginFault)(nil); errors.As(err, &fault) {
		return nil, locked("recipients: "+fault.text, "install it, and see that it works: age -r RECIPIENT /dev/null > /dev/null")
	}
	if err != nil {
		return nil, invalid("recipients: post-quantum and classic ones cannot be mixed", "have all of one kind: "+f.command("rekey", "--recipient", "age1..."))
	}
	if _, err := w.Write(plain); err != nil {
		return nil, invalid(f.Path+": encryption does not work", "")
	}
	if err := w.Close(); err != nil {
		return nil, invalid(f.Path+": encryption does not work", "")
	}
	again, err := f.decrypt(out.Bytes(), ids)
	if providers.ReasonOf(err) == providers.ReasonLocked {
		return nil, denied(f.Path+": the identity in "+ids.source+" is not among the recipients; nothing was written", "use an identity that opens what it writes: --identity FILE")
	}
	if err != nil {
		return nil, err
	}
	defer clear(again)
	if !bytes.Equal(again, plain) {
		return nil, invalid(f.Path+": encryption did not keep the content; nothing was written", "")
	}
	return out.Bytes(), nil
}
