// Package collections decides what the schema is now: every collection, field,
// index and API rule of Lingualink, one file per subject. It refuses nothing at
// run time; migrations/ holds the frozen history that leads here and a test
// proves that both agree.
package collections

import (
	"slices"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/lingualink/lingualink/internal/money"
)

// All returns freshly built definitions in an order in which every relation
// points backwards and views come last.
func All() []*core.Collection {
	return slices.Concat(aboutPeople(), aboutTerms(), aboutContributions(), aboutLive(), aboutMoney(), aboutModeration(), aboutOperation(), aboutTelling(), views())
}

// aboutPeople are people, what they are linked by and what they say against decisions.
func aboutPeople() []*core.Collection {
	return []*core.Collection{
		languages(), badges(), users(), privateProfiles(), confirmations(), blocks(),
		relations(), sightings(), riskClusters(), freezes(), clearedPairs(), appeals(),
	}
}

// aboutTerms are what contributions are asked for, agreed to, paid and recognised by.
func aboutTerms() []*core.Collection {
	return []*core.Collection{
		prompts(), consentTexts(), consents(), policies(), rewardRates(), campaigns(),
		referralCodes(), referralClaims(), referrals(), referrers(), ambassadorApplications(), ambassadors(),
		userBadges(), contributors(), leaderboardScores(),
	}
}

// aboutContributions are recordings, votes on them and what is known of who votes.
func aboutContributions() []*core.Collection {
	return []*core.Collection{
		clips(), goldClips(), clipTallies(), assignments(), queueCursors(), votes(),
		verdicts(), goldExposures(), validators(), skills(), skillEvents(), languageStats(),
		fits(), trust(), reviews(), escalations(), pairSignals(), pairOwners(),
		ownerSignals(),
	}
}

// aboutLive are streams and calls, who was there, and who follows whom.
func aboutLive() []*core.Collection {
	return []*core.Collection{
		follows(), followCounts(), streams(), streamSeats(), streamMessages(), streamRecordings(),
		livePresence(), liveEvents(), calls(), callParties(),
	}
}

// aboutMoney are the ledger, rewards, payouts and funding.
func aboutMoney() []*core.Collection {
	return []*core.Collection{
		ledgerAccounts(), ledgerTxs(), ledgerEntries(), rewards(), payoutAccounts(), payouts(),
		payoutEvents(), payoutSettlements(), payoutPauses(), payoutMarks(), riskFlags(), alerts(),
		paystackEvents(), orphanTransfers(), balanceRows(), reconciliations(), fundings(), fundingReturns(),
	}
}

// aboutModeration are what people report, and what is decided about it.
func aboutModeration() []*core.Collection {
	return []*core.Collection{
		cases(), reports(), caseEvents(), decisions(), strikes(), sanctions(), reporters(), takenRewards(),
		screenWords(), textHolds(),
	}
}

// aboutOperation are what the server itself runs on.
func aboutOperation() []*core.Collection {
	return []*core.Collection{
		jobs(), auditLog(), quotas(),
	}
}

// aboutTelling are what people are told, by which ways, and what they have set for it.
func aboutTelling() []*core.Collection {
	return []*core.Collection{
		notifications(), notificationPreferences(), notificationMutes(), pushDevices(),
		deliveries(), deliveryChannels(), announcements(),
	}
}

// views are what admins look at.
func views() []*core.Collection {
	return []*core.Collection{
		queueView(), goldView(), ledgerView(), campaignsView(), payoutsView(),
	}
}

// extended are PocketBase's own collections to which fields are added.
func extended() []*core.Collection {
	return []*core.Collection{superusers()}
}

// Rule fragments. Every rule that lets somebody in names who that is.
const (
	// signedIn is a person, as opposed to a guest or a superuser.
	signedIn = `@request.auth.collectionName = "users"`
	// moderator is a person with that role.
	moderator = `@request.auth.roles:each ?= "moderator"`
	// activeModerator is one who may act, where restricted people read their own rows.
	activeModerator = moderator + ` && @request.auth.standing != "suspended" && @request.auth.standing != "banned"`
)

