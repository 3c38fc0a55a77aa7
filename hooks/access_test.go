package hooks_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
)

const (
	ada, bola, chidi, dayo, emeka, musa, guest, admin = apptest.Ada, apptest.Bola, apptest.Chidi, apptest.Dayo, apptest.Emeka, apptest.Musa, apptest.Guest, apptest.Admin
)

func TestMain(m *testing.M) { apptest.Main(m) }

// inhabited is a server with at least one row in every collection. Ada is the
// speaker, Bola one of her validators; Emeka has nothing to do with either.
func inhabited(t *testing.T) *hookstest.Server {
	t.Helper()
	s := hookstest.Start(t)
	s.Fund(1_000_000)
	s.Consent(ada)
	queued := s.Clip(ada)
	s.Want(s.Do(bola, "GET", "/api/lingualink/queue", nil), 200, "")
	s.OpenVoting()
	decided := s.Clip(ada)
	s.Decide(decided, "approve")
	s.Want(s.Vote(bola, queued, "approve"), 200, "")
	s.Drain()
	s.Want(s.Do(ada, "POST", "/api/collections/blocks/records", map[string]any{"blocked": s.User(dayo).Id}), 200, "")
	s.Want(s.Do(admin, "POST", "/api/collections/relations/records", map[string]any{"a": s.User(ada).Id, "b": s.User(dayo).Id, "kind": "device"}), 200, "")
	plant(s, queued)
	s.Want(s.Do(ada, "POST", "/api/lingualink/confirm", map[string]any{"purpose": "payout_account", "password": apptest.Password}), 200, "")
	return s
}

// plant writes rows, by SQL, that only long use of a server brings: what is known
// of Bola, and what experts and moderators work on.
func plant(s *hookstest.Server, clip string) {
	language, ada, bola, chidi := s.Language("ha"), s.User(ada).Id, s.User(bola).Id, s.User(chidi).Id
	stamp := "2026-01-02 03:04:05.678Z"
	rows := []struct {
		table string
		row   dbx.Params
	}{
		{"gold_clips", dbx.Params{"source": clip, "language": language, "truth": "good", "state": "active", "actor": "system", "created": stamp}},
		{"fits", dbx.Params{"language": language, "state": "refused", "created": stamp}},
		{"trust", dbx.Params{"validator": bola, "language": language, "state": "unproven", "assessed_at": stamp}},
		{"reviews", dbx.Params{"validator": bola, "language": language, "text": "Please.", "state": "open", "created": stamp, "updated": stamp}},
		{"escalations", dbx.Params{"clip": clip, "language": language, "owner": ada, "cause": "dispute", "state": "open", "created": stamp, "updated": stamp}},
		{"pair_signals", dbx.Params{"a": bola, "b": chidi, "language": language, "updated": stamp}},
		{"pair_owners", dbx.Params{"a": bola, "b": chidi, "owner": ada, "updated": stamp}},
		{"screen_words", dbx.Params{"word": "gloopy", "action": "flag", "created": stamp, "updated": stamp}},
		{"text_holds", dbx.Params{"subject_type": "user", "subject_id": ada, "field": "bio", "user": ada, "text": "So gloopy.", "state": "held", "created": stamp, "updated": stamp}},
		{"owner_signals", dbx.Params{"validator": bola, "owner": ada, "language": language, "updated": stamp}},
	}
	for _, r := range rows {
		r.row["id"] = shell.NewID()
		s.Insert(r.table, r.row)
		if r.table == "gold_clips" {
			s.Insert("gold_exposures", dbx.Params{"id": shell.NewID(), "gold": r.row["id"], "validator": bola, "clip": clip, "handed_at": stamp})
		}
	}
	plantReferral(s, ada, bola, stamp)
	plantCase(s, clip, ada, bola, stamp)
	plantMoney(s, ada, stamp)
	plantAmbassadors(s, ada, stamp)
	plantTelling(s, ada, stamp)
	plantLive(s, ada, bola, stamp)
}

