package risk

import "fmt"

// publicText is for those of whom nothing was seen that they could answer for.
const publicText = "Something about how this account is used needs a look by a person."

// publicTexts say what a kind is about to those concerned, on either side of it.
// Of circumstances they say nothing.
var publicTexts = map[Kind]string{
	PayoutAccount: "Your bank account is also used by another account of this service.",
	Device:        "Your device is also used by another account of this service.",
	HolderName:    "Your bank account is held in a name that another person's account has too.",
	MutualVoting:  "Your votes and those of others agree more often than chance explains.",
	Refund:        "A payment that you made, or that your earnings came from, was returned or disputed.",
	CodeSwap:      "An invitation by you, or of you, was to be changed afterwards.",
	ClaimRace:     "Your account and another one claimed the same thing at once.",
}

// Says puts a reason into plain words for whoever decides; name writes a person.
func (r Reason) Says(name func(id string) string) string {
	a, b := name(r.A), name(r.B)
	switch r.Kind {
	case PayoutAccount:
		return fmt.Sprintf("%s and %s are paid into the same account%s.", a, b, times(r.Count, "accounts"))
	case Device:
		return fmt.Sprintf("%s and %s use the same device%s.", a, b, times(r.Count, "devices"))
	case HolderName:
		return fmt.Sprintf("%s and %s have new accounts in one holder's name%s.", a, b, times(r.Count, "accounts"))
	case MutualVoting:
		return fmt.Sprintf("%s and %s support each other's votes or clips by %d standard deviations more than chance explains.", a, b, r.Count)
	case Refund:
		return fmt.Sprintf("Between %s and %s a payment was returned or disputed after money had been paid out%s.", a, b, times(r.Count, "payments"))
	case CodeSwap:
		return fmt.Sprintf("Between %s and %s a referral was to be swapped%s.", a, b, times(r.Count, "tries"))
	case ClaimRace:
		return fmt.Sprintf("%s and %s claimed the same thing at once%s.", a, b, times(r.Count, "times"))
	case Referral:
		return fmt.Sprintf("One of %s and %s invited the other.", a, b)
	case SignupBurst:
		return fmt.Sprintf("%s and %s signed up in one place with others at the same time (%d people).", a, b, r.Count)
	case IP:
		return fmt.Sprintf("%s and %s use the same network address%s.", a, b, times(r.Count, "addresses"))
	default:
		return fmt.Sprintf("%s and %s: %s.", a, b, r.Kind)
	}
}

// times adds a count where there is more than one.
func times(count int64, things string) string {
	if count < 2 {
		return ""
	}
	return fmt.Sprintf(" (%d %s)", count, things)
}
