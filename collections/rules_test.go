package collections_test

import (
	"fmt"
	"testing"

	"github.com/lingualink/lingualink/collections"
)

// closed is the rule that lets superusers in and nobody else; open lets
// everybody in. They are spelled out because they are one typo apart.
const (
	closed = "<nil>"
	open   = ""
)

const (
	person  = `@request.auth.collectionName = "users"`
	ownUser = `user = @request.auth.id && @request.auth.collectionName = "users"`
	visible = `(status = "approved" && hidden = false && reserved = false && owner.standing != "banned" && (@request.auth.id = "" ||` +
		` (owner.blocks_via_user.blocked != @request.auth.id && owner.blocks_via_blocked.user != @request.auth.id)))`
	ownClip     = ` || (owner = @request.auth.id && @request.auth.collectionName = "users" && control = false)`
	moderating  = ` || (status != "withdrawn" && @request.auth.roles:each ?= "moderator"`
	listClip    = `(` + visible + ` && (control = false || (@request.auth.id != "" && shown_to ~ @request.auth.id)))` + ownClip + moderating + ` && control = false)`
	viewClip    = visible + ownClip + moderating + `)`
	active      = moderators + ` && @request.auth.standing != "suspended" && @request.auth.standing != "banned"`
	moderators  = `@request.auth.roles:each ?= "moderator"`
	readReview  = `(validator = @request.auth.id && @request.auth.collectionName = "users") || ` + moderators
	readVerdict = `(@request.auth.collectionName = "users" && ((owner = @request.auth.id && clip.control = false)` +
		` || clip.votes_via_clip.validator ?= @request.auth.id)) || (` + active + ` && clip.status != "escalated" && clip.escalations_via_clip.state != "open")`
	seeStream = `(hidden = false && status != "backstage" && (@request.auth.id = "" || (host.blocks_via_user.blocked != @request.auth.id` +
		` && host.blocks_via_blocked.user != @request.auth.id))) || (host = @request.auth.id && @request.auth.collectionName = "users") || ` + moderators
	seeSeat = `((person = @request.auth.id || (stream.host = @request.auth.id && role != "moderator")) && @request.auth.collectionName = "users") || ` + moderators
	seeChat = `(hidden = false && stream.hidden = false && @request.auth.collectionName = "users" && author.blocks_via_user.blocked != @request.auth.id` +
		` && author.blocks_via_blocked.user != @request.auth.id) || ` + moderators
	ownVoice       = `speaker = @request.auth.id && @request.auth.collectionName = "users"`
	inCall         = `call_parties_via_call.person ?= @request.auth.id && @request.auth.collectionName = "users"`
	ownPerson      = `person = @request.auth.id && @request.auth.collectionName = "users"`
	ownEntry       = `account.user = @request.auth.id && @request.auth.collectionName = "users"`
	ownReferral    = `(referrer = @request.auth.id || referred = @request.auth.id) && @request.auth.collectionName = "users"`
	readCase       = moderators + ` && owner != @request.auth.id`
	readOfCase     = moderators + ` && case.owner != @request.auth.id`
	readReport     = `(reporter = @request.auth.id && @request.auth.collectionName = "users") || (` + readOfCase + `)`
	ownOrModerator = `(user = @request.auth.id && @request.auth.collectionName = "users") || (` + active + `)`
	ownVote        = `validator = @request.auth.id && @request.auth.collectionName = "users"`
	ownSelf        = `id = @request.auth.id && @request.auth.collectionName = "users"`
)

