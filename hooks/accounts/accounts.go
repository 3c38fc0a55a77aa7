// Package accounts decides who a person is to this server: how a username is
// formed and who has it, what of a person others see, how they sign in and
// confirm that it is still them, what a suspended or banned person may still
// do, whom they block and which terms they agreed to. It refuses to tell a
// stranger whether an e-mail address is known here; only sign-up does, because
// it must.
package accounts

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
)

// Register binds the area.
func Register(app core.App, deps *shell.Deps) {
	registerUsers(app, deps)
	registerUsernames(deps)
	registerSignUp(app, deps)
	registerPrivacy(app)
	registerGates(app, deps)
	registerEmailChange(app)
	registerConfirmations(app, deps)
	registerAdmins(app, deps)
	registerStanding(app, deps)
	registerRestrictions(app)
	registerBlocks(app)
	registerConsents(app, deps)
	registerOAuth2(app, deps)
}

// limit is how often something may be done in a running window.
type limit struct {
	most   int64
	window time.Duration
}

// take counts one use of key, or refuses.
func (l limit) take(app core.App, now time.Time, key string) error {
	return shell.TakeQuota(app, now, key, l.most, l.window)
}

// digest hides an address in a quota's key. It is no secret, the space of
// addresses is small; it keeps them out of the dashboard and of backups read by
// eye.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
