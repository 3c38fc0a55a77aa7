package notify

import "time"

// RingLasts is how long a call rings.
const RingLasts = 45 * time.Second

// Sets of fields that several kinds share.
var (
	clipFields    = []Field{{Name: "clip", Type: ID}, {Name: "verdict", Type: ID}, {Name: "outcome", Type: Text}, {Name: "reason", Type: Text, Optional: true}}
	trustFields   = []Field{{Name: "language", Type: ID}, {Name: "state", Type: Text}, {Name: "tier", Type: Text}}
	payoutFields  = []Field{{Name: "payout", Type: ID}, {Name: "amount", Type: Money}}
	accountFields = []Field{{Name: "account", Type: ID}, {Name: "currency", Type: Text}}
	fundingFields = []Field{{Name: "funding", Type: ID}, {Name: "campaign", Type: ID}, {Name: "amount", Type: Money}}
	reasonFields  = []Field{{Name: "decision", Type: ID, Optional: true}, {Name: "reason", Type: Text, Optional: true}}
	invitedFields = []Field{{Name: "referral", Type: ID}, {Name: "user", Type: ID}}
	personFields  = []Field{{Name: "from", Type: ID}, {Name: "name", Type: Text}}
)

func and(fields []Field, more ...Field) []Field { return append(append([]Field{}, fields...), more...) }

