package moderation_test

import (
	"testing"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/hooks/shell"
)

// onAir plants a live stream of Ada's with a message of Bola's.
func (d *desk) onAir() (stream, message string) {
	d.t.Helper()
	stream, message = shell.NewID(), shell.NewID()
	stamp := shell.Stamp(d.Deps.Clock.Now())
	d.Insert("streams", dbx.Params{
		"id": stream, "host": d.User(ada).Id, "title": "Tales", "language": d.Language("ha"), "status": "live", "live_at": stamp, "backstage_at": stamp,
		"room": "ll_" + stream, "created": stamp, "updated": stamp,
	})
	d.Insert("stream_messages", dbx.Params{"id": message, "stream": stream, "author": d.User(bola).Id, "text": "Sannu", "created": stamp, "updated": stamp})
	return stream, message
}

func TestAStreamIsReportedAndEnded(t *testing.T) {
	d := openDesk(t)
	stream, _ := d.onAir()
	d.Want(d.report(ada, "stream", stream, "hate"), 400, "report_self")
	d.Want(d.report(chidi, "stream", shell.NewID(), "hate"), 404, "not_found")
	d.Want(d.report(chidi, "stream", stream, "hate"), 200, "")
	id := d.caseOf("stream", stream)
	item := d.Want(d.Do(musa, "GET", "/api/lingualink/moderation/queue", nil), 200, "").Items("items")[0]
	if preview, _ := item["preview"].(map[string]any); preview["title"] != "Tales" || preview["host"] != d.User(ada).Id {
		t.Errorf("staff see %v", item)
	}
	d.Want(d.resolve(musa, id, "end_stream", "found", "hate"), 200, "")
	if got := d.field("streams", stream, "status") + " " + d.field("streams", stream, "hidden") + " " + d.field("streams", stream, "room"); got != "killed true " {
		t.Errorf("the stream is %q", got)
	}
	if n := d.Int("SELECT COUNT(*) FROM audit_log WHERE action = 'stream.kill' AND subject_id = {:id}", dbx.Params{"id": stream}); n != 1 {
		t.Errorf("%d rows in the audit log", n)
	}
	if n := d.Int("SELECT COUNT(*) FROM jobs WHERE kind = 'live.room.delete'"); n != 1 {
		t.Errorf("%d jobs delete the room", n)
	}
	d.Want(d.report(dayo, "stream", stream, "hate"), 404, "not_found")
}

func TestAMessageIsHiddenAndComesBackOnAppeal(t *testing.T) {
	d := openDesk(t)
	_, message := d.onAir()
	d.Want(d.report(chidi, "message", message, "harassment"), 200, "")
	id := d.caseOf("message", message)
	d.Want(d.resolve(musa, id, "hide", "found", "harassment"), 200, "")
	if got := d.field("stream_messages", message, "hidden"); got != "true" {
		t.Errorf("after the decision hidden is %s", got)
	}
	d.Want(d.report(dayo, "message", message, "harassment"), 404, "not_found")
	appeal := d.Want(d.appeal(bola, id), 200, "").Text("id")
	d.claim(fatima, id)
	d.Want(d.decideAppeal(fatima, appeal, "overturned"), 200, "")
	if got := d.field("stream_messages", message, "hidden"); got != "false" {
		t.Errorf("after the appeal hidden is %s", got)
	}
}
