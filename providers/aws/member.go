package aws

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/pyleeai/pylee/providers"
)

// memberOf returns the member of a JSON object that the suffix of an ARN names. It is
// what "#" does for references: texts are their content, everything else is compact
// JSON, null is not there.
func memberOf(v providers.Value, name, id string) (providers.Value, error) {
	members := map[string]json.RawMessage{}
	if json.Unmarshal(v.Reveal(), &members) != nil {
		return providers.Value{}, &providers.Error{
			Kind: providers.ErrInvalid, Detail: "no JSON key can be chosen: " + providers.QuoteName(id) + " is not a JSON object",
			Hint: "without a key the suffix is ::: or not there at all",
		}
	}
	raw, ok := members[name]
	if !ok || string(raw) == "null" {
		return providers.Value{}, &providers.Error{
			Kind:   providers.ErrNotFound,
			Detail: "JSON key " + strconv.Quote(name) + " not found in " + providers.QuoteName(id) + "; keys: " + keysOf(members),
		}
	}
	var text string
	if raw[0] == '"' && json.Unmarshal(raw, &text) == nil {
		return providers.NewValue([]byte(text)), nil
	}
	var compact bytes.Buffer
	if json.Compact(&compact, raw) != nil {
		return providers.Value{}, &providers.Error{Kind: providers.ErrInvalid, Detail: providers.QuoteName(id) + " is not JSON"}
	}
	return providers.NewValue(compact.Bytes()), nil
}

// keysOf returns the names of some members, for a message.
func keysOf(members map[string]json.RawMessage) string {
	names := slices.Sorted(maps.Keys(members))
	if len(names) > 20 {
		names = append(names[:20], "…")
	}
	for i, name := range names {
		names[i] = strings.Map(printable, name)
	}
	return strings.Join(names, ", ")
}
