package referral

import "time"

// CutStanding names why a month brings an ambassador nothing: at its posting the
// person was suspended or banned, or no ambassador any more.
const CutStanding Cut = "standing"

const monthLayout = "2006-01"

// MonthName names the month of a moment (UTC), for example 2027-02. Names sort as
// their months do.
func MonthName(t time.Time) string { return t.UTC().Format(monthLayout) }

// NextMonth is the name of the month that follows; the error is that the name is none.
func NextMonth(name string) (string, error) {
	start, err := time.Parse(monthLayout, name)
	if err != nil {
		return "", err
	}
	return MonthName(start.AddDate(0, 1, 0)), nil
}

// FirstStipendMonth is the first month that brings somebody a stipend who became
// an ambassador then: the month after. Nothing is paid for a part of a month.
func FirstStipendMonth(since time.Time) string {
	return MonthName(MonthStart(since).AddDate(0, 1, 0))
}

// MonthPay is what a month brings an ambassador with this stipend. All of it or
// nothing; no stipend is no payment and no cut.
func MonthPay(stipendMinor int64, inStanding bool) Earned {
	e := Earned{FullMinor: stipendMinor}
	switch {
	case stipendMinor == 0:
	case inStanding:
		e.AmountMinor = stipendMinor
	default:
		e.Cut = CutStanding
	}
	return e
}