// plantTelling writes what Ada has set for what she is told, and what is on its way.
func plantTelling(s *hookstest.Server, ada, stamp string) {
	for table, row := range map[string]dbx.Params{
		"notification_preferences": {"user": ada, "category": "social", "push": "off", "created": stamp, "updated": stamp},
		"notification_mutes":       {"user": ada, "thread": "stream", "created": stamp},
		"push_devices":             {"user": ada, "provider": collections.ProviderExpo, "token": "t", "last_seen": stamp, "created": stamp, "updated": stamp},
		"deliveries":               {"user": ada, "kind": "promoted", "effect_key": "k", "channel": "mail", "state": collections.DeliverySent, "next_at": stamp, "finished_at": stamp, "created": stamp},
		"delivery_channels":        {"name": "expo", "rests_until": stamp, "updated": stamp},
		"announcements":            {"texts": "{}", "state": collections.AnnouncementDraft, "created": stamp, "updated": stamp},
	} {
		row["id"] = shell.NewID()
		s.Insert(table, row)
	}
}

// plantLive writes a stream of Ada that Bola listens to, with a raised hand and a
// word in the chat, and a sentence of Ada that is recorded.
func plantLive(s *hookstest.Server, ada, bola, stamp string) {
	stream := shell.NewID()
	for _, r := range []struct {
		table string
		row   dbx.Params
	}{
		{"streams", dbx.Params{
			"id": stream, "host": ada, "title": "Tales", "language": s.Language("ha"), "status": "live", "live_at": stamp, "room": "ll_room", "created": stamp, "updated": stamp,
		}},
		{"stream_seats", dbx.Params{"stream": stream, "person": bola, "role": "viewer", "hand": "raised", "since": stamp, "created": stamp, "updated": stamp}},
		{"stream_messages", dbx.Params{"stream": stream, "author": bola, "text": "Sannu", "created": stamp, "updated": stamp}},
		{"stream_recordings", dbx.Params{"stream": stream, "speaker": ada, "consented_at": stamp, "state": collections.RecordingWaits, "created": stamp, "updated": stamp}},
		{"live_presence", dbx.Params{"subject_type": "streams", "subject_id": stream, "room": "ll_room", "sid": "PA_1", "person": bola, "role": "viewer", "joined_at": stamp}},
		{"live_events", dbx.Params{"event": "EV_1", "kind": "participant_joined", "received_at": stamp}},
		{"follows", dbx.Params{"user": ada, "followed": bola, "created": stamp}},
		{"follow_counts", dbx.Params{"user": ada, "followers": 1}},
		{"calls", dbx.Params{"id": "callcallcall001", "caller": ada, "status": "ended", "started_at": stamp, "state": "{}", "created": stamp, "updated": stamp}},
		{"call_parties", dbx.Params{"call": "callcallcall001", "person": ada, "direction": "outgoing", "state": "left", "result": "alone", "started_at": stamp, "created": stamp, "updated": stamp}},
		{"call_parties", dbx.Params{"call": "callcallcall001", "person": bola, "direction": "incoming", "state": "left", "result": "alone", "started_at": stamp, "created": stamp, "updated": stamp}},
	} {
		if r.row["id"] == nil {
			r.row["id"] = shell.NewID()
		}
		s.Insert(r.table, r.row)
	}
}

