package collections

import (
	"github.com/pocketbase/pocketbase/core"

	referralrules "github.com/lingualink/lingualink/internal/referral"
)

// How a referral code came to be.
const (
	CodeGenerated = "generated"
	CodeChosen    = "chosen"
)

// Where a person stands whom somebody brought.
const (
	ReferralInvited   = "invited"   // attributed, not active yet
	ReferralActive    = "active"    // the bonus of the round was due
	ReferralWithdrawn = "withdrawn" // was active; what made it so was overturned
	ReferralBarred    = "barred"    // found to be no person of their own
)

// States of an ambassador's application.
const (
	ApplicationPending  = "pending"
	ApplicationApproved = "approved"
	ApplicationRejected = "rejected"
)

func referralCodes() *core.Collection {
	c := base("referral_codes",
		presentable(toUser("user", "Whose code it is.")),
		presentable(required(text("code", 20, "What is shown: A-Z, 0-9 and hyphens."))),
		required(text("key", 60, "What the code looks like; codes of one key are one code.")),
		oneOf("origin", "Made by the server, or chosen by an ambassador.", CodeGenerated, CodeChosen),
		&core.BoolField{Name: "current", Help: "The one that is shown. Older ones stay bound to the person."},
		&core.DateField{Name: "created", Required: true, Help: "When (UTC)."},
	)
	c.AddIndex("idx_referral_codes_key", true, "key", "")
	c.AddIndex("idx_referral_codes_current", true, "user", "current = 1")
	c.AddIndex("idx_referral_codes_user", false, "user, created", "")
	c.ListRule = own("user")
	c.ViewRule = own("user")
	return c
}

// referralClaims are every use of a code, with what came of it: the refused ones
// tell about attempts to swap. What is in them of others is nobody's business.
func referralClaims() *core.Collection {
	c := base("referral_claims",
		presentable(toUser("user", "Who used the code.")),
		presentable(toUser("referrer", "Whose code it was.")),
		to("code", "referral_codes", "The code."),
		presentable(required(text("outcome", 40, "What came of it, for example attributed or too_late."))),
		oneOf("via", "At sign-up or later.", "signup", "claim"),
		count("policy_version", "Version of the referrals policy; 0 is the default in code."),
		&core.DateField{Name: "created", Required: true, Help: "When (UTC)."},
	)
	c.AddIndex("idx_referral_claims_user", false, "user, created", "")
	c.AddIndex("idx_referral_claims_referrer", false, "referrer, created", "")
	return c
}

func referrals() *core.Collection {
	c := base("referrals",
		presentable(toUser("referred", "Who was brought; once, for ever.")),
		presentable(toUser("referrer", "Who brought them.")),
		secret(to("code", "referral_codes", "The code that was used.")),
		presentable(oneOf("state", "Where the person stands.", ReferralInvited, ReferralActive, ReferralWithdrawn, ReferralBarred)),
		count("round", "How often the person became active."),
		&core.DateField{Name: "activated_at", Help: "When the person last became active (UTC)."},
		secret(&core.JSONField{Name: "activation", MaxSize: 60000, Help: "What the person did that counts, with the terms it is held against."}),
		secret(optional(to("campaign", "campaigns", "Who pays: the campaign of the latest act that counted."))),
		count("policy_version", "Version of the referrals policy whose terms hold; 0 is the default in code."),
		created(), updated(),
	)
	c.AddIndex("idx_referrals_referred", true, "referred", "")
	c.AddIndex("idx_referrals_referrer", false, "referrer, state, created", "")
	c.ListRule = rule(`(referrer = @request.auth.id || referred = @request.auth.id) && ` + signedIn)
	c.ViewRule = rule(`(referrer = @request.auth.id || referred = @request.auth.id) && ` + signedIn)
	return c
}

// referrers are the tiers of people who bring people, reckoned once a month.
func referrers() *core.Collection {
	c := base("referrers",
		presentable(toUser("user", "Whose tier it is; one row each.")),
		presentable(&core.SelectField{Name: "tier", MaxSelect: 1, Help: "Multiplies the bonuses of the month; empty is none.",
			Values: []string{string(referralrules.Bronze), string(referralrules.Silver), string(referralrules.Gold)}}),
		presentable(required(text("month", 7, "The month that it is for, for example 2027-02."))),
		count("retained", "People they brought who stayed, at the start of the month."),
		count("policy_version", "Version of the referrals policy; 0 is the default in code."),
		updated(),
	)
	c.AddIndex("idx_referrers_user", true, "user", "")
	c.ListRule = own("user")
	c.ViewRule = own("user")
	return c
}

func ambassadorApplications() *core.Collection {
	c := base("ambassador_applications",
		presentable(toUser("user", "Who applies.")),
		presentable(&core.TextField{Name: "country", Required: true, Pattern: `^[A-Z]{2}$`, Help: "ISO 3166-1 alpha-2 code of the region."}),
		presentable(required(text("region", 80, "The state or region they want to work in."))),
		required(text("motivation", 2000, "Why they want to be one.")),
		text("experience", 2000, "What they have done before."),
		presentable(oneOf("state", "Pending until an admin decides.", ApplicationPending, ApplicationApproved, ApplicationRejected)),
		text("reason", 500, "Why it was decided so, for the applicant."),
		secret(text("decided_by", 80, "Who decided.")),
		&core.DateField{Name: "decided_at", Help: "When (UTC)."},
		created(), updated(),
	)
	c.AddIndex("idx_ambassador_applications_pending", true, "user", "state = 'pending'")
	c.AddIndex("idx_ambassador_applications_state", false, "state, created", "")
	c.ListRule = own("user")
	c.ViewRule = own("user")
	c.CreateRule = rule(signedIn)
	return c
}

func ambassadors() *core.Collection {
	c := base("ambassadors",
		presentable(toUser("user", "Who it is.")),
		presentable(&core.TextField{Name: "country", Required: true, Pattern: `^[A-Z]{2}$`, Help: "ISO 3166-1 alpha-2 code of the region."}),
		presentable(required(text("region", 80, "The state or region."))),
		required(text("region_key", 90, "Country and folded region, by which people of the region are found.")),
		minor("stipend_minor", "Minor units a month; 0 is none."),
		currency("ISO 4217 code of the stipend."),
		secret(optional(to("campaign", "campaigns", "Who pays the stipend."))),
		count("version", "Of these terms; a stipend stores it."),
		&core.DateField{Name: "since", Required: true, Help: "Ambassador from this time on (UTC)."},
		&core.DateField{Name: "ended_at", Help: "Until this time (UTC); empty: still."},
		required(text("next_month", 7, "The first month whose stipend was not posted yet, for example 2027-02.")),
		secret(text("approved_by", 80, "Who set these terms last.")),
		created(), updated(),
	)
	c.AddIndex("idx_ambassadors_user", true, "user", "ended_at = ''")
	c.AddIndex("idx_ambassadors_due", false, "ended_at, next_month", "")
	c.ListRule = own("user")
	c.ViewRule = own("user")
	return c
}