// own limits a row to the person in the given relation field.
func own(field string) *string { return rule(field + ` = @request.auth.id && ` + signedIn) }

// ownOrModerator limits a row to the person in the given field and moderators.
func ownOrModerator(field string) *string {
	return rule(`(` + *own(field) + `) || (` + activeModerator + `)`)
}

func rule(expression string) *string { return types.Pointer(expression) }

// anyone is the rule of what guests may read too.
func anyone() *string { return rule("") }

// ID is the id of a base collection of this name, for relation fields.
func ID(name string) string { return core.NewBaseCollection(name).Id }

// base builds a base collection without API access: rules are granted by the
// caller, one by one.
func base(name string, fields ...core.Field) *core.Collection {
	collection := core.NewBaseCollection(name)
	describeID(collection)
	collection.Fields.Add(fields...)
	return collection
}

func describeID(collection *core.Collection) {
	if id, ok := collection.Fields.GetByName("id").(*core.TextField); ok {
		id.Help = "15 characters a-z 0-9; a client may make it, so that a repeated request is recognised."
	}
}

// view builds a read-only collection for superusers.
func view(name, query string) *core.Collection {
	collection := core.NewViewCollection(name)
	collection.ViewQuery = query
	return collection
}

// created and updated are the usual timestamps.
func created() core.Field {
	return &core.AutodateField{Name: "created", OnCreate: true}
}

func updated() core.Field {
	return &core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true}
}

// to is a required relation to one row of a base collection. It never cascades.
func to(field, collection, help string) *core.RelationField {
	return &core.RelationField{Name: field, CollectionId: ID(collection), MaxSelect: 1, Required: true, Help: help}
}

// toUser is a required relation to one person. It never cascades: a person with
// history is anonymised, not deleted.
func toUser(field, help string) *core.RelationField {
	return &core.RelationField{Name: field, CollectionId: UsersID, MaxSelect: 1, Required: true, Help: help}
}

func optional(relation *core.RelationField) *core.RelationField {
	relation.Required = false
	return relation
}

// minor is an amount in minor units that the server writes.
func minor(name, help string) *core.NumberField {
	return &core.NumberField{
		Name: name, OnlyInt: true, Help: help,
		Min: types.Pointer(-float64(money.MaxMinor)), Max: types.Pointer(float64(money.MaxMinor)),
	}
}

// count is a non-negative whole number.
func count(name, help string) *core.NumberField {
	return &core.NumberField{Name: name, OnlyInt: true, Min: types.Pointer(0.0), Help: help}
}

func oneOf(name, help string, values ...string) *core.SelectField {
	return &core.SelectField{Name: name, MaxSelect: 1, Required: true, Values: values, Help: help}
}

func currency(help string) *core.SelectField {
	codes := make([]string, 0, len(money.Currencies()))
	for _, code := range money.Currencies() {
		codes = append(codes, string(code))
	}
	return oneOf("currency", help, codes...)
}

func text(name string, maxRunes int, help string) *core.TextField {
	return &core.TextField{Name: name, Max: maxRunes, Help: help}
}

func required(field *core.TextField) *core.TextField {
	field.Required = true
	return field
}

func presentable[F core.Field](field F) F {
	switch typed := any(field).(type) {
	case *core.TextField:
		typed.Presentable = true
	case *core.RelationField:
		typed.Presentable = true
	case *core.SelectField:
		typed.Presentable = true
	case *core.NumberField:
		typed.Presentable = true
	case *core.BoolField:
		typed.Presentable = true
	case *core.DateField:
		typed.Presentable = true
	}
	return field
}

// secret fields leave only to superusers; clients can neither read, write,
// filter nor sort by them.
func secret[F core.Field](field F) F {
	field.SetHidden(true)
	return field
}
