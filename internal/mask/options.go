package mask

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Options say what is masked. The zero value is nothing.
type Options struct {
	On     bool
	Except []string // variables and files whose values are shown
}

// Decode reads the key mask of a config, as plain data:
//
//	mask: true
//
//	mask:
//	  except: [DB_USER]    # a value that is no secret, or a word of the output
//
// The error joins one for each thing that is wrong, and each names its key.
func Decode(plain any) (Options, error) {
	switch plain := plain.(type) {
	case nil:
		return Options{}, nil
	case bool:
		return Options{On: plain}, nil
	case map[string]any:
		return decodeMap(plain)
	}
	return Options{}, errors.New("mask: takes true, false or a map with except")
}

func decodeMap(block map[string]any) (Options, error) {
	o := Options{On: true}
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(block)) {
		if key != "except" {
			errs = append(errs, fmt.Errorf("mask.%s: no such key: there is except", key))
			continue
		}
		names, ok := block[key].([]any)
		if !ok && block[key] != nil {
			errs = append(errs, errors.New("mask.except: takes a list of names, as in [DB_USER]"))
		}
		for i, name := range names {
			text, ok := name.(string)
			if !ok || text == "" {
				errs = append(errs, fmt.Errorf("mask.except.%d: takes the name of a variable or file", i))
			}
			o.Except = append(o.Except, text)
		}
	}
	if len(errs) > 0 {
		return Options{}, errors.Join(errs...)
	}
	return o, nil
}
