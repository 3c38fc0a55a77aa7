package ambassadors

import (
	"database/sql"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/money"
)

// maxRegionRunes is how long the name of a region may be.
const maxRegionRunes = 80

var countryPattern = regexp.MustCompile(`^[A-Z]{2}$`)

// termsBody is where an ambassador works and what it brings.
type termsBody struct {
	Country      string `json:"country,omitempty" help:"ISO 3166-1 alpha-2 code; left out: as it was, or as applied for."`
	Region       string `json:"region,omitempty" help:"State or region; left out: as it was, or as applied for."`
	StipendMinor *int64 `json:"stipend_minor" help:"Minor units a month; needed. 0 is none."`
	Currency     string `json:"currency" help:"ISO 4217 code of the stipend."`
	Campaign     string `json:"campaign,omitempty" help:"Open campaign of that currency that pays; needed unless the stipend is 0."`
}

type changeBody struct {
	termsBody
	Version int64  `json:"version" help:"Version of the terms that you saw; they are changed only if they still are the ones in force."`
	Reason  string `json:"reason" help:"Why, for the ambassador; 1 to 500 characters."`
}

type ambassadorData struct {
	Ambassador string `json:"ambassador"`
	User       string `json:"user"`
	Version    int64  `json:"version" help:"Of the terms in force."`
	NextMonth  string `json:"next_month" help:"The first month whose stipend was not posted yet."`
	Ended      bool   `json:"ended"`
}

func registerTerms(deps *shell.Deps) {
	deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/ambassadors/{id}/terms", Who: shell.Superuser, Params: confirmation(confirmTerms), Body: changeBody{}, Data: ambassadorData{},
		What:   "Change region and stipend from the next month that was not posted on. Months that are due are posted by the old terms first.",
		Faults: append([]*fault.Code{fault.AmbassadorEnded, fault.AmbassadorChanged}, deciderFaults...),
		Handle: func(e *core.RequestEvent) error {
			body, err := shell.Bind[changeBody](e)
			if err != nil {
				return err
			}
			if body.Reason, err = reason(body.Reason, true); err != nil {
				return err
			}
			var data ambassadorData
			err = e.App.RunInTransaction(func(tx core.App) (err error) {
				if data, err = changeTerms(tx, deps, e.Request.PathValue("id"), body, e.Auth); err != nil {
					return err
				}
				return accounts.UseConfirmation(tx, deps.Clock.Now(), e.Auth, confirmTerms, e.Request.Header.Get("X-Confirmation"))
			})
			if err != nil {
				return err
			}
			return shell.OK(e, data, "The terms are changed.")
		},
	})
	deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/ambassadors/{id}/end", Who: shell.Superuser, Body: rejectBody{}, Data: ambassadorData{},
		What:   "End it: the role is taken, and nothing that was not posted yet is paid any more.",
		Faults: []*fault.Code{fault.NotFound, fault.InvalidInput, fault.AmbassadorEnded, fault.OwnApplication},
		Handle: func(e *core.RequestEvent) error {
			body, err := shell.Bind[rejectBody](e)
			if err != nil {
				return err
			}
			if body.Reason, err = reason(body.Reason, true); err != nil {
				return err
			}
			data, err := shell.Transact(e.App, func(tx core.App) (ambassadorData, error) {
				return end(tx, deps, e.Request.PathValue("id"), body.Reason, e.Auth)
			})
			if err != nil {
				return err
			}
			return shell.OK(e, data, "The person is no longer an ambassador.")
		},
	})
}

// terms are checked.
type terms struct {
	Country, Region    string
	StipendMinor       int64
	Currency, Campaign string
}