// plantCase writes that Bola reported a clip of Ada's, and what was decided against
// her for it.
func plantCase(s *hookstest.Server, clip, ada, bola, stamp string) {
	id := shell.NewID()
	for _, r := range []struct {
		table string
		row   dbx.Params
	}{
		{"cases", dbx.Params{
			"id": id, "origin": "reports", "subject_type": "clip", "subject_id": clip, "owner": ada, "state": "resolved", "reasons": "{}", "action": "warn",
			"decided_by": "user:" + s.User(emeka).Id, "decided_at": stamp, "created": stamp, "updated": stamp,
		}},
		{"reports", dbx.Params{"reporter": bola, "subject_type": "clip", "subject_id": clip, "reason": "spam", "state": "upheld", "case": id, "created": stamp, "updated": stamp}},
		{"case_events", dbx.Params{"case": id, "seq": 1, "event": "report", "to_state": "open", "actor": "reporter", "effects": "[]", "at": stamp}},
		{"decisions", dbx.Params{"user": ada, "case": id, "action": "warn", "found": "spam", "state": "in_force", "created": stamp, "updated": stamp}},
		{"strikes", dbx.Params{"user": ada, "case": id, "points": 1, "at": stamp, "expires_at": stamp, "sanction": "warned"}},
		{"sanctions", dbx.Params{"user": ada, "until": stamp}},
		{"reporters", dbx.Params{"user": bola, "right": 1}},
		{"taken_rewards", dbx.Params{"case": id, "reward": s.Text("SELECT id FROM rewards LIMIT 1", nil), "was": "pending", "amount_minor": 1, "created": stamp}},
	} {
		if r.row["id"] == nil {
			r.row["id"] = shell.NewID()
		}
		s.Insert(r.table, r.row)
	}
}

// plantAmbassadors writes Ada's application, that she is an ambassador, and her tier.
func plantAmbassadors(s *hookstest.Server, ada, stamp string) {
	for table, row := range map[string]dbx.Params{
		"ambassador_applications": {"user": ada, "country": "NG", "region": "Kano", "motivation": "m", "state": collections.ApplicationApproved, "created": stamp, "updated": stamp},
		"ambassadors":             {"user": ada, "country": "NG", "region": "Kano", "region_key": "NG:kano", "currency": "NGN", "version": 1, "since": stamp, "next_month": "2026-02", "created": stamp, "updated": stamp},
		"referrers":               {"user": ada, "tier": "bronze", "month": "2026-01", "retained": 5, "updated": stamp},
	} {
		row["id"] = shell.NewID()
		s.Insert(table, row)
	}
	plantRisk(s, stamp)
}

// plantRisk writes a cluster of Ada and Dayo, which is confirmed and which Ada
// appeals against, and what came before.
func plantRisk(s *hookstest.Server, stamp string) {
	ada, dayo, cluster, freeze := s.User(ada).Id, s.User(dayo).Id, shell.NewID(), shell.NewID()
	for _, r := range []struct {
		table string
		row   dbx.Params
	}{
		{"sightings", dbx.Params{"user": ada, "kind": collections.SeenDevice, "hash": "h", "first_at": stamp, "last_at": stamp}},
		{"risk_clusters", dbx.Params{
			"id": cluster, "act": "freeze", "state": collections.ClusterConfirmed, "score": 8_000, "people": shell.List([]string{ada, dayo}), "reasons": "[]",
			"created": stamp, "updated": stamp,
		}},
		{"freezes", dbx.Params{"id": freeze, "user": ada, "cluster": cluster, "reason": "Your device.", "state": collections.FreezeOn, "confirmed": true, "created": stamp, "updated": stamp}},
		{"cleared_pairs", dbx.Params{"a": min(ada, dayo), "b": max(ada, dayo), "score": 4_000, "cleared_at": stamp}},
		{"appeals", dbx.Params{"user": ada, "subject_type": "freezes", "subject_id": freeze, "text": "No.", "state": collections.AppealOpen, "created": stamp, "updated": stamp}},
	} {
		if r.row["id"] == nil {
			r.row["id"] = shell.NewID()
		}
		s.Insert(r.table, r.row)
	}
}

