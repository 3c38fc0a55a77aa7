package collections

import (
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/lingualink/lingualink/internal/notify"
)

// GeneralPreferences is the row of preferences that is for no category: it holds the
// quiet hours.
const GeneralPreferences = "general"

// Providers that bring a push to a device.
const (
	ProviderExpo    = "expo"
	ProviderFCM     = "fcm"
	ProviderWebPush = "webpush"
)

// States of a delivery.
const (
	DeliveryQueued    = "queued"
	DeliverySending   = "sending"   // handed over at this moment, or when its worker died
	DeliveryTicket    = "ticket"    // taken over; the receipt is asked for later
	DeliverySent      = "sent"      // taken over, and nothing more will be known
	DeliveryDelivered = "delivered" // the receipt says so
	DeliveryMerged    = "merged"    // told as one with another
	DeliveryDropped   = "dropped"   // the device is gone, or it may not come any more
	DeliveryExpired   = "expired"   // not worth anything any more
	DeliveryDead      = "dead"      // failed for good; an admin can replay it
	DeliveryUnknown   = "unknown"   // a mail that may have left; never sent again
)

// States of an announcement.
const (
	AnnouncementDraft     = "draft"
	AnnouncementRunning   = "running"
	AnnouncementPaused    = "paused"
	AnnouncementCancelled = "cancelled"
	AnnouncementDone      = "done"
)

func notifications() *core.Collection {
	c := base("notifications",
		presentable(toUser("user", "Who is told.")),
		presentable(required(text("kind", 60, "What happened; docs/notifications.md lists them."))),
		presentable(required(text("title", 200, "Heading, in the person's language."))),
		text("body", 2000, "Text, in the person's language."),
		&core.JSONField{Name: "data", MaxSize: 10000, Help: "Ids and figures for the app."},
		&core.BoolField{Name: "read", Help: "The person has seen it; the only field they may change."},
		created(), updated(),
		text("category", 40, "What preferences are set for."),
		text("link", 300, "Where the app goes, a path; empty for nowhere."),
		text("collapse", 200, "What has the same key is about the same thing: the newest counts."),
		optional(toUser("from", "Whose doing it is, if a person's.")),
		text("thread", 60, "The conversation or stream that can be muted."),
		text("language", 20, "The language that title and body are in."),
		&core.BoolField{Name: "urgent", Help: "It passes quiet hours."},
		&core.DateField{Name: "expires_at", Help: "Not worth showing as news after this time (UTC); empty for always."},
	)
	c.AddIndex("idx_notifications_user", false, "user, read, created", "")
	c.AddIndex("idx_notifications_created", false, "created", "")
	c.AddIndex("idx_notifications_seen", false, "created", "read = TRUE")
	c.ListRule = own("user")
	c.ViewRule = own("user")
	c.UpdateRule = own("user")
	return c
}

// choice is a switch that may be left as the defaults say.
func choice(name, help string) *core.SelectField {
	return &core.SelectField{Name: name, MaxSelect: 1, Values: []string{"on", "off"}, Help: help + " Empty for the default."}
}

// minuteOfDay is a time by the clock on the wall.
func minuteOfDay(name, help string) *core.NumberField {
	return &core.NumberField{Name: name, OnlyInt: true, Min: types.Pointer(0.0), Max: types.Pointer(24.0*60 - 1), Help: help}
}

func notificationPreferences() *core.Collection {
	categories := []string{GeneralPreferences}
	for _, rule := range notify.Rules() {
		categories = append(categories, string(rule.Category))
	}
	c := base("notification_preferences",
		presentable(toUser("user", "Whose they are.")),
		presentable(oneOf("category", "What they are for; general holds the quiet hours.", categories...)),
		choice("in_app", "Whether it comes into the inbox."),
		choice("push", "Whether it comes to devices."),
		choice("mail", "Whether it comes by e-mail."),
		minuteOfDay("quiet_from_minute", "Only with general: from this minute after midnight nothing disturbs, by the person's own clock. Two equal values mean no quiet hours."),
		minuteOfDay("quiet_to_minute", "Only with general: from this minute on it may disturb again."),
		created(), updated(),
	)
	c.AddIndex("idx_notification_preferences_category", true, "user, category", "")
	c.ListRule = own("user")
	c.ViewRule = own("user")
	c.CreateRule = rule(signedIn)
	c.UpdateRule = own("user")
	c.DeleteRule = own("user")
	return c
}

func notificationMutes() *core.Collection {
	c := base("notification_mutes",
		presentable(toUser("user", "Who does not want to be disturbed.")),
		presentable(required(text("thread", 60, "The conversation or stream, as notifications name it."))),
		created(),
	)
	c.AddIndex("idx_notification_mutes_thread", true, "user, thread", "")
	c.ListRule = own("user")
	c.ViewRule = own("user")
	c.CreateRule = rule(signedIn)
	c.DeleteRule = own("user")
	return c
}