// over reads the body, with what it leaves out from a record that has a country
// and a region, and checks it against the campaigns as they are now.
func (b termsBody) over(tx core.App, before *core.Record) (terms, error) {
	t := terms{Country: b.Country, Region: strings.TrimSpace(b.Region), Currency: b.Currency, Campaign: b.Campaign}
	if t.Country == "" {
		t.Country = before.GetString("country")
	}
	if t.Region == "" {
		t.Region = before.GetString("region")
	}
	switch {
	case !countryPattern.MatchString(t.Country):
		return t, fault.InvalidInput.On("country").Saying("Send the two capital letters of the country, for example NG.")
	case utf8.RuneCountInString(t.Region) > maxRegionRunes || foldRegion(t.Region) == "":
		return t, fault.InvalidInput.On("region").Saying("Name the state or region, in at most 80 characters.")
	case b.StipendMinor == nil:
		return t, fault.InvalidInput.On("stipend_minor").Saying("Send the stipend; 0 is none.")
	}
	t.StipendMinor = *b.StipendMinor
	if t.StipendMinor != 0 {
		if err := money.ParseAmount(t.StipendMinor); err != nil {
			var refusal *fault.Error
			if errors.As(err, &refusal) {
				return t, refusal.Code.On("stipend_minor")
			}
			return t, err
		}
	}
	currency, err := money.ParseCurrency(t.Currency)
	if err != nil {
		return t, err
	}
	t.Currency = string(currency)
	if t.Campaign == "" && t.StipendMinor == 0 {
		return t, nil
	}
	return t, t.checkCampaign(tx)
}

func (t terms) checkCampaign(tx core.App) error {
	if t.Campaign == "" {
		return fault.InvalidInput.On("campaign").Saying("Say which campaign pays the stipend.")
	}
	campaign, err := tx.FindRecordById("campaigns", t.Campaign)
	if errors.Is(err, sql.ErrNoRows) {
		return fault.NotFound.On("campaign")
	}
	if err != nil {
		return err
	}
	if campaign.GetString("status") != "open" {
		return fault.CampaignUnavailable.On("campaign")
	}
	if pays := campaign.GetString("currency"); pays != t.Currency {
		return fault.InvalidInput.On("currency").Saying("The campaign pays in "+pays+".").With("currency", pays)
	}
	return nil
}

func (t terms) write(ambassador, admin *core.Record) {
	ambassador.Set("country", t.Country)
	ambassador.Set("region", t.Region)
	ambassador.Set("region_key", RegionKey(t.Country, t.Region))
	ambassador.Set("stipend_minor", t.StipendMinor)
	ambassador.Set("currency", t.Currency)
	ambassador.Set("campaign", t.Campaign)
	ambassador.Set("approved_by", shell.ActorOf(admin))
}

func (t terms) audit() map[string]any {
	return map[string]any{
		"country": t.Country, "region": t.Region, "stipend_minor": t.StipendMinor, "currency": t.Currency, "campaign": t.Campaign,
	}
}

// serving reads somebody who is still an ambassador by this row.
func serving(tx core.App, id string) (*core.Record, error) {
	ambassador, err := tx.FindRecordById("ambassadors", id)
	if err != nil {
		return nil, err
	}
	if !ambassador.GetDateTime("ended_at").IsZero() {
		return nil, fault.AmbassadorEnded.On("id")
	}
	return ambassador, nil
}