// plantReferral writes that Ada brought Bola. Everybody has a code since their
// sign-up.
func plantReferral(s *hookstest.Server, ada, bola, stamp string) {
	code := s.Text("SELECT id FROM referral_codes WHERE user = {:ada}", dbx.Params{"ada": ada})
	s.Insert("referral_claims", dbx.Params{
		"id": shell.NewID(), "user": bola, "referrer": ada, "code": code, "outcome": "attributed", "via": "claim", "created": stamp,
	})
	s.Insert("referrals", dbx.Params{
		"id": shell.NewID(), "referred": bola, "referrer": ada, "code": code, "state": collections.ReferralInvited, "activation": "{}", "created": stamp, "updated": stamp,
	})
}

// plantMoney writes what payouts and funding leave behind: Ada's are paid.
func plantMoney(s *hookstest.Server, ada, stamp string) {
	account, paid, funding := shell.NewID(), shell.NewID(), shell.NewID()
	posting := s.Text("SELECT id FROM ledger_txs LIMIT 1", nil)
	campaign := s.Text("SELECT id FROM campaigns LIMIT 1", nil)
	for _, r := range []struct {
		table string
		row   dbx.Params
	}{
		{"payout_accounts", dbx.Params{
			"id": account, "user": ada, "currency": "NGN", "country": "NG", "type": "nuban", "bank_code": "058", "last4": "6789",
			"name_match": collections.NameMatches, "recipient_code": "RCP_ada", "fingerprint": "f", "status": collections.AccountActive, "created": stamp, "updated": stamp,
		}},
		{"payouts", dbx.Params{
			"id": paid, "user": ada, "currency": "NGN", "amount_minor": 100_000, "account": account, "recipient_code": "RCP_ada", "status": collections.PayoutPaid,
			"reference": "ll-test-" + paid, "state": "paid", "settled": "paid", "idem_key": "k", "requested_at": stamp, "created": stamp, "updated": stamp,
		}},
		{"payout_events", dbx.Params{"payout": paid, "seq": 1, "event": "request", "to_state": "requested", "actor": "user:" + ada, "at": stamp}},
		{"payout_settlements", dbx.Params{"payout": paid, "outcome": "paid", "tx": posting, "at": stamp}},
		{"payout_pauses", dbx.Params{"scope": "NGN", "cause": "low_balance", "since": stamp}},
		{"payout_marks", dbx.Params{"instance": "one", "at": stamp}},
		{"risk_flags", dbx.Params{"user": s.User(dayo).Id, "kind": "shared_payout_account", "state": collections.FlagOpen, "created": stamp, "updated": stamp}},
		{"alerts", dbx.Params{"kind": "low_balance", "severity": "warning", "text": "Top it up.", "state": collections.AlertOpen, "created": stamp, "updated": stamp}},
		{"paystack_events", dbx.Params{"event": "transfer.success", "body_hash": "h", "state": collections.EventApplied, "received_at": stamp}},
		{"orphan_transfers", dbx.Params{"reference": "ll-test-lost", "state": "open", "seen_at": stamp}},
		{"balance_rows", dbx.Params{"row_id": "1", "currency": "NGN", "state": "matched", "at": stamp, "seen_at": stamp}},
		{"reconciliations", dbx.Params{"kind": "money", "actor": shell.System, "started_at": stamp}},
		{"fundings", dbx.Params{
			"id": funding, "campaign": campaign, "user": ada, "actor": "user:" + ada, "currency": "NGN", "amount_minor": 5_000_00,
			"status": collections.FundingOpen, "reference": "lf-test-" + funding, "idem_key": "k", "created": stamp, "updated": stamp,
		}},
		{"funding_returns", dbx.Params{"funding": funding, "kind": "refund", "state": "requested", "actor": shell.System, "created": stamp, "updated": stamp}},
	} {
		if r.row["id"] == nil {
			r.row["id"] = shell.NewID()
		}
		s.Insert(r.table, r.row)
	}
}

