package collections

import (
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"
)

// UsersID is the fixed id of PocketBase's own users collection.
const UsersID = "_pb_users_auth_"

// Roles and standings of a person. Both are written by the server only.
const (
	RoleValidator  = "validator"
	RoleAmbassador = "ambassador"
	RoleModerator  = "moderator"

	StandingGood      = "good"
	StandingWarned    = "warned"
	StandingSuspended = "suspended"
	StandingBanned    = "banned"
)

// tokenSeconds is how long a phone that is offline stays signed in: 14 days.
// A ban or suspension ends tokens at once, whatever their age.
const tokenSeconds = 14 * 24 * 60 * 60

func users() *core.Collection {
	c := core.NewAuthCollection("users", UsersID)
	describeID(c)
	describeAuthFields(c)
	c.Fields.Add(
		presentable(required(&core.TextField{
			Name: "username", Min: 3, Max: 30,
			Help: "Public handle, 3 to 30 letters, digits, dots, dashes or underscores; unique whatever the case.",
		})),
		secret(&core.TextField{
			Name: "username_key", Max: 90, Help: "The folded form of the username that makes it unique.",
		}),
		&core.TextField{Name: "name", Max: 80, Help: "Public display name."},
		&core.FileField{
			Name: "avatar", MaxSelect: 1, MaxSize: 2 << 20, Thumbs: []string{"96x96", "256x256"},
			MimeTypes: []string{"image/jpeg", "image/png", "image/webp"}, Help: "Public picture, up to 2 MiB.",
		},
		text("bio", 500, "Public text about the person."),
		&core.TextField{Name: "country", Pattern: `^[A-Z]{2}$`, Help: "ISO 3166-1 alpha-2 code, public."},
		&core.RelationField{
			Name: "languages", CollectionId: ID("languages"), MaxSelect: 20,
			Help: "Languages the person speaks, public; votes are possible in these.",
		},
		&core.RelationField{
			Name: "badges", CollectionId: ID("badges"), MaxSelect: 200,
			Help: "What the person earned, public; given by the server.",
		},
		secret(&core.SelectField{
			Name: "roles", MaxSelect: 3, Values: []string{RoleValidator, RoleAmbassador, RoleModerator},
			Help: "Promoted ranks; set by the server and superusers, seen by the person only.",
		}),
		secret(&core.SelectField{
			Name: "standing", MaxSelect: 1, Required: true,
			Values: []string{StandingGood, StandingWarned, StandingSuspended, StandingBanned},
			Help:   "Suspension and ban end every session at once; seen by the person only.",
		}),
		secret(&core.AutodateField{Name: "created", OnCreate: true}),
		secret(&core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true}),
	)
	c.AddIndex("idx_users_username_key", true, "username_key", "")
	// One person per address, whatever the case it is written in.
	c.AddIndex("idx_email_"+UsersID, true, "`email` COLLATE NOCASE", "`email` != ''")
	// PocketBase's look-ups by address cannot use an index with a condition.
	c.AddIndex("idx_users_email", false, "`email` COLLATE NOCASE", "")

	// A banned person is on no list and found by no search; who has the id sees a
	// card without words and picture.
	c.ListRule = rule(signedIn + ` && (standing != "banned" || ` + moderator + `)`)
	c.ViewRule = rule(signedIn)
	c.CreateRule = anyone()
	c.UpdateRule = own("id")

	c.OTP.Enabled = true
	c.AuthAlert.Enabled = false // would send mail inside the sign-in request
	c.AuthToken.Duration = tokenSeconds
	c.OAuth2.MappedFields.Name = "name"
	c.OAuth2.MappedFields.AvatarURL = "avatar"
	return c
}

// describeAuthFields gives PocketBase's own auth fields help texts and hides
// what is not on the public card. Hidden fields cannot be written by clients
// either, so an e-mail address stays private whatever a client sends.
func describeAuthFields(c *core.Collection) {
	for name, help := range map[string]string{
		core.FieldNamePassword: "Hash of the password.",
		core.FieldNameTokenKey: "Changing it ends every session of the person.",
	} {
		switch field := c.Fields.GetByName(name).(type) {
		case *core.PasswordField:
			field.Help = help
		case *core.TextField:
			field.Help = help
		}
	}
	if field, ok := c.Fields.GetByName(core.FieldNameEmail).(*core.EmailField); ok {
		field.Help = "Private address for signing in."
	}
	if field, ok := c.Fields.GetByName(core.FieldNameEmailVisibility).(*core.BoolField); ok {
		field.Help = "Always off: e-mail addresses are private."
		field.Hidden = true
	}
	if field, ok := c.Fields.GetByName(core.FieldNameVerified).(*core.BoolField); ok {
		field.Help = "The e-mail address was confirmed; seen by the person only."
		field.Hidden = true
	}
}