func pushDevices() *core.Collection {
	c := base("push_devices",
		presentable(toUser("user", "Who is signed in on it.")),
		presentable(oneOf("provider", "Who brings messages to it.", ProviderExpo, ProviderFCM, ProviderWebPush)),
		required(text("token", 2048, "The push token; of webpush the endpoint. It belongs to one person at a time.")),
		text("p256dh", 120, "Only of webpush: the public key of the subscription."),
		text("auth", 40, "Only of webpush: the secret of the subscription."),
		text("vapid_key", 120, "Only of webpush: the server's public key that the subscription was made with."),
		presentable(text("name", 80, "What the person calls it.")),
		&core.DateField{Name: "last_seen", Help: "When the app last registered it (UTC)."},
		created(), updated(),
	)
	c.AddIndex("idx_push_devices_token", true, "token", "")
	c.AddIndex("idx_push_devices_user", false, "user, provider", "")
	c.AddIndex("idx_push_devices_seen", false, "last_seen", "")
	c.ListRule = own("user")
	c.ViewRule = own("user")
	c.CreateRule = rule(signedIn)
	c.DeleteRule = own("user")
	return c
}

func deliveries() *core.Collection {
	c := base("deliveries",
		presentable(toUser("user", "Who is told.")),
		presentable(required(text("kind", 60, "What happened."))),
		required(text("effect_key", 300, "One event, person, channel and device; a second with the key is not made.")),
		presentable(oneOf("channel", "By which way.", ProviderExpo, ProviderFCM, ProviderWebPush, string(notify.Mail))),
		text("device", 15, "The device of a push; it may be gone."),
		&core.JSONField{Name: "data", MaxSize: 10000, Help: "What the text is made of when it leaves."},
		text("digest", 200, "What has the same key and waits is told as one."),
		text("notification", 15, "The row of the inbox, if there is one."),
		&core.BoolField{Name: "urgent", Help: "It passes quiet hours and wakes the device."},
		presentable(oneOf("state", "Where it is.", DeliveryQueued, DeliverySending, DeliveryTicket, DeliverySent, DeliveryDelivered,
			DeliveryMerged, DeliveryDropped, DeliveryExpired, DeliveryDead, DeliveryUnknown)),
		count("attempts", "How often it was tried."),
		&core.DateField{Name: "next_at", Required: true, Help: "When it may leave, or when its receipt is asked for (UTC)."},
		&core.DateField{Name: "expires_at", Help: "Not worth sending after this time (UTC)."},
		text("ticket", 120, "What buys the receipt."),
		&core.DateField{Name: "sent_at", Help: "When a provider took it over (UTC)."},
		text("last_error", 500, "What the provider said, without keys and tokens."),
		&core.DateField{Name: "finished_at", Help: "When nothing more was to be done (UTC)."},
		&core.DateField{Name: "created", Required: true, Help: "When it happened (UTC)."},
	)
	c.AddIndex("idx_deliveries_effect_key", true, "effect_key", "")
	c.AddIndex("idx_deliveries_due", false, "channel, state, next_at", "")
	c.AddIndex("idx_deliveries_alike", false, "user, digest, sent_at", "digest != ''")
	c.AddIndex("idx_deliveries_finished", false, "state, finished_at", "finished_at != ''")
	return c
}

func deliveryChannels() *core.Collection {
	c := base("delivery_channels",
		presentable(required(text("name", 20, "The channel."))),
		&core.DateField{Name: "rests_until", Help: "Nothing leaves by it before this time (UTC)."},
		presentable(text("cause", 500, "Why it rests: what the provider said.")),
		&core.DateField{Name: "updated", Help: "When this was written (UTC)."},
	)
	c.AddIndex("idx_delivery_channels_name", true, "name", "")
	return c
}

func announcements() *core.Collection {
	c := base("announcements",
		&core.JSONField{Name: "texts", Required: true, MaxSize: 40000, Help: `Title and text per language: {"en": {"title": "...", "text": "..."}, "ha": {...}}. English is needed.`},
		optional(to("language", "languages", "Only people who speak it; empty for all.")),
		&core.TextField{Name: "country", Pattern: `^[A-Z]{2}$`, Help: "Only people of this country, ISO 3166-1 alpha-2; empty for all."},
		&core.SelectField{Name: "role", MaxSelect: 1, Values: []string{RoleValidator, RoleAmbassador, RoleModerator}, Help: "Only people with this role; empty for all."},
		presentable(oneOf("state", "Draft until it is started by a route.", AnnouncementDraft, AnnouncementRunning, AnnouncementPaused, AnnouncementCancelled, AnnouncementDone)),
		count("audience", "How many people it was for when it started."),
		presentable(count("told", "How many people have it.")),
		text("position", 15, "The last person who was reached: the next batch begins after them."),
		count("run", "Counted up by every start and resume; an older batch does nothing."),
		text("actor", 80, "Who started it."),
		&core.DateField{Name: "started_at", Help: "When it was started (UTC)."},
		&core.DateField{Name: "finished_at", Help: "When it was done or cancelled (UTC)."},
		created(), updated(),
	)
	return c
}
