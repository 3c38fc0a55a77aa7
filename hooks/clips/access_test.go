package clips_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/internal/apptest"
)

func TestRemixesChain(t *testing.T) {
	s := hookstest.Start(t)
	s.OpenVoting()
	for _, who := range []string{ada, bola, chidi} {
		s.Consent(who)
	}
	original := s.Clip(ada)
	s.Want(s.UploadClip(bola, s.Voice(), "parent", original), 400, "parent_invalid") // still pending
	s.Decide(original, "approve")
	s.Want(s.UploadClip(ada, s.Voice(), "parent", original), 400, "parent_invalid") // own clip
	remix := s.Want(s.UploadClip(bola, s.Voice(), "parent", original), 200, "")
	if remix.Text("root") != original || remix.JSON["depth"] != 1.0 {
		t.Errorf("root %v depth %v", remix.JSON["root"], remix.JSON["depth"])
	}
	s.Decide(remix.Text("id"), "approve", chidi, dayo, emeka)
	second := s.Want(s.UploadClip(chidi, s.Voice(), "parent", remix.Text("id")), 200, "")
	if second.Text("root") != original || second.JSON["depth"] != 2.0 {
		t.Errorf("root %v depth %v", second.JSON["root"], second.JSON["depth"])
	}
	s.Want(s.Do(bola, "POST", "/api/collections/blocks/records", map[string]any{"blocked": s.User(emeka).Id}), 200, "")
	s.Consent(emeka)
	s.Want(s.UploadClip(emeka, s.Voice(), "parent", remix.Text("id")), 400, "parent_invalid")
}

func TestWhoSeesAClip(t *testing.T) {
	s := hookstest.Start(t)
	s.OpenVoting()
	s.Consent(ada)
	clip := s.Clip(ada)
	media := "/api/files/clips/" + clip + "/" + s.Text("SELECT media FROM clips WHERE id = {:id}", dbx.Params{"id": clip})
	token := func(who string) string {
		if who == apptest.Guest {
			return ""
		}
		return s.Want(s.Do(who, "POST", "/api/files/token", nil), 200, "").Text("token")
	}
	see := func(state string, want map[string]bool) {
		t.Helper()
		for who, may := range want {
			status := map[bool]int{true: 200, false: 404}[may]
			if got := s.Do(who, "GET", records+"/"+clip, nil).Status; got != status {
				t.Errorf("%s: %q views the record: %d, want %d", state, who, got, status)
			}
			file := s.Do(apptest.Guest, "GET", media+"?token="+token(who), nil)
			if file.Status != status {
				t.Errorf("%s: %q fetches the media: %d, want %d", state, who, file.Status, status)
			}
			if cache := file.Header.Get("Cache-Control"); may && strings.Contains(cache, "2592000") {
				t.Errorf("%s: the media may be cached: %q", state, cache)
			}
			listed := len(s.Do(who, "GET", records, nil).Items("items"))
			if (listed == 1) != may {
				t.Errorf("%s: %q lists %d clips", state, who, listed)
			}
		}
	}
	s.Want(s.Do(apptest.Guest, "GET", media, nil), 404, "")
	see("pending", map[string]bool{ada: true, musa: true, emeka: false, apptest.Guest: false})
	s.Decide(clip, "approve")
	see("approved", map[string]bool{ada: true, musa: true, emeka: true, apptest.Guest: true})

	s.Want(s.Do(emeka, "POST", "/api/collections/blocks/records", map[string]any{"blocked": s.User(ada).Id}), 200, "")
	see("blocked", map[string]bool{ada: true, emeka: false, bola: true})

	s.Want(s.Do(bola, "POST", "/api/lingualink/clips/"+clip+"/withdraw", nil), 404, "not_found")
	s.Want(s.Do(ada, "POST", "/api/lingualink/clips/"+clip+"/withdraw", nil), 200, "")
	see("withdrawn", map[string]bool{ada: true, musa: false, emeka: false, apptest.Guest: false})
}

func TestWithdrawalKeepsTheMoneyAndEndsTheVote(t *testing.T) {
	s := hookstest.Start(t)
	s.OpenVoting()
	s.Fund(1_000_000)
	s.Consent(ada)
	paid, open := s.Clip(ada), s.Clip(ada)
	s.Decide(paid, "approve")
	for _, clip := range []string{paid, open} {
		for range 2 { // repeating does nothing
			s.Want(s.Do(ada, "POST", "/api/lingualink/clips/"+clip+"/withdraw", nil), 200, "")
		}
	}
	if got := s.Balance(ada)["pending"]; got != 15000 {
		t.Errorf("ada has %d pending, want 15000", got)
	}
	s.Want(s.Vote(bola, open, "approve"), 409, "clip_withdrawn")
	if n := s.Int("SELECT COUNT(*) FROM clip_tallies WHERE open = 1"); n != 0 {
		t.Errorf("%d clips wait for votes, want none", n)
	}
	if n := s.Int("SELECT COUNT(*) FROM audit_log WHERE action = 'clip.withdraw'"); n != 2 {
		t.Errorf("%d audit rows, want 2", n)
	}
}