// TestWhoSeesHowMany asks every collection as every actor. A number is the rows
// they list; 403 is a collection that is closed to them.
func TestWhoSeesHowMany(t *testing.T) {
	s := inhabited(t)
	const closed = -403
	total := func(collection string) int {
		return int(s.Int("SELECT COUNT(*) FROM " + collection))
	}
	all := map[string]int{}
	for _, name := range []string{"users", "languages", "prompts", "consent_texts", "reward_rates", "clips", "badges"} {
		all[name] = total(name)
	}
	cases := map[string]map[string]int{
		"users":            {ada: all["users"], emeka: all["users"], musa: all["users"], guest: 0},
		"private_profiles": {ada: 1, emeka: 1, musa: 1, guest: 0},
		"languages":        {ada: all["languages"], emeka: all["languages"], musa: all["languages"], guest: all["languages"]},
		"prompts":          {ada: all["prompts"], emeka: all["prompts"], musa: all["prompts"], guest: all["prompts"]},
		"consent_texts":    {ada: 1, emeka: 1, musa: 1, guest: 1},
		"reward_rates":     {ada: 2, emeka: 2, musa: 2, guest: 2},
		"consents":         {ada: 1, emeka: 0, musa: 0, guest: 0},
		"blocks":           {ada: 1, emeka: 0, dayo: 0, musa: 0, guest: 0},
		"clips":            {ada: 2, emeka: 1, dayo: 0, musa: 2, guest: 1},
		"votes":            {ada: 0, bola: 2, chidi: 1, emeka: 0, musa: 0, guest: 0},
		"verdicts":         {ada: 1, bola: 1, chidi: 1, emeka: 0, musa: 1, guest: 0},
		"notifications":    {ada: 2, bola: 0, emeka: 0, musa: 0, guest: 0}, // the verdict and a badge
		"badges":           {ada: all["badges"], emeka: all["badges"], musa: all["badges"], guest: all["badges"]},
		"user_badges":      {ada: 1, bola: 0, emeka: 0, musa: 0, guest: 0},
		"rewards":          {ada: 1, bola: 1, emeka: 0, musa: 0, guest: 0},
		"trust":            {ada: 0, bola: 1, emeka: 0, musa: 0, guest: 0},
		"reviews":          {ada: 0, bola: 1, emeka: 0, musa: 1, guest: 0},
		"escalations":      {ada: 0, bola: 0, emeka: 0, musa: 1, guest: 0},
		"pair_signals":     {ada: 0, bola: 0, emeka: 0, musa: 1, guest: 0},
		"pair_owners":      {ada: 0, bola: 0, emeka: 0, musa: 1, guest: 0},
		"owner_signals":    {ada: 0, bola: 0, emeka: 0, musa: 1, guest: 0},
		"payout_accounts":  {ada: 1, bola: 0, emeka: 0, musa: 0, guest: 0},
		"payouts":          {ada: 1, bola: 0, emeka: 0, musa: 0, guest: 0},
		"fundings":         {ada: 1, bola: 0, emeka: 0, musa: 0, guest: 0},
		"risk_flags":       {ada: 0, bola: 0, dayo: 0, musa: 1, guest: 0},
		"risk_clusters":    {ada: 0, bola: 0, dayo: 0, musa: 1, guest: 0},
		"freezes":          {ada: 1, bola: 0, dayo: 0, musa: 1, guest: 0},
		"appeals":          {ada: 1, bola: 0, dayo: 0, musa: 1, guest: 0},
		"referral_codes":   {ada: 1, bola: 1, emeka: 1, musa: 1, guest: 0},
		"referrals":        {ada: 1, bola: 1, emeka: 0, musa: 0, guest: 0},
		"reports":          {ada: 0, bola: 1, emeka: 0, musa: 1, guest: 0},
		"cases":            {ada: 0, bola: 0, emeka: 0, musa: 1, guest: 0},
		"case_events":      {ada: 0, bola: 0, emeka: 0, musa: 1, guest: 0},
		"decisions":        {ada: 1, bola: 0, emeka: 0, musa: 0, guest: 0},
		"strikes":          {ada: 1, bola: 0, emeka: 0, musa: 1, guest: 0},
		"text_holds":       {ada: 1, bola: 0, emeka: 0, musa: 1, guest: 0},
		"ledger_accounts":  {ada: 1, bola: 1, emeka: 0, musa: 0, guest: 0},
		"ledger_entries":   {ada: 1, bola: 1, emeka: 0, musa: 0, guest: 0},

		"notification_preferences": {ada: 1, bola: 0, emeka: 0, musa: 0, guest: 0},
		"notification_mutes":       {ada: 1, bola: 0, emeka: 0, musa: 0, guest: 0},
		"push_devices":             {ada: 1, bola: 0, emeka: 0, musa: 0, guest: 0},
		"streams":                  {ada: 1, bola: 1, emeka: 1, musa: 1, guest: 1},
		"stream_seats":             {ada: 1, bola: 1, emeka: 0, musa: 1, guest: 0},
		"stream_messages":          {ada: 1, bola: 1, emeka: 1, musa: 1, guest: 0},
		"stream_recordings":        {ada: 1, bola: 0, emeka: 0, musa: 0, guest: 0},
		"follows":                  {ada: 1, bola: 0, emeka: 0, musa: 0, guest: 0},
		"calls":                    {ada: 1, bola: 1, emeka: 0, musa: 0, guest: 0},
		"call_parties":             {ada: 1, bola: 1, emeka: 0, musa: 0, guest: 0},
		"follow_counts":            {ada: 1, bola: 1, emeka: 1, musa: 1, guest: 0},

		"ambassador_applications": {ada: 1, bola: 0, emeka: 0, musa: 0, guest: 0},
		"ambassadors":             {ada: 1, bola: 0, emeka: 0, musa: 0, guest: 0},
		"referrers":               {ada: 1, bola: 0, emeka: 0, musa: 0, guest: 0},
	}
	for _, collection := range collections.All() {
		want, listed := cases[collection.Name]
		if !listed {
			want = map[string]int{ada: closed, bola: closed, emeka: closed, musa: closed, guest: closed}
		}
		for who, rows := range want {
			answer := s.Do(who, "GET", "/api/collections/"+collection.Name+"/records?perPage=500", nil)
			got := len(answer.Items("items"))
			if answer.Status != 200 {
				got = -answer.Status
			}
			if got != rows {
				t.Errorf("%q lists %d of %s, want %d", who, got, collection.Name, rows)
			}
		}
		if !collection.IsView() && total(collection.Name) == 0 {
			t.Errorf("%s has no row, so nothing was tried", collection.Name)
		}
	}
}

