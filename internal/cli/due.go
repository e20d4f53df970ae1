package cli

import (
	"time"

	"github.com/pyleeai/pylee/resolve"
)

// warnDue tells which secrets should have been replaced by now. They work all the same.
func (inv *invocation) warnDue(snapshot *resolve.Snapshot, now time.Time) {
	said := map[string]bool{}
	for _, entry := range snapshot.Entries() {
		for _, source := range entry.Sources {
			if source.Due.IsZero() || now.Before(source.Due) || said[source.Reference] {
				continue
			}
			said[source.Reference] = true
			inv.say("warning: %s should have been replaced by %s; it is used all the same", source.Reference, source.Due.Format(time.RFC3339))
		}
	}
}
