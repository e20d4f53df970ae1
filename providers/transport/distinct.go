package transport

import "github.com/pyleeai/pylee/providers"

// Distinct finds out what keys ask for together: parse returns the read behind a key, and
// begin makes the work of one read. It returns the work behind each key, and each work
// once, in order. A key that parse refuses has no work; its result holds the error.
func Distinct[Read comparable, Work any](keys []providers.Key, results []providers.Result, parse func(i int) (Read, error), begin func(Read) *Work) (behind, each []*Work) {
	behind = make([]*Work, len(keys))
	known := map[Read]*Work{}
	for i := range keys {
		read, err := parse(i)
		if err != nil {
			results[i].Err = err
			continue
		}
		if known[read] == nil {
			known[read] = begin(read)
			each = append(each, known[read])
		}
		behind[i] = known[read]
	}
	return behind, each
}