func changeTerms(tx core.App, deps *shell.Deps, id string, body changeBody, admin *core.Record) (ambassadorData, error) {
	ambassador, err := serving(tx, id)
	if err != nil {
		return ambassadorData{}, err
	}
	user := ambassador.GetString("user")
	if err := notOneself(tx, admin, user, true); err != nil {
		return ambassadorData{}, err
	}
	version := int64(ambassador.GetInt("version"))
	if body.Version != version {
		return ambassadorData{}, fault.AmbassadorChanged.On("version").With("version", version)
	}
	terms, err := body.over(tx, ambassador)
	if err != nil {
		return ambassadorData{}, err
	}
	now := deps.Clock.Now()
	if err := settle(tx, deps, now, ambassador, false); err != nil {
		return ambassadorData{}, err
	}
	terms.write(ambassador, admin)
	ambassador.Set("version", version+1)
	if err := tx.Save(ambassador); err != nil {
		return ambassadorData{}, err
	}
	data := terms.audit()
	data["user"], data["version"] = user, version+1
	err = shell.Audit(tx, now, shell.Act{
		Actor: shell.ActorOf(admin), Action: "ambassador.terms", SubjectType: "ambassadors", SubjectID: id, Reason: body.Reason, Data: data,
	})
	if err != nil {
		return ambassadorData{}, err
	}
	return dataOf(ambassador), shell.Notify(tx, deps, "ambassador_terms:"+id+":"+ambassador.GetString("version"), shell.Notice{
		User: user, Kind: "ambassador_terms", Title: "Your terms as an ambassador have changed",
		Body: "Region: " + terms.Region + ". Stipend a month: " + money.Format(terms.StipendMinor, money.Currency(terms.Currency)) + ". " + body.Reason,
		Data: map[string]any{"ambassador": id, "version": version + 1},
	})
}

func end(tx core.App, deps *shell.Deps, id, why string, admin *core.Record) (ambassadorData, error) {
	ambassador, err := serving(tx, id)
	if err != nil {
		return ambassadorData{}, err
	}
	user := ambassador.GetString("user")
	if err := notOneself(tx, admin, user, false); err != nil {
		return ambassadorData{}, err
	}
	now := deps.Clock.Now()
	if err := settle(tx, deps, now, ambassador, true); err != nil {
		return ambassadorData{}, err
	}
	ambassador.Set("ended_at", now)
	if err := tx.Save(ambassador); err != nil {
		return ambassadorData{}, err
	}
	person, err := tx.FindRecordById("users", user)
	if err != nil {
		return ambassadorData{}, err
	}
	if err := setRole(tx, deps, person, false, admin); err != nil {
		return ambassadorData{}, err
	}
	err = shell.Audit(tx, now, shell.Act{
		Actor: shell.ActorOf(admin), Action: "ambassador.end", SubjectType: "ambassadors", SubjectID: id, Reason: why,
		Data: map[string]any{"user": user, "next_month": ambassador.GetString("next_month")},
	})
	if err != nil {
		return ambassadorData{}, err
	}
	return dataOf(ambassador), shell.Notify(tx, deps, "ambassador_end:"+id, shell.Notice{
		User: user, Kind: "ambassador_ended", Title: "You are no longer an ambassador", Body: why, Data: map[string]any{"ambassador": id, "reason": why},
	})
}

func dataOf(ambassador *core.Record) ambassadorData {
	return ambassadorData{
		Ambassador: ambassador.Id, User: ambassador.GetString("user"), Version: int64(ambassador.GetInt("version")),
		NextMonth: ambassador.GetString("next_month"), Ended: !ambassador.GetDateTime("ended_at").IsZero(),
	}
}

// setRole gives or takes the role ambassador. The person was read inside the
// transaction, so that no other role is lost.
func setRole(tx core.App, deps *shell.Deps, person *core.Record, holds bool, admin *core.Record) error {
	before := person.GetStringSlice("roles")
	if slices.Contains(before, collections.RoleAmbassador) == holds {
		return nil
	}
	after := slices.DeleteFunc(slices.Clone(before), func(role string) bool { return role == collections.RoleAmbassador })
	if holds {
		after = append(after, collections.RoleAmbassador)
	}
	person.Set("roles", after)
	person.IgnoreUnchangedFields(true)
	if err := tx.SaveNoValidate(person); err != nil {
		return err
	}
	return shell.Audit(tx, deps.Clock.Now(), shell.Act{
		Actor: shell.ActorOf(admin), Action: "user.roles", SubjectType: "users", SubjectID: person.Id,
		Data: map[string]any{"from": before, "to": after},
	})
}
