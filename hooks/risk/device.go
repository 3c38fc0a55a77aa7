package risk

import (
	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
)

// SameDevice tells whether a request comes from a device that the person was seen
// with. It is for somebody who signs up at this moment: what they were seen with
// is only stored after that.
func SameDevice(e *core.RequestEvent, user string) (bool, error) {
	d, err := deskOf(e.App)
	if err != nil {
		return false, err
	}
	device := deviceOf(e.Request.Header.Get(DeviceHeader))
	if d.key == nil || device == "" {
		return false, nil
	}
	var seen bool
	err = e.App.DB().NewQuery("SELECT EXISTS (SELECT 1 FROM sightings WHERE kind = 'device' AND hash = {:hash} AND user = {:user})").
		Bind(dbx.Params{"hash": d.hash(collections.SeenDevice, device), "user": user}).Row(&seen)
	return seen, err
}
