package accounts_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
	"github.com/lingualink/lingualink/internal/fault"
)

// publish inserts a text of the terms that counts after the given time.
func publish(t testing.TB, s *hookstest.Server, version, locale string, after time.Duration) string {
	t.Helper()
	return s.Want(s.Do(apptest.Admin, "POST", "/api/collections/consent_texts/records", map[string]any{
		"version": version, "locale": locale, "title": "Terms " + version + " " + locale, "body": "Be kind.",
		"effective_from": shell.Stamp(s.Deps.Clock.Now().Add(after)),
	}), 200, "").Text("id")
}

func required(t testing.TB, s *hookstest.Server, who string) *fault.Error {
	t.Helper()
	err := accounts.RequireConsent(s.App, s.Deps.Clock.Now(), s.User(who).Id)
	if err == nil {
		return nil
	}
	var known *fault.Error
	if !errors.As(err, &known) || known.Code != fault.ConsentRequired {
		t.Fatal(err)
	}
	return known
}

func TestConsentIsToTheCurrentTerms(t *testing.T) {
	s := hookstest.Start(t)
	first := s.Text("SELECT id FROM consent_texts", nil)
	second := publish(t, s, "2", "en", time.Hour)
	secondHausa := publish(t, s, "2", "ha", time.Hour)
	secondYoruba := publish(t, s, "2", "yo", 3*time.Hour)
	agree := func(body map[string]any) apptest.Answer { return s.Do(apptest.Ada, "POST", consentsPath, body) }

	for name, body := range map[string]map[string]any{
		"nothing":            {},
		"a future version":   {"version": "2"},
		"a future text":      {"text": second},
		"an unknown version": {"version": "9"},
		"an unknown text":    {"text": "nosuchtext00000"},
		"two versions":       {"text": first, "version": "2"},
	} {
		t.Run(name, func(t *testing.T) { s.Want(agree(body), 400, "invalid_input") })
	}
	if fault := required(t, s, apptest.Ada); fault == nil || fault.Params["text"] != first ||
		fault.Params["version"] != "1" || fault.Params["title"] != "Recording terms" || fault.Field != "consent" {
		t.Errorf("got %+v", fault)
	}
	given := s.Want(agree(map[string]any{"text": first}), 200, "")
	if given.Text("version") != "1" || given.Text("user") != s.User(apptest.Ada).Id {
		t.Errorf("got %s", given.Raw)
	}
	if fault := required(t, s, apptest.Ada); fault != nil {
		t.Errorf("got %+v", fault)
	}
	if required(t, s, apptest.Bola) == nil {
		t.Error("Ada's consent counts for Bola")
	}

	s.Advance(2 * time.Hour)
	if fault := required(t, s, apptest.Ada); fault == nil || fault.Params["text"] != second {
		t.Errorf("got %+v", fault)
	}
	s.Want(agree(map[string]any{"text": first}), 400, "invalid_input")
	s.Want(agree(map[string]any{"version": "1"}), 400, "invalid_input")
	s.Want(agree(map[string]any{"text": secondYoruba}), 400, "invalid_input") // not yet in effect
	translated := s.Want(agree(map[string]any{"text": secondHausa}), 200, "")
	if translated.Text("version") != "2" || translated.Text("text") != secondHausa {
		t.Errorf("got %s", translated.Raw)
	}
	if byVersion := s.Want(s.Do(apptest.Bola, "POST", consentsPath, map[string]any{"version": "2"}), 200, ""); byVersion.Text("text") != second {
		t.Errorf("got %s", byVersion.Raw)
	}

	// A later translation of old terms does not make them current again.
	publish(t, s, "1", "yo", 0)
	s.Advance(time.Minute)
	if fault := required(t, s, apptest.Ada); fault != nil {
		t.Errorf("got %+v", fault)
	}
}