// other is a value of the field's type that no test row holds.
func other(s *hookstest.Server, field core.Field) any {
	switch typed := field.(type) {
	case *core.NumberField:
		return 4711
	case *core.BoolField:
		return true
	case *core.DateField, *core.AutodateField:
		return "2031-05-06 07:08:09.000Z"
	case *core.SelectField:
		return typed.Values[len(typed.Values)-1]
	case *core.RelationField:
		if typed.CollectionId == collections.UsersID {
			return s.User(musa).Id
		}
		return "otherotherother"
	case *core.JSONField:
		return map[string]any{"other": true}
	case *core.EmailField:
		return "other@lingualink.test"
	default:
		return "otherotherother"
	}
}

// TestNobodyWritesAServerField tries every field of every collection as
// everybody, alone and with modifiers, by update and by create, and compares
// the database.
func TestNobodyWritesAServerField(t *testing.T) {
	s := inhabited(t)
	mine := map[string][]string{ // what the owner of a row may change
		"users":            {"username", "name", "avatar", "bio", "country", "languages", "password"},
		"private_profiles": {"legal_name", "phone", "birth_year", "region", "city", "time_zone", "interface_language", "off_leaderboards"},
		"notifications":    {"read"},

		"notification_preferences": {"in_app", "push", "mail", "quiet_from_minute", "quiet_to_minute"},
	}
	for _, collection := range collections.All() {
		if collection.IsView() {
			continue
		}
		path := "/api/collections/" + collection.Name + "/records"
		id := rowOf(s, collection)
		for _, field := range collection.Fields {
			name := field.GetName()
			if slices.Contains(mine[collection.Name], name) {
				continue
			}
			before := dump(s, collection.Name)
			for _, who := range []string{ada, bola, emeka, musa, guest} {
				for _, key := range []string{name, name + "+", "+" + name, name + "-"} {
					s.Do(who, "PATCH", path+"/"+id, map[string]any{key: other(s, field)})
				}
				if collection.CreateRule == nil {
					s.Do(who, "POST", path, map[string]any{name: other(s, field)})
				}
				if after := dump(s, collection.Name); after != before {
					t.Fatalf("%q changed %s.%s", who, collection.Name, name)
				}
			}
		}
		for _, who := range []string{bola, emeka, musa, guest} {
			if answer := s.Do(who, "DELETE", path+"/"+id, nil); answer.Status < 400 {
				t.Errorf("%q removed a row of %s", who, collection.Name)
			}
		}
	}
}