// rules are list, view, create, update and delete of every collection, word by
// word: who changes one changes it here too, on purpose.
var rules = map[string][5]string{
	"ambassador_applications":  {ownUser, ownUser, person, closed, closed},
	"ambassadors":              {ownUser, ownUser, closed, closed, closed},
	"appeals":                  {ownOrModerator, ownOrModerator, person, closed, closed},
	"badges":                   {open, open, closed, closed, closed},
	"cleared_pairs":            {closed, closed, closed, closed, closed},
	"contributors":             {closed, closed, closed, closed, closed},
	"freezes":                  {ownOrModerator, ownOrModerator, closed, closed, closed},
	"leaderboard_scores":       {closed, closed, closed, closed, closed},
	"referral_claims":          {closed, closed, closed, closed, closed},
	"referral_codes":           {ownUser, ownUser, closed, closed, closed},
	"referrals":                {ownReferral, ownReferral, closed, closed, closed},
	"referrers":                {ownUser, ownUser, closed, closed, closed},
	"risk_clusters":            {moderators + ` && people !~ @request.auth.id && reasons !~ @request.auth.id`, moderators + ` && people !~ @request.auth.id && reasons !~ @request.auth.id`, closed, closed, closed},
	"sightings":                {closed, closed, closed, closed, closed},
	"user_badges":              {ownUser, ownUser, closed, closed, closed},
	"cases":                    {readCase, readCase, closed, closed, closed},
	"case_events":              {readOfCase, readOfCase, closed, closed, closed},
	"decisions":                {ownUser, ownUser, closed, closed, closed},
	"reporters":                {closed, closed, closed, closed, closed},
	"reports":                  {readReport, readReport, person, closed, closed},
	"sanctions":                {closed, closed, closed, closed, closed},
	"screen_words":             {closed, closed, closed, closed, closed},
	"strikes":                  {ownOrModerator, ownOrModerator, closed, closed, closed},
	"taken_rewards":            {closed, closed, closed, closed, closed},
	"text_holds":               {ownOrModerator, ownOrModerator, closed, closed, closed},
	"assignments":              {closed, closed, closed, closed, closed},
	"audit_log":                {closed, closed, closed, closed, closed},
	"blocks":                   {ownUser, ownUser, person, closed, ownUser},
	"campaigns":                {closed, closed, closed, closed, closed},
	"clip_tallies":             {closed, closed, closed, closed, closed},
	"clips":                    {listClip, viewClip, person, closed, closed},
	"confirmations":            {closed, closed, closed, closed, closed},
	"consent_texts":            {open, open, closed, closed, closed},
	"consents":                 {ownUser, ownUser, person, closed, closed},
	"escalations":              {moderators, moderators, closed, closed, closed},
	"fits":                     {closed, closed, closed, closed, closed},
	"gold_clips":               {closed, closed, closed, closed, closed},
	"gold_exposures":           {closed, closed, closed, closed, closed},
	"jobs":                     {closed, closed, closed, closed, closed},
	"language_stats":           {closed, closed, closed, closed, closed},
	"languages":                {open, open, closed, closed, closed},
	"ledger_accounts":          {ownUser, ownUser, closed, closed, closed},
	"ledger_entries":           {ownEntry, ownEntry, closed, closed, closed},
	"ledger_txs":               {closed, closed, closed, closed, closed},
	"notifications":            {ownUser, ownUser, closed, ownUser, closed},
	"owner_signals":            {moderators, moderators, closed, closed, closed},
	"pair_owners":              {moderators, moderators, closed, closed, closed},
	"pair_signals":             {moderators, moderators, closed, closed, closed},
	"payout_accounts":          {ownUser, ownUser, closed, closed, closed},
	"payouts":                  {ownUser, ownUser, closed, closed, closed},
	"payout_events":            {closed, closed, closed, closed, closed},
	"payout_settlements":       {closed, closed, closed, closed, closed},
	"payout_pauses":            {closed, closed, closed, closed, closed},
	"payout_marks":             {closed, closed, closed, closed, closed},
	"risk_flags":               {moderators, moderators, closed, closed, closed},
	"alerts":                   {closed, closed, closed, closed, closed},
	"paystack_events":          {closed, closed, closed, closed, closed},
	"orphan_transfers":         {closed, closed, closed, closed, closed},
	"balance_rows":             {closed, closed, closed, closed, closed},
	"reconciliations":          {closed, closed, closed, closed, closed},
	"fundings":                 {ownUser, ownUser, closed, closed, closed},
	"funding_returns":          {closed, closed, closed, closed, closed},
	"v_payouts":                {closed, closed, closed, closed, closed},
	"policies":                 {closed, closed, closed, closed, closed},
	"private_profiles":         {ownUser, ownUser, closed, ownUser, closed},
	"prompts":                  {open, open, closed, closed, closed},
	"queue_cursors":            {closed, closed, closed, closed, closed},
	"quotas":                   {closed, closed, closed, closed, closed},
	"relations":                {closed, closed, closed, closed, closed},
	"reviews":                  {readReview, readReview, closed, closed, closed},
	"reward_rates":             {open, open, closed, closed, closed},
	"rewards":                  {ownUser, ownUser, closed, closed, closed},
	"skill_events":             {closed, closed, closed, closed, closed},
	"skills":                   {closed, closed, closed, closed, closed},
	"trust":                    {ownVote, ownVote, closed, closed, closed},
	"users":                    {person + ` && (standing != "banned" || ` + moderators + `)`, person, open, ownSelf, closed},
	"v_campaigns":              {closed, closed, closed, closed, closed},
	"v_gold":                   {closed, closed, closed, closed, closed},
	"v_ledger":                 {closed, closed, closed, closed, closed},
	"v_queue":                  {closed, closed, closed, closed, closed},
	"validators":               {closed, closed, closed, closed, closed},
	"verdicts":                 {readVerdict, readVerdict, closed, closed, closed},
	"votes":                    {ownVote, ownVote, person, closed, closed},
	"notification_preferences": {ownUser, ownUser, person, ownUser, ownUser},
	"notification_mutes":       {ownUser, ownUser, person, closed, ownUser},
	"push_devices":             {ownUser, ownUser, person, closed, ownUser},
	"deliveries":               {closed, closed, closed, closed, closed},
	"delivery_channels":        {closed, closed, closed, closed, closed},
	"announcements":            {closed, closed, closed, closed, closed},
	"follow_counts":            {person, person, closed, closed, closed},
	"follows":                  {ownUser, ownUser, person, closed, ownUser},
	"live_events":              {closed, closed, closed, closed, closed},
	"live_presence":            {closed, closed, closed, closed, closed},
	"stream_messages":          {seeChat, seeChat, person, closed, closed},
	"stream_recordings":        {ownVoice, ownVoice, closed, closed, closed},
	"stream_seats":             {seeSeat, seeSeat, closed, closed, closed},
	"streams":                  {seeStream, seeStream, closed, closed, closed},
	"call_parties":             {ownPerson, ownPerson, closed, closed, closed},
	"calls":                    {inCall, inCall, closed, closed, closed},
}

