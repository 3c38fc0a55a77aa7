package ambassadors

import (
	"strings"
	"unicode"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/lingualink/lingualink/hooks/shell"
)

const (
	regionBatch = 500
	// maxKeyRunes is how long the folded name may be: some characters unfold to many.
	maxKeyRunes = 80
	// aroundWrite runs after PocketBase has uploaded files (priority 99), so that a
	// transaction opened here holds the only writer for the write alone.
	aroundWrite = 100
)

// RegionKey is what people of one region have in common, for example NG:kano;
// empty where the country or the region is not known.
func RegionKey(country, region string) string {
	folded := foldRegion(region)
	if country == "" || folded == "" {
		return ""
	}
	return country + ":" + folded
}

// foldRegion is a region's name without case, accents, blanks, punctuation and the
// word state: "Ọ̀yọ́ State", "oyo" and "OYO-STATE" are one.
func foldRegion(region string) string {
	plain := strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Mn, r):
			return -1
		case unicode.IsLetter(r), unicode.IsDigit(r), unicode.Is(unicode.Mc, r):
			return r
		default:
			return ' '
		}
	}, norm.NFKD.String(cases.Fold().String(norm.NFKD.String(region))))
	folded := strings.Builder{}
	for word := range strings.FieldsSeq(plain) {
		if word != "state" {
			folded.WriteString(word)
		}
	}
	runes := []rune(folded.String())
	return string(runes[:min(len(runes), maxKeyRunes)])
}

// registerRegions keeps private_profiles.region_key. A profile that is new has no
// region yet, so its key is empty as it should be.
func registerRegions(app core.App) {
	app.OnRecordUpdateExecute("private_profiles").Bind(&hook.Handler[*core.RecordEvent]{
		Id: "ll.private_profiles.update.region", Priority: aroundWrite,
		Func: func(e *core.RecordEvent) error {
			return shell.InTransaction(&e.App, func(tx core.App) error {
				var country string
				err := tx.DB().NewQuery("SELECT country FROM users WHERE id = {:user}").
					Bind(dbx.Params{"user": e.Record.GetString("user")}).Row(&country)
				if err != nil {
					return err
				}
				// Always: the record in memory may hold a key from before the person moved.
				e.Record.Set("region_key", RegionKey(country, e.Record.GetString("region")))
				return e.Next()
			})
		},
	})
	app.OnRecordUpdateExecute("users").Bind(&hook.Handler[*core.RecordEvent]{
		Id: "ll.users.update.region", Priority: aroundWrite,
		Func: func(e *core.RecordEvent) error {
			if e.Record.GetString("country") == e.Record.Original().GetString("country") {
				return e.Next() // not written, see ll.users.update
			}
			return shell.InTransaction(&e.App, func(tx core.App) error {
				if err := e.Next(); err != nil {
					return err
				}
				return keepKeys(tx, dbx.HashExp{"p.user": e.Record.Id})
			})
		},
	})
}

// profileRegion is what a key follows from, and the key that is stored.
type profileRegion struct {
	ID      string `db:"id"`
	Country string `db:"country"`
	Region  string `db:"region"`
	Key     string `db:"region_key"`
}

func regionsOf(app core.App) *dbx.SelectQuery {
	return app.DB().Select("p.id", "u.country", "p.region", "p.region_key").From("private_profiles p").
		InnerJoin("users u", dbx.NewExp("u.id = p.user"))
}

// keepKeys writes the keys of profiles that have another one.
func keepKeys(tx core.App, which dbx.Expression) error {
	rows := []profileRegion{}
	if err := regionsOf(tx).Where(which).All(&rows); err != nil {
		return err
	}
	wrong := []dbx.Params{}
	for _, row := range rows {
		if key := RegionKey(row.Country, row.Region); key != row.Key {
			wrong = append(wrong, dbx.Params{"id": row.ID, "region_key": key})
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return shell.ExecEach(tx, "UPDATE private_profiles SET region_key = {:region_key} WHERE id = {:id}", wrong)
}

// regionPass looks once after every start at all profiles, a batch at a time, for
// keys that are missing: from before there were keys, or folded by another version.
type regionPass struct {
	after string
	done  bool
}

func (p *regionPass) run(app core.App) error {
	if p.done {
		return nil
	}
	rows := []profileRegion{}
	err := regionsOf(app).Where(dbx.NewExp("p.id > {:after}", dbx.Params{"after": p.after})).OrderBy("p.id").Limit(regionBatch).All(&rows)
	if err != nil {
		return err
	}
	wrong := []string{}
	for _, row := range rows {
		if RegionKey(row.Country, row.Region) != row.Key {
			wrong = append(wrong, row.ID)
		}
	}
	if len(wrong) > 0 {
		// Read anew in the transaction: somebody may be moving at this moment.
		if err := app.RunInTransaction(func(tx core.App) error { return keepKeys(tx, shell.In("p.id", wrong)) }); err != nil {
			return err
		}
	}
	if p.done = len(rows) < regionBatch; !p.done {
		p.after = rows[len(rows)-1].ID
	}
	return nil
}
