// Package referral decides who brought whom, when a person who was brought
// counts as active, and what the one who brought them earns for it.
//
// It refuses to pay for a sign-up: a bonus falls due when the person has done
// approved work on several days, judged by people who do not stand near the
// referrer. It refuses codes that look like other codes, people who bring
// themselves, rings, commission on bonuses or over two generations, and to pay
// or take back one thing twice. What a cap cuts is named, never rounded away.
//
// Suspicion is not decided here but in package risk. Time, randomness and policy
// are arguments; the callers store what is decided, with the policy's version.
package referral
