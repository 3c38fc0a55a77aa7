package accounts_test

import (
	"testing"

	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/internal/apptest"
)

// withMail starts a server that can send mail, into the test app's recorder.
func withMail(t testing.TB, environ ...string) *hookstest.Server {
	t.Helper()
	return hookstest.Start(t, append(environ, "LL_SMTP_HOST=127.0.0.1", "LL_MAIL_FROM=hello@lingualink.test")...)
}

func TestWithoutMailEveryAddressGetsTheSameAnswer(t *testing.T) {
	s := hookstest.Start(t)
	for _, path := range []string{"request-otp", "request-password-reset", "request-verification"} {
		for _, address := range []string{"ada@lingualink.test", "nobody@lingualink.test"} {
			s.Want(s.Do(apptest.Guest, "POST", "/api/collections/users/"+path, map[string]any{"email": address}), 503, "not_configured")
		}
	}
	s.Want(s.Do(apptest.Ada, "POST", "/api/collections/users/request-email-change", map[string]any{"newEmail": "new@lingualink.test"}), 503, "not_configured")
}
