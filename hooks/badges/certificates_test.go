package badges_test

import (
	"strings"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/badges"
	"github.com/lingualink/lingualink/hooks/hookstest"
	rules "github.com/lingualink/lingualink/internal/badges"
)

// certified is the number of Ada's certificate, under a name.
func (s *server) certified(name string) string {
	s.t.Helper()
	s.Want(s.Do(ada, "PATCH", "/api/collections/users/records/"+s.User(ada).Id, map[string]any{"name": name}), 200, "")
	s.referred(ada, 10, 1)
	return s.Text(`SELECT h.code FROM user_badges h JOIN badges b ON b.id = h.badge WHERE b.slug = 'cultural-connector' AND h.user = {:u}`, dbx.Params{"u": s.User(ada).Id})
}

func TestACertificateIsPublic(t *testing.T) {
	s := open(t)
	code := s.certified("Ẹniọlá Ọ̀ṣọ́")
	for _, who := range []string{guest, ada, emeka, admin} {
		data := s.Want(s.Do(who, "GET", lingua+"/certificates/"+strings.ToLower(code), nil), 200, "").Data()
		badge := data["badge"].(map[string]any)
		equal(t, "the certificate", []any{data["state"], data["code"], data["name"], data["username"], badge["slug"], badge["level"], data["for"], data["url"]},
			[]any{"valid", code, "Ẹniọlá Ọ̀ṣọ́", "ada", "cultural-connector", "silver", "inviting 10 people who became active", "/certificates/" + code})
		page := s.Want(s.Do(who, "GET", "/certificates/"+code, nil), 200, "")
		html := string(page.Raw)
		for _, says := range []string{`<html lang="en">`, `<bdi dir="auto">Ẹniọlá Ọ̀ṣọ́</bdi>`, "Cultural Connector", "inviting 10 people", code, s.Deps.Clock.Now().UTC().Format("2 January 2006")} {
			if !strings.Contains(html, says) {
				t.Errorf("the page does not say %s:\n%s", says, html)
			}
		}
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
			"Cache-Control": "no-store", "X-Robots-Tag": "noindex", "Content-Type": "text/html; charset=utf-8",
		} {
			if got := page.Header.Get(name); !strings.HasPrefix(got, want) {
				t.Errorf("%s is %q", name, got)
			}
		}
		if strings.Contains(html, "<script") || strings.Contains(html, "style=") || strings.Contains(html, "http") {
			t.Errorf("the page has scripts, inline styles or foreign addresses:\n%s", html)
		}
	}
	s.stand(ada, "suspended")
	equal(t, "of who is suspended", s.Do(guest, "GET", "/certificates/"+code, nil).Status, 200)
}

func TestACertificateKnowsItsAddress(t *testing.T) {
	s := &server{hookstest.Start(t, "LL_PUBLIC_URL=https://lingualink.example.org"), t}
	s.referred(ada, 1, 1)
	url := s.badge(ada, "community-starter")["certificate"].(string)
	path, ours := strings.CutPrefix(url, "https://lingualink.example.org")
	if page := s.Do(guest, "GET", path, nil); !ours || page.Status != 200 || !strings.Contains(string(page.Raw), url) {
		t.Errorf("%s is answered %d %s", url, page.Status, page.Raw)
	}
}

func TestNamesAreText(t *testing.T) {
	s := open(t)
	code := s.certified(`<script src="x">alert(1)</script>`)
	page := s.Want(s.Do(guest, "GET", "/certificates/"+code, nil), 200, "")
	if html := string(page.Raw); strings.Contains(html, "<script") || !strings.Contains(html, "&lt;script") {
		t.Errorf("the name is not text:\n%s", html)
	}
	// Who has no name is called by the handle.
	s.Want(s.Do(ada, "PATCH", "/api/collections/users/records/"+s.User(ada).Id, map[string]any{"name": " "}), 200, "")
	equal(t, "the name", s.Want(s.Do(guest, "GET", lingua+"/certificates/"+code, nil), 200, "").Data()["name"], "ada")
}

