package names

import (
	"slices"
	"strings"
	"unicode"
)

// titles are no part of a name. What is also a given name is not among them:
// Prince, Justice, Nana, King, Comfort.
var titles = set(`
	MR MRS MISS MS MASTER MADAM MADAME MALLAM MALAM MALLAMA SIR LADY DAME
	DR DOC DOCTOR PROF PROFESSOR ENGR ENG ENGINEER ARC ARCH BARR BARRISTER ESQ SURV QS TPL PHARM NURSE
	CHIEF OTUNBA OBA OLORI HRH HRM HON HONOURABLE HONORABLE SEN SENATOR AMB GOV
	ALHAJI ALHAJA ALHAJ ALH HAJIA HAJIYA HAJ USTAZ SHEIKH SHEIK IMAM
	PASTOR PST PTR REV REVD REVEREND VEN BISHOP EVANG EVANGELIST APOSTLE DEACON DEACONESS DCN ELDER FR FATHER SISTER
	GEN COL MAJ CAPT SGT CPL INSP ASP CSP DSP
	JR JNR JUNIOR SR SNR SENIOR II III NEE`)

// particles say of whom somebody is a child or where they are from; thousands
// share them.
var particles = set(`BIN IBN BINT BINTI BN AL EL AR AN AS DE DA DI DU LA LE VAN VON DER DEN OF THE`)

// others are words of businesses, bodies and joint accounts.
var others = set(`
	LTD LIMITED PLC INC LLC COMPANY CO VENTURE VENTURES ENTERPRISE ENTERPRISES ENT BUSINESS GLOBAL INTERNATIONAL INTL
	SERVICES SERVICE TRADING TRADERS STORE STORES SHOP FASHION FARMS FARM RESOURCES SOLUTIONS CONSULT CONSULTING GROUP HOLDINGS
	FOUNDATION MINISTRY MINISTRIES CHURCH MOSQUE SCHOOL SCHOOLS COLLEGE ACADEMY ASSOCIATION COOPERATIVE SOCIETY CLUB UNION
	AND OR ITF FBO TRUST ESTATE MINOR`)

// oneName are ways to write a name that are further apart than a slip, the most
// frequent name by far.
var oneName = func() map[string]string {
	table := map[string]string{}
	for _, way := range strings.Fields("MUHAMMAD MUHAMMED MOHAMMAD MOHAMED MOHAMAD MUHAMAD MUHAMED MOHD MUHD MOHAMMADU MUHAMMADU MAMMADU") {
		table[way] = "MOHAMMED"
	}
	return table
}()

func set(list string) map[string]bool {
	members := map[string]bool{}
	for _, word := range strings.Fields(list) {
		members[word] = true
	}
	return members
}

// raw splits a name. An apostrophe is within a word, everything else that is no
// letter is between two.
func raw(name string) []string {
	text := strings.Map(func(r rune) rune {
		switch {
		case strings.ContainsRune("'’‘‛`´", r):
			return -1
		case unicode.IsLetter(r):
			return r
		}
		return ' '
	}, plain(strings.ReplaceAll(name, "&", " AND ")))
	list := strings.Fields(text)
	return list[:min(len(list), mostWords)]
}

// words are what of a name is compared.
func words(name string) []string {
	list := slices.DeleteFunc(raw(name), func(word string) bool { return titles[word] || particles[word] })
	for i, word := range list {
		if usual := oneName[word]; usual != "" {
			list[i] = usual
		}
	}
	// Abdul alone is not a name where another follows and a third remains: Abdul
	// Rahman Sani and Abdul Karim Sani have one name in common, not two.
	for i := 0; i+1 < len(list) && len(list) > 2; i++ {
		if strings.HasPrefix(list[i], "ABD") && len(list[i]) <= len("ABDUL") {
			list = slices.Replace(list, i, i+2, list[i]+list[i+1])
		}
	}
	return list
}

// notOnePerson tells whether the bank's name has a word of a business or of two
// owners.
func notOnePerson(name string) bool {
	return slices.ContainsFunc(raw(name), func(word string) bool { return others[word] })
}

// joined is a name in which two neighbours are written together where the other
// name does: Oluwa Seun as Oluwaseun.
func joined(list, other []string) []string {
	for i := 0; i+1 < len(list); i++ {
		together := list[i] + list[i+1]
		if len(together) >= nearLetters && slices.Contains(other, together) {
			list = slices.Replace(slices.Clone(list), i, i+2, together)
		}
	}
	return list
}