// catalogue holds every event. A new one is an entry here and its text in
// texts/en.json.
var catalogue = []Event{
	// Recordings.
	{Kind: "clip_approved", Category: Recordings, To: "the speaker", Fields: clipFields, Link: "/clips/{clip}", Collapse: "clip:{clip}", Digest: "clips"},
	{Kind: "clip_rejected", Category: Recordings, To: "the speaker", Fields: clipFields, Link: "/clips/{clip}", Collapse: "clip:{clip}", Digest: "clips"},
	{Kind: "clip_escalated", Category: Recordings, To: "the speaker", Fields: clipFields, Link: "/clips/{clip}", Collapse: "clip:{clip}", Digest: "clips"},
	{Kind: "verdict_changed", Category: Recordings, To: "the speaker", Fields: clipFields, Variant: "outcome", Variants: []string{"approved", "rejected"}, Link: "/clips/{clip}", Collapse: "clip:{clip}"},
	{Kind: "verdict_confirmed", Category: Recordings, To: "the speaker who disputed it", Fields: clipFields, Link: "/clips/{clip}", Collapse: "clip:{clip}"},
	{Kind: "remix_approved", Category: Recordings, To: "the speaker of the clip that was remixed", Fields: clipFields, Link: "/clips/{clip}", Collapse: "clip:{clip}", Digest: "remixes"},

	// Validation.
	{Kind: "trust_proven", Category: Validation, To: "the validator", Fields: trustFields, Link: "/trust/{language}", Collapse: "trust:{language}"},
	{Kind: "trust_tier", Category: Validation, To: "the validator", Fields: trustFields, Link: "/trust/{language}", Collapse: "trust:{language}"},
	{Kind: "trust_excluded", Category: Validation, To: "the validator", Fields: trustFields, Link: "/trust/{language}", Collapse: "trust:{language}"},
	{Kind: "review_decided", Category: Validation, To: "the validator", Link: "/reviews/{review}", Collapse: "review:{review}",
		Fields:  []Field{{Name: "review", Type: ID}, {Name: "language", Type: ID}, {Name: "outcome", Type: Text}, {Name: "reason", Type: Text, Optional: true}},
		Variant: "outcome", Variants: []string{"reinstated", "confirmed"}},
	{Kind: "promoted", Category: Validation, To: "who got the rank", Link: "/profile", Collapse: "rank"},
	{Kind: "demoted", Category: Validation, To: "who lost the rank", Link: "/profile", Collapse: "rank"},

	// Badges.
	{Kind: "badge_earned", Category: Achievements, To: "who earned it", Fields: []Field{{Name: "badge", Type: ID}, {Name: "slug", Type: Text}, {Name: "code", Type: Text, Optional: true}, {Name: "name", Type: Text, Optional: true}}, Link: "/badges/{badge}", Collapse: "badge:{badge}", Digest: "badges"},

	// Payouts. What failed does not wait for the morning.
	{Kind: "payout_review", Category: Payouts, To: "who is paid", Fields: payoutFields, Link: "/payouts/{payout}", Collapse: "payout:{payout}"},
	{Kind: "payout_approved", Category: Payouts, To: "who is paid", Fields: payoutFields, Link: "/payouts/{payout}", Collapse: "payout:{payout}"},
	{Kind: "payout_rejected", Category: Payouts, To: "who is paid", Fields: payoutFields, Link: "/payouts/{payout}", Collapse: "payout:{payout}"},
	{Kind: "payout_cancelled", Category: Payouts, To: "who is paid", Fields: payoutFields, Link: "/payouts/{payout}", Collapse: "payout:{payout}"},
	{Kind: "payout_paid", Category: Payouts, To: "who is paid", Fields: payoutFields, Link: "/payouts/{payout}", Collapse: "payout:{payout}"},
	{Kind: "payout_failed", Category: Payouts, To: "who is paid", Urgent: true, Fields: payoutFields, Link: "/payouts/{payout}", Collapse: "payout:{payout}"},
	{Kind: "payout_reversed", Category: Payouts, To: "who is paid", Urgent: true, Fields: payoutFields, Link: "/payouts/{payout}", Collapse: "payout:{payout}"},
	{Kind: "payout_account_unusable", Category: Payouts, To: "who is paid", Urgent: true, Fields: payoutFields, Link: "/payout-accounts", Collapse: "payout-account"},

	// Security.
	{Kind: "payout_account_added", Category: Security, To: "whose account it is", Urgent: true, Fields: accountFields, Link: "/payout-accounts", Collapse: "payout-account:{account}"},
	{Kind: "payout_account_changed", Category: Security, To: "whose account it is", Urgent: true, Fields: accountFields, Link: "/payout-accounts", Collapse: "payout-account:{account}"},
	{Kind: "payout_account_removed", Category: Security, To: "whose account it is", Urgent: true, Fields: accountFields, Link: "/payout-accounts", Collapse: "payout-account:{account}"},

	// Campaigns.
	{Kind: "funding_paid", Category: Campaigns, To: "who paid", Fields: fundingFields, Link: "/campaigns/{campaign}", Collapse: "funding:{funding}"},
	{Kind: "funding_returned", Category: Campaigns, To: "who paid", Fields: fundingFields, Link: "/campaigns/{campaign}", Collapse: "funding:{funding}"},

	// Referrals and ambassadors.
	{Kind: "referral_joined", Category: Referrals, To: "who invited", Fields: invitedFields, Link: "/referrals", Collapse: "referral:{referral}", Digest: "joined"},
	{Kind: "referral_refused", Category: Referrals, To: "who used a code", Fields: []Field{{Name: "code", Type: Text}, {Name: "reason", Type: Text}}, Link: "/referrals", Collapse: "referral-code"},
	{Kind: "referral_active", Category: Referrals, To: "who was invited", Fields: []Field{{Name: "referral", Type: ID}}, Link: "/referrals", Collapse: "referral:{referral}"},
	{Kind: "referral_bonus", Category: Referrals, To: "who invited", Link: "/referrals", Collapse: "referral:{referral}",
		Fields:  and(invitedFields, Field{Name: "amount", Type: Money}, Field{Name: "cut", Type: Text, Optional: true}),
		Variant: "cut", Variants: []string{none, other}},
	{Kind: "referral_withdrawn", Category: Referrals, To: "who invited", Fields: and(invitedFields, Field{Name: "taken_minor", Type: Count}), Link: "/referrals", Collapse: "referral:{referral}"},
	{Kind: "referral_barred", Category: Referrals, To: "who invited", Fields: and(invitedFields, Field{Name: "taken_minor", Type: Count}), Link: "/referrals", Collapse: "referral:{referral}"},
	{Kind: "referral_tier", Category: Referrals, To: "the ambassador", Link: "/ambassador", Collapse: "ambassador-tier",
		Fields:  []Field{{Name: "month", Type: Text}, {Name: "tier", Type: Text, Optional: true}, {Name: "retained", Type: Count}},
		Variant: "tier", Variants: []string{none, other}},
	{Kind: "ambassador_application", Category: Referrals, To: "who applied", Link: "/ambassador", Collapse: "ambassador",
		Fields:  []Field{{Name: "application", Type: ID}, {Name: "ambassador", Type: ID, Optional: true}, {Name: "outcome", Type: Text}, {Name: "reason", Type: Text, Optional: true}},
		Variant: "outcome", Variants: []string{"approved", "rejected"}},
	{Kind: "ambassador_terms", Category: Referrals, To: "the ambassador", Fields: []Field{{Name: "ambassador", Type: ID}, {Name: "version", Type: Count}}, Link: "/ambassador", Collapse: "ambassador"},
	{Kind: "ambassador_ended", Category: Referrals, To: "who was the ambassador", Fields: []Field{{Name: "ambassador", Type: ID}, {Name: "reason", Type: Text, Optional: true}}, Link: "/ambassador", Collapse: "ambassador"},
	{Kind: "stipend", Category: Referrals, To: "the ambassador", Link: "/wallet", Collapse: "stipend:{month}",
		Fields:  []Field{{Name: "month", Type: ID}, {Name: "amount", Type: Money}, {Name: "cut", Type: Text, Optional: true}},
		Variant: "cut", Variants: []string{none, other}},

	// Moderation and standing.
	{Kind: "account_frozen", Category: Moderation, To: "whose money is frozen", Fields: []Field{{Name: "freeze", Type: ID}, {Name: "decide_by", Type: Time}, {Name: "reason", Type: Text, Optional: true}}, Link: "/standing", Collapse: "freeze"},
	{Kind: "freeze_confirmed", Category: Moderation, To: "whose money is frozen", Fields: []Field{{Name: "freeze", Type: ID}, {Name: "reason", Type: Text, Optional: true}}, Link: "/standing", Collapse: "freeze"},
	{Kind: "account_unfrozen", Category: Moderation, To: "whose money was frozen", Link: "/wallet", Collapse: "freeze"},
	{Kind: "account_warned", Category: Moderation, To: "who was warned", Fields: reasonFields, Link: "/standing", Collapse: "standing"},
	{Kind: "account_suspended", Category: Moderation, To: "who is suspended", Fields: and(reasonFields, Field{Name: "until", Type: Time}), Link: "/standing", Collapse: "standing"},
	{Kind: "account_banned", Category: Moderation, To: "who is banned", Fields: reasonFields, Link: "/standing", Collapse: "standing"},
	{Kind: "account_restored", Category: Moderation, To: "who may act again", Fields: reasonFields, Link: "/standing", Collapse: "standing"},
	{Kind: "clip_hidden", Category: Moderation, To: "the speaker", Fields: and(reasonFields, Field{Name: "clip", Type: ID}), Link: "/clips/{clip}", Collapse: "clip:{clip}"},
	{Kind: "clip_restored", Category: Moderation, To: "the speaker", Fields: and(reasonFields, Field{Name: "clip", Type: ID}), Link: "/clips/{clip}", Collapse: "clip:{clip}"},
	{Kind: "rewards_stripped", Category: Moderation, To: "who was paid", Fields: and(reasonFields, Field{Name: "amount", Type: Money}), Link: "/wallet", Collapse: "stripped"},
	{Kind: "content_hidden", Category: Moderation, To: "whose it is", Fields: and(reasonFields, Field{Name: "subject_type", Type: Text}, Field{Name: "subject_id", Type: ID}), Link: "/standing", Collapse: "content:{subject_id}"},
	{Kind: "content_restored", Category: Moderation, To: "whose it is", Fields: and(reasonFields, Field{Name: "subject_type", Type: Text}, Field{Name: "subject_id", Type: ID}), Link: "/standing", Collapse: "content:{subject_id}"},
	{Kind: "decision_made", Category: Moderation, To: "whom it is about", Fields: []Field{{Name: "decision", Type: ID}, {Name: "action", Type: Text}, {Name: "reason", Type: Text, Optional: true}}, Link: "/decisions/{decision}", Collapse: "decision:{decision}"},
	{Kind: "case_assigned", Category: Moderation, To: "the moderator who has it now", Fields: []Field{{Name: "case", Type: ID}}, Link: "/cases/{case}", Collapse: "case:{case}"},
	{Kind: "case_escalated", Category: Moderation, To: "the moderator or the admins for whom it waits", Fields: []Field{{Name: "case", Type: ID}}, Link: "/cases/{case}", Collapse: "case:{case}"},
	{Kind: "case_overdue", Category: Moderation, To: "the moderator who has it", Fields: []Field{{Name: "case", Type: ID}}, Link: "/cases/{case}", Collapse: "case:{case}"},
	{Kind: "report_resolved", Category: Moderation, To: "who reported", Fields: []Field{{Name: "report", Type: ID}}, Link: "/reports/{report}", Collapse: "report:{report}", Digest: "reports"},
	{Kind: "appeal_decided", Category: Moderation, To: "who appealed", Link: "/appeals/{appeal}", Collapse: "appeal:{appeal}",
		Fields: []Field{{Name: "appeal", Type: ID}, {Name: "subject_type", Type: Text}, {Name: "subject_id", Type: ID},
			{Name: "overturned", Type: Flag}, {Name: "reason", Type: Text, Optional: true}},
		Variant: "overturned", Variants: []string{"true", "false"}},
	{Kind: "appeal_outcome", Category: Moderation, To: "who made the decision", Link: "/appeals/{appeal}", Collapse: "appeal:{appeal}",
		Fields: []Field{{Name: "appeal", Type: ID}, {Name: "subject_type", Type: Text}, {Name: "subject_id", Type: ID},
			{Name: "overturned", Type: Flag}, {Name: "reason", Type: Text, Optional: true}},
		Variant: "overturned", Variants: []string{"true", "false"}},

	// People.
	{Kind: "follower", Category: Social, To: "who is followed", Fields: personFields, Link: "/people/{from}", Collapse: "follower:{from}", Actor: "from", Digest: "followers"},

	// Live and calls.
	{Kind: "stream_live", Category: Live, To: "the followers of the host", Fields: and(personFields, Field{Name: "stream", Type: ID}, Field{Name: "title", Type: Text}), Link: "/streams/{stream}", Collapse: "stream:{stream}", Lasts: time.Hour, Actor: "from", Thread: "stream"},
	{Kind: "stage_invite", Category: Live, To: "who is asked on stage", Urgent: true, Fields: and(personFields, Field{Name: "stream", Type: ID}), Link: "/streams/{stream}", Collapse: "stage:{stream}", Lasts: 2 * time.Minute, Actor: "from", Thread: "stream"},
	{Kind: "call_ring", Category: Calls, To: "who is called", Urgent: true, Fields: and(personFields, Field{Name: "call", Type: ID}), Link: "/calls/{call}", Collapse: "call:{call}", Lasts: RingLasts, Actor: "from"},
	{Kind: "call_missed", Category: Calls, To: "who was called", Fields: and(personFields, Field{Name: "call", Type: ID}), Link: "/calls/{call}", Collapse: "call:{call}", Actor: "from", Digest: "{from}"},

	// From the people who run it.
	{Kind: "announcement", Category: Announcements, To: "an audience that an admin chose", Fields: []Field{{Name: "announcement", Type: ID}, {Name: "title", Type: Text}, {Name: "text", Type: Text}}, Link: "/announcements/{announcement}", Collapse: "announcement:{announcement}"},
}