func TestNobodyEditsOrRemovesAClip(t *testing.T) {
	s := hookstest.Start(t)
	s.OpenVoting()
	s.Consent(ada)
	clip := s.Clip(ada)
	collection, err := s.App.FindCollectionByNameOrId("clips")
	if err != nil {
		t.Fatal(err)
	}
	before := s.Text("SELECT json_array(owner, kind, media, language, phrase, status, hidden, campaign, duration_ms, media_sha256, updated) FROM clips", nil)
	for _, who := range []string{ada, bola, musa, apptest.Guest, apptest.Admin} {
		for _, field := range collection.Fields {
			answer := s.Do(who, "PATCH", records+"/"+clip, map[string]any{field.GetName(): 7})
			if answer.Status < 400 {
				t.Errorf("%q changed %s", who, field.GetName())
			}
		}
		if answer := s.Do(who, "DELETE", records+"/"+clip, nil); answer.Status < 400 {
			t.Errorf("%q removed the clip", who)
		}
	}
	if after := s.Text("SELECT json_array(owner, kind, media, language, phrase, status, hidden, campaign, duration_ms, media_sha256, updated) FROM clips", nil); after != before {
		t.Errorf("the clip changed from %s to %s", before, after)
	}
	s.Want(s.Do(apptest.Admin, "POST", records, map[string]any{"kind": "voice"}), 403, "server_owned")
	s.Want(s.Do(apptest.Guest, "POST", records, map[string]any{"kind": "voice"}), 400, "")
}

func TestServerFieldsCannotBeSentWithAnUpload(t *testing.T) {
	s := hookstest.Start(t)
	s.Consent(ada)
	collection, err := s.App.FindCollectionByNameOrId("clips")
	if err != nil {
		t.Fatal(err)
	}
	open := map[string]bool{"id": true, "media": true, "kind": true, "language": true, "dialect": true, "prompt": true, "phrase": true, "parent": true, "created": true, "updated": true}
	tried := 0
	for _, field := range collection.Fields {
		if open[field.GetName()] {
			continue
		}
		tried++
		answer := s.UploadClip(ada, s.Voice(), field.GetName(), "1")
		if !field.GetHidden() {
			s.Want(answer, 400, "server_field")
			continue
		}
		// PocketBase drops hidden fields from what clients send.
		s.Want(answer, 200, "")
		if stored := s.Text("SELECT ["+field.GetName()+"] FROM clips WHERE id = {:id}", dbx.Params{"id": answer.Text("id")}); stored == "1" {
			t.Errorf("%s was written by the client", field.GetName())
		}
	}
	if tried < 15 {
		t.Errorf("only %d server fields were tried", tried)
	}
}

func TestUploadsAreLimitedPerPersonAcrossRestarts(t *testing.T) {
	s := hookstest.Start(t)
	s.Policy("audio", map[string]any{"uploads_per_hour": 2, "uploads_per_day": 3})
	s.Consent(ada)
	s.Consent(bola)
	s.Clip(ada)
	s.Clip(ada)
	answer := s.Want(s.UploadClip(ada, s.Voice()), 429, "rate_limited")
	if answer.Header.Get("Retry-After") == "" || answer.Header.Get("Retry-After") == "0" {
		t.Errorf("Retry-After is %q", answer.Header.Get("Retry-After"))
	}
	s.Clip(bola) // another person on the same network
	s.Advance(61 * time.Minute)
	s.Clip(ada)
	s.Want(s.UploadClip(ada, s.Voice()), 429, "rate_limited")

	free := hookstest.Start(t, "LL_RATE_LIMITS=off")
	free.Policy("audio", map[string]any{"uploads_per_hour": 1})
	free.Consent(ada)
	free.Clip(ada)
	free.Clip(ada)
}

func TestAClipIsBoundToTheCampaignOfItsLanguage(t *testing.T) {
	s := hookstest.Start(t)
	s.Consent(ada)
	made := s.Want(s.Do(apptest.Admin, "POST", "/api/collections/campaigns/records",
		map[string]any{"name": "Hausa", "currency": "NGN", "language": s.Language("ha")}), 200, "")
	hausa, yoruba := s.Clip(ada), s.Clip(ada, "language", s.Language("yo"))
	bound := func(clip string) string {
		return s.Text("SELECT campaign FROM clips WHERE id = {:id}", dbx.Params{"id": clip})
	}
	if bound(hausa) != made.Text("id") || bound(yoruba) != s.GeneralCampaign() {
		t.Errorf("bound to %s and %s", bound(hausa), bound(yoruba))
	}
	s.Want(s.Do(apptest.Admin, "PATCH", "/api/collections/campaigns/records/"+s.GeneralCampaign(), map[string]any{"status": "closed"}), 200, "")
	s.Want(s.UploadClip(ada, s.Voice(), "language", s.Language("yo")), 409, "campaign_unavailable")
}

func TestTheQueueRowIsMadeInTheTransactionOfTheClip(t *testing.T) {
	s := hookstest.Start(t)
	s.Consent(ada)
	if _, err := s.App.NonconcurrentDB().NewQuery("CREATE TRIGGER fail BEFORE INSERT ON clip_tallies BEGIN SELECT RAISE(ABORT, 'no'); END").Execute(); err != nil {
		t.Fatal(err)
	}
	s.Want(s.UploadClip(ada, s.Voice()), 500, "internal")
	if n := s.Int("SELECT COUNT(*) FROM clips"); n != 0 {
		t.Errorf("%d clips without a place in the queue", n)
	}
	if n := storedFiles(t, s); n != 0 {
		t.Errorf("%d files were left behind", n)
	}
}
