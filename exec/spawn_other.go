//go:build unix && !linux

package exec

import "errors"

// program is not needed: children are started directly.
func program() (string, error) { return "", nil }

// onMain needs no answer: nothing is tied to a thread here.
func onMain() bool { return false }

// subreaper has no counterpart here.
func subreaper() error {
	return errors.New("subreaper: this system has none; run pylee without that option")
}

func (s *Spawner) start(spec Spec) (*Child, error) {
	c, err := Start(spec)
	if err != nil {
		return nil, err
	}
	return c, nil
}