func TestConsentRepeats(t *testing.T) {
	s := hookstest.Start(t)
	const id = "myconsent000001"
	first := s.Want(s.Do(apptest.Ada, "POST", consentsPath, map[string]any{"id": id, "version": "1"}), 200, "")
	for name, body := range map[string]map[string]any{
		"same id and content": {"id": id, "version": "1"},
		"same id, by text":    {"id": id, "text": first.Text("text")},
		"another id":          {"id": "myconsent000002", "version": "1"},
		"no id":               {"version": "1"},
	} {
		if again := s.Want(s.Do(apptest.Ada, "POST", consentsPath, body), 200, ""); again.Text("id") != id {
			t.Errorf("%s: got %s", name, again.Raw)
		}
	}
	s.Want(s.Do(apptest.Ada, "POST", consentsPath, map[string]any{"id": id, "version": "2"}), 409, "id_conflict")
	s.Want(s.Do(apptest.Bola, "POST", consentsPath, map[string]any{"id": id, "version": "1"}), 409, "id_conflict")
	if n := s.Int("SELECT COUNT(*) FROM consents"); n != 1 {
		t.Errorf("%d consents", n)
	}
}

// Both have found no consent when the first of them writes.
func TestConsentsAtTheSameMomentAreOne(t *testing.T) {
	s := hookstest.Start(t)
	var barrier, wait sync.WaitGroup
	barrier.Add(2)
	s.App.OnRecordCreateExecute("consents").BindFunc(func(e *core.RecordEvent) error {
		barrier.Done()
		barrier.Wait()
		return e.Next()
	})
	s.Token(apptest.Ada)
	answers := make([]apptest.Answer, 2)
	for i := range answers {
		wait.Go(func() { answers[i] = s.Do(apptest.Ada, "POST", consentsPath, map[string]any{"version": "1"}) })
	}
	wait.Wait()
	for _, answer := range answers {
		s.Want(answer, 200, "")
		if answer.Text("id") != answers[0].Text("id") {
			t.Errorf("got %s and %s", answer.Text("id"), answers[0].Text("id"))
		}
	}
	if n := s.Int("SELECT COUNT(*) FROM consents"); n != 1 {
		t.Errorf("%d consents", n)
	}
}

func TestConsentIsWithdrawn(t *testing.T) {
	s := hookstest.Start(t)
	id := s.Want(s.Do(apptest.Ada, "POST", consentsPath, map[string]any{"version": "1"}), 200, "").Text("id")
	path := "/api/lingualink/consents/" + id + "/withdraw"
	s.Want(s.Do(apptest.Guest, "POST", path, nil), 401, "sign_in_required")
	s.Want(s.Do(apptest.Bola, "POST", path, nil), 404, "not_found")
	s.Want(s.Do(apptest.Musa, "POST", path, nil), 404, "not_found")
	s.Want(s.Do(apptest.Admin, "POST", path, nil), 403, "not_allowed")
	s.Want(s.Do(apptest.Ada, "POST", "/api/lingualink/consents/nosuchconsent00/withdraw", nil), 404, "not_found")
	if required(t, s, apptest.Ada) != nil {
		t.Fatal("somebody else withdrew it")
	}
	first := s.Want(s.Do(apptest.Ada, "POST", path, nil), 200, "")
	if at, err := time.Parse(time.RFC3339, first.Data()["withdrawn_at"].(string)); err != nil || at.After(s.Deps.Clock.Now()) {
		t.Errorf("withdrawn at %v, %v", at, err)
	}
	if required(t, s, apptest.Ada) == nil {
		t.Error("it still counts")
	}
	s.Advance(time.Minute)
	again := s.Want(s.Do(apptest.Ada, "POST", path, nil), 200, "")
	if again.Data()["withdrawn_at"] != first.Data()["withdrawn_at"] {
		t.Errorf("first %s\nagain %s", first.Raw, again.Raw)
	}
	// She may agree anew; the withdrawn row stays.
	s.Want(s.Do(apptest.Ada, "POST", consentsPath, map[string]any{"version": "1"}), 200, "")
	if required(t, s, apptest.Ada) != nil {
		t.Error("her new consent does not count")
	}
	if n := s.Int("SELECT COUNT(*) FROM consents WHERE user = {:ada}", dbx.Params{"ada": s.User(apptest.Ada).Id}); n != 2 {
		t.Errorf("%d consents", n)
	}
}
