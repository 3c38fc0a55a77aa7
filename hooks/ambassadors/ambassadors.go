// Package ambassadors decides what follows from an application to be an
// ambassador and from an admin's word on it, which months bring a stipend, in
// which tier people who bring people are, and which figures of a region its
// ambassador sees.
//
// It refuses a second application while one waits, an admin who decides on
// themselves, a month that is paid twice, a stipend for a month at whose posting
// the person is suspended, banned or no ambassador any more, and to show anything
// of other people but counts.
package ambassadors

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
)

// Register binds the area.
func Register(app core.App, deps *shell.Deps) {
	registerApplications(app, deps)
	registerDecisions(deps)
	registerTerms(deps)
	registerDashboard(deps)
	registerRegions(app)
	deps.Outbox.Sweep("ambassadors.stipends", time.Hour, func(app core.App) error { return PostStipends(app, deps) })
	tiers := &TierPass{}
	deps.Outbox.Sweep("referrals.tiers", time.Minute, func(app core.App) error { return tiers.Run(app, deps) })
	regions := &regionPass{}
	deps.Outbox.Sweep("ambassadors.regions", 5*time.Second, regions.run)
}

// maxReasonRunes is how long a reason may be.
const maxReasonRunes = 500

// reason is the text without blanks around it, if it is one.
func reason(text string, needed bool) (string, error) {
	text = strings.TrimSpace(text)
	if n := utf8.RuneCountInString(text); n > maxReasonRunes || needed && n == 0 {
		return "", fault.InvalidInput.On("reason").Saying("Say why, in at most 500 characters.")
	}
	return text, nil
}