// authRules are who may sign in to an auth collection, and who manages others.
var authRules = map[string][2]string{
	"users": {open, closed},
}

// hidden fields never leave, except to superusers.
var hidden = map[string][]string{
	"ambassador_applications": {"decided_by"},
	"ambassadors":             {"approved_by", "campaign"},
	"appeals":                 {"decided_by"},
	"decisions":               {"case"},
	"reports":                 {"case", "cluster", "judgement", "reliable", "weight_bps"},
	"strikes":                 {"case"},
	"freezes":                 {"cluster"},
	"private_profiles":        {"region_key"},
	"referrals":               {"activation", "campaign", "code"},
	"calls":                   {"due_at", "rev", "room", "state"},
	"clips":                   {"campaign", "control", "media_sha256", "reserved", "shown_to"},
	"fundings":                {"actor", "email", "idem_key", "input_hash", "next_check_at", "transaction_id", "tx"},
	"payout_accounts":         {"fingerprint", "name_digests", "recipient_code", "set_by"},
	"payouts": {"account_at", "account_editor", "answered", "approved_at", "approved_by", "attempt", "closer", "first_approver", "idem_key", "input_hash",
		"lease_until", "next_check_at", "not_before", "not_found_at", "policy_version", "posts", "provider_status", "recipient_code", "refused", "rev",
		"seen_at", "sent_at", "settled", "state", "transfer_code", "transfer_id"},
	"paystack_events": {"body"},
	"reviews":         {"actor"},
	"rewards":         {"campaign", "skill_seq"},
	"stream_messages": {"deleted_by"},
	"streams":         {"due_at", "losses", "room", "rooms"},
	"trust":           {"policy_version", "seq"},
	"users":           {"created", "emailVisibility", "password", "roles", "standing", "tokenKey", "updated", "username_key", "verified"},
	"verdicts":        {"actor", "note"},
	"votes":           {"engine", "rewarded", "sensitivity", "specificity", "weight"},
}

func TestEveryRuleWordByWord(t *testing.T) {
	app := migrated(t)
	stored, err := app.FindAllCollections()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, collection := range stored {
		want, listed := rules[collection.Name]
		if collection.Name[0] == '_' {
			continue // PocketBase's own
		}
		seen[collection.Name] = true
		if !listed {
			t.Errorf("%s: its rules are not in the table", collection.Name)
			continue
		}
		got := [5]*string{collection.ListRule, collection.ViewRule, collection.CreateRule, collection.UpdateRule, collection.DeleteRule}
		for i, verb := range []string{"list", "view", "create", "update", "delete"} {
			if said := spell(got[i]); said != want[i] {
				t.Errorf("%s: the %s rule is\n %s\nwant\n %s", collection.Name, verb, said, want[i])
			}
		}
		if collection.IsAuth() {
			want, got := authRules[collection.Name], [2]string{spell(collection.AuthRule), spell(collection.ManageRule)}
			if got != want {
				t.Errorf("%s: the auth and manage rules are %q, want %q", collection.Name, got, want)
			}
		}
	}
	for name := range rules {
		if !seen[name] {
			t.Errorf("%s is in the table and not in the database", name)
		}
	}
}

func spell(rule *string) string {
	if rule == nil {
		return closed
	}
	return *rule
}

func TestHiddenFieldsWordByWord(t *testing.T) {
	for _, collection := range collections.All() {
		got := []string{}
		for _, name := range names(collection) {
			if collection.Fields.GetByName(name).GetHidden() {
				got = append(got, name)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(hidden[collection.Name]) {
			t.Errorf("%s hides %v, want %v", collection.Name, got, hidden[collection.Name])
		}
	}
}
