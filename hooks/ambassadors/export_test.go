package ambassadors

import "github.com/pocketbase/pocketbase/core"

// What the tests look into.
const (
	DueQuery       = dueQuery
	ReferrersQuery = referrersQuery
	StayedQuery    = stayedQuery
	FiguresQuery   = figuresQuery
	NewcomersQuery = newcomersQuery
	BroughtQuery   = broughtQuery
	TierBatch      = tierBatch
	RegionBatch    = regionBatch
)

// FillRegions is the pass over all profiles that every start makes.
func FillRegions(app core.App) error {
	pass := regionPass{}
	for !pass.done {
		if err := pass.run(app); err != nil {
			return err
		}
	}
	return nil
}
