package consensus

import (
	"time"

	"github.com/pocketbase/pocketbase/core"
)

// The sweep that looks for collusion, and the queries whose plans matter.
var (
	Watch           = watch
	ErrWatched      = errWatched
	SettledQuery    = settledQuery
	DecidedQuery    = decidedQuery
	PairsQuery      = pairsQuery
	AffinitiesQuery = affinitiesQuery
	FavouriteQuery  = favouriteQuery
	ExcludedQuery   = excludedQuery
	OneAnswerQuery  = oneAnswerQuery
)

// WatchSome looks at so many clips at most and returns at how many.
func WatchSome(app core.App, now time.Time, limit int) (int, error) {
	rows, err := watchSome(app, now, 0, limit)
	return len(rows), err
}

// TriplesQuery is the query for the stored rows of some keys.
func TriplesQuery(query string, keys [][3]string) string {
	statement, _ := triples(query, keys, func(key [3]string) [3]string { return key })
	return statement
}