func TestCertificatesThatProveNothing(t *testing.T) {
	s := open(t)
	code, id := s.certified("Ada Lovelace"), s.User(ada).Id
	gone := func(why string) {
		t.Helper()
		page := s.Want(s.Do(guest, "GET", "/certificates/"+code, nil), 410, "")
		if html := string(page.Raw); !strings.Contains(html, "is withdrawn") || strings.Contains(html, "Lovelace") || strings.Contains(html, "Connector") {
			t.Errorf("%s: %s", why, html)
		}
		answer := s.Want(s.Do(guest, "GET", lingua+"/certificates/"+code, nil), 200, "")
		if data := answer.Data(); data["state"] != "withdrawn" || data["badge"] != nil || data["earned_at"] != nil || strings.Contains(string(answer.Raw), "ovelace") || data["username"] != "" {
			t.Errorf("%s: %s", why, answer.Raw)
		}
	}
	s.stand(ada, "banned")
	gone("banned")
	s.stand(ada, "good")
	s.Want(s.Do(guest, "GET", "/certificates/"+code, nil), 200, "")
	s.in(func(tx core.App) error { return badges.Revoke(tx, s.Deps, id, "a farm", "user:m") })
	gone("revoked")

	s.Want(s.Do(guest, "GET", lingua+"/certificates/NEVER", nil), 404, "not_found")
	page := s.Want(s.Do(guest, "GET", "/certificates/%3Cb%3EX", nil), 404, "")
	if html := string(page.Raw); !strings.Contains(html, "no such certificate") || strings.Contains(html, "<b>") || !strings.Contains(page.Header.Get("Content-Security-Policy"), "'none'") {
		t.Errorf("an unknown number: %s", html)
	}
}

func TestTheFilesOfThePage(t *testing.T) {
	s := open(t)
	for name, kind := range map[string]string{
		"certificate.css": "text/css; charset=utf-8", "OFL.txt": "text/plain; charset=utf-8", "noto-sans-regular.woff2": "font/woff2",
		"noto-sans-bold.woff2": "font/woff2", "noto-sans-ethiopic.woff2": "font/woff2", "noto-naskh-arabic.woff2": "font/woff2",
	} {
		answer := s.Want(s.Do(guest, "GET", "/certificates/files/"+name, nil), 200, "")
		if got := answer.Header.Get("Content-Type"); got != kind || kind == "font/woff2" && string(answer.Raw[:4]) != "wOF2" {
			t.Errorf("%s is %s %.4q", name, got, answer.Raw)
		}
		if css := string(answer.Raw); strings.HasSuffix(name, ".css") && (strings.Contains(css, "http") || strings.Count(css, "url(") != 4) {
			t.Errorf("the style asks others: %s", css)
		}
	}
	for _, name := range []string{"certificate.html", "none.css", "..%2Fbadges.go", "%2e%2e%2fpage%2fOFL.txt"} {
		s.Want(s.Do(guest, "GET", "/certificates/files/"+name, nil), 404, "")
	}
}

func TestWhatCertificatesSay(t *testing.T) {
	for _, c := range []struct {
		measure rules.Measure
		n       int64
		want    string
	}{
		{rules.ClipsApproved, 1, "a first recording that was approved"},
		{rules.ClipsApproved, 100, "100 recordings that were approved"},
		{rules.Validations, 1, "a first vote that agreed with the verdict"},
		{rules.Validations, 1_000, "1,000 votes that agreed with the verdict"},
		{rules.Validations, 12_345_678, "12,345,678 votes that agreed with the verdict"},
		{rules.StreakDays, 1, "a first day of contributions"},
		{rules.StreakDays, 30, "contributing on 30 days in a row"},
		{rules.Referrals, 1, "inviting somebody who became active"},
		{rules.Referrals, 50, "inviting 50 people who became active"},
	} {
		equal(t, string(c.measure), badges.Achievement(c.measure, c.n), c.want)
	}
}
