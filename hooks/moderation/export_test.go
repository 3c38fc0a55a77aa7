package moderation

import (
	"errors"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
)

// Sweep runs all sweeps of the area once.
func Sweep(app core.App, deps *shell.Deps) error {
	d := &desk{deps: deps}
	return errors.Join(d.expireLeases(app), d.markOverdue(app), d.endSanctions(app))
}

// FiguresAt are the figures of a period that ends at a moment.
func FiguresAt(app core.App, now time.Time, days int) (total Figures, each []Figures, err error) {
	data, err := figures(app, now, days)
	return data.Total, data.Moderators, err
}

// Queries whose plans are tested, by name.
func Queries() map[string]string {
	return map[string]string{
		"queue": queueQuery([]string{"open", "claimed", "escalated"}), "counters": countersQuery, "leases": leasesQuery, "overdue": overdueQuery,
		"done": doneQuery, "held": heldQuery, "all open": allOpenQuery,
	}
}