// rowOf is a row of the collection, Ada's if it belongs to somebody.
func rowOf(s *hookstest.Server, collection *core.Collection) string {
	for _, field := range []string{"user", "owner", "a"} {
		if collection.Fields.GetByName(field) != nil {
			if row, err := s.App.FindFirstRecordByData(collection.Name, field, s.User(ada).Id); err == nil {
				return row.Id
			}
		}
	}
	if collection.Name == "users" {
		return s.User(ada).Id
	}
	return s.Text("SELECT id FROM "+collection.Name+" LIMIT 1", nil)
}

// dump is a whole table, less the time of its last change.
func dump(s *hookstest.Server, table string) string {
	rows := []dbx.NullStringMap{}
	if err := s.App.DB().NewQuery("SELECT * FROM " + table + " ORDER BY id").All(&rows); err != nil {
		return err.Error()
	}
	for _, row := range rows {
		delete(row, "updated")
	}
	text, err := json.Marshal(rows)
	return fmt.Sprint(string(text), err)
}

// TestTheServersRowsAreClosedToAdminsToo tries to write the server's own rows
// as a superuser, who goes past every rule.
func TestTheServersRowsAreClosedToAdminsToo(t *testing.T) {
	s := inhabited(t)
	for _, name := range []string{
		"ledger_accounts", "ledger_txs", "ledger_entries", "rewards", "jobs", "audit_log", "votes", "verdicts", "clips", "clip_tallies",
		"assignments", "queue_cursors", "quotas", "confirmations", "notifications", "private_profiles", "deliveries", "delivery_channels",
		"payout_accounts", "payouts", "payout_events", "payout_settlements", "payout_pauses", "payout_marks", "risk_flags", "alerts",
		"paystack_events", "orphan_transfers", "balance_rows", "reconciliations", "fundings", "funding_returns",
		"ambassador_applications", "ambassadors", "referrers",
		"sightings", "risk_clusters", "freezes", "cleared_pairs",
		"referral_codes", "referral_claims", "referrals",
		"streams", "stream_seats", "stream_messages", "stream_recordings", "live_presence", "live_events", "follow_counts",
		"calls", "call_parties",
	} {
		path := "/api/collections/" + name + "/records"
		row := s.Text("SELECT id FROM "+name+" LIMIT 1", nil)
		before := dump(s, name)
		s.Want(s.Do(admin, "POST", path, map[string]any{}), 403, "server_owned")
		s.Want(s.Do(admin, "PATCH", path+"/"+row, map[string]any{"created": "x"}), 403, "server_owned")
		s.Want(s.Do(admin, "DELETE", path+"/"+row, nil), 409, "insert_only")
		if after := dump(s, name); after != before {
			t.Errorf("%s changed", name)
		}
	}
	if report, err := shell.VerifyAudit(s.App.DB()); err != nil || report.Problem != "" {
		t.Errorf("the audit log: %+v %v", report, err)
	}
}