// superusersID is the id that PocketBase gives the collection of admins.
var superusersID = core.NewAuthCollection(core.CollectionNameSuperusers).Id

// superusers are the admins, as PocketBase makes them, and the person that each
// of them is: who approves money must be known as one.
func superusers() *core.Collection {
	c := core.NewAuthCollection(core.CollectionNameSuperusers)
	c.System = true
	c.Fields.Add(
		&core.AutodateField{Name: "created", System: true, OnCreate: true},
		&core.AutodateField{Name: "updated", System: true, OnCreate: true, OnUpdate: true},
		presentable(optional(toUser("person", "The user that this admin is, if any. Set once; who approves payouts must have it."))),
	)
	return c
}

func privateProfiles() *core.Collection {
	c := base("private_profiles",
		presentable(toUser("user", "The person; one row each, made at sign-up.")),
		text("legal_name", 120, "Name as on the bank account; needed for payouts."),
		&core.TextField{Name: "phone", Pattern: `^\+[1-9][0-9]{6,14}$`, Help: "E.164, for example +2348012345678."},
		&core.NumberField{Name: "birth_year", OnlyInt: true, Min: types.Pointer(1900.0), Max: types.Pointer(2100.0), Help: "Year of birth."},
		text("region", 80, "State or region."),
		text("city", 80, "Town."),
		&core.TextField{Name: "time_zone", Max: 60, Pattern: `^[A-Za-z_]+(/[A-Za-z0-9_+-]+)*$`, Help: "IANA name, for example Africa/Lagos."},
		&core.TextField{Name: "interface_language", Max: 35, Pattern: `^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$`, Help: "BCP 47 tag of the app's language."},
		&core.BoolField{Name: "off_leaderboards", Help: "The person is on no leaderboard."},
		secret(text("region_key", 90, "Country and folded region, by which ambassadors' figures count people.")),
		updated(),
	)
	c.AddIndex("idx_private_profiles_user", true, "user", "")
	c.AddIndex("idx_private_profiles_region", false, "region_key", "region_key != ''")
	c.ListRule = own("user")
	c.ViewRule = own("user")
	c.UpdateRule = own("user")
	return c
}

func confirmations() *core.Collection {
	c := base("confirmations",
		presentable(optional(toUser("user", "Who confirmed, if a person."))),
		presentable(optional(&core.RelationField{Name: "admin", CollectionId: superusersID, MaxSelect: 1, Help: "Who confirmed, if an admin."})),
		presentable(required(text("purpose", 40, "The one act it is for."))),
		required(text("token_hash", 64, "SHA-256 of the value given to the client.")),
		&core.DateField{Name: "expires_at", Required: true, Help: "Not valid after this time (UTC)."},
		&core.DateField{Name: "used_at", Help: "When it was spent (UTC)."},
	)
	c.AddIndex("idx_confirmations_token_hash", true, "token_hash", "")
	return c
}

func blocks() *core.Collection {
	c := base("blocks",
		presentable(toUser("user", "Who blocks.")),
		presentable(toUser("blocked", "Who is blocked: neither sees the other's clips.")),
		created(),
	)
	c.AddIndex("idx_blocks_pair", true, "user, blocked", "")
	c.AddIndex("idx_blocks_blocked", false, "blocked", "")
	c.ListRule = own("user")
	c.ViewRule = own("user")
	c.CreateRule = rule(signedIn)
	c.DeleteRule = own("user")
	return c
}

func relations() *core.Collection {
	c := base("relations",
		presentable(toUser("a", "One person.")),
		presentable(toUser("b", "The other person.")),
		presentable(required(text("kind", 40, "Why they are linked, for example payout_account, device or referral."))),
		text("note", 300, "What was seen."),
		created(),
	)
	c.AddIndex("idx_relations_pair", true, "a, b, kind", "")
	c.AddIndex("idx_relations_b", false, "b", "")
	return c
}
