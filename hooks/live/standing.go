package live

import (
	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/hooks/accounts"
)

// registerStanding takes who is suspended or banned out of every room, in the
// transaction that says so: their streams and calls end, and jobs throw them out
// until the media server confirms.
func (s *studio) registerStanding(app core.App) {
	accounts.OnStandingChange(app).Bind(&hook.Handler[*accounts.StandingEvent]{
		Id: "ll.live.standing",
		Func: func(e *accounts.StandingEvent) error {
			if accounts.MayNotAct(e.User) {
				if err := s.bar(e.App, e.User.Id); err != nil {
					return err
				}
			}
			return e.Next()
		},
	})
}

func (s *studio) bar(tx core.App, person string) error {
	inside := []string{}
	err := tx.DB().NewQuery("SELECT DISTINCT room FROM live_presence WHERE person = {:person} AND left_at = '' ORDER BY room").
		Bind(dbx.Params{"person": person}).Column(&inside)
	if err != nil {
		return err
	}
	for _, one := range s.subjects {
		if err := one.barred(tx, person); err != nil {
			return err
		}
	}
	for _, room := range inside {
		if err := s.settlePerson(tx, room, person); err != nil {
			return err
		}
	}
	// Who only has a signal connection has no row: a look finds them.
	s.lookAfter(tx)
	return nil
}
