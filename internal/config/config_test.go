package config_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/config"
)

const (
	pepper   = "LL_PEPPER=0123456789abcdef0123456789abcdef"
	approval = "0123456789abcdef0123456789ABC-_f"
	// Of the right form; they belong to nobody.
	vapidPublic  = "BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	vapidPrivate = "planted-planted-planted-planted-planted-43x"
)

func TestNothingSetIsValid(t *testing.T) {
	got, err := config.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	want := config.Config{
		Paystack:      config.Paystack{BaseURL: "https://api.paystack.co"},
		Mail:          config.Mail{Port: 587},
		Push:          config.Push{ExpoBaseURL: "https://exp.host"},
		RateLimits:    true,
		UploadTimeout: 30 * time.Minute,
		DrainTimeout:  10 * time.Second,
		LogDays:       5,
	}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestEverythingSetIsRead(t *testing.T) {
	got, err := config.Load([]string{
		"PATH=/bin", "PAYSTACK_SECRET_KEY=sk_live_abc", "LL_PAYSTACK_BASE_URL=https://pay.example.org/v1/", "LL_PAYOUTS=on",
		"LL_PAYSTACK_PREVIOUS_KEY=sk_live_old", "LL_PAYSTACK_APPROVAL_SECRET=" + approval,
		"LIVEKIT_URL=wss://live.example.org", "LIVEKIT_API_KEY=devkey", "LIVEKIT_API_SECRET=devsecret",
		"LL_SMTP_HOST=smtp.example.org", "LL_SMTP_PORT=465", "LL_SMTP_USERNAME=u", "LL_SMTP_PASSWORD=p", "LL_SMTP_TLS=on",
		"LL_MAIL_FROM=Lingualink <hello@example.org>",
		"LL_EXPO_TOKEN=et", "LL_EXPO_PROJECT=@own/app", "LL_EXPO_BASE_URL=https://push.example.org/", "LL_FCM_KEY_FILE=fcm.json", "LL_VAPID_PUBLIC_KEY=" + vapidPublic, "LL_VAPID_PRIVATE_KEY=" + vapidPrivate, "LL_VAPID_SUBJECT=push@example.org",
		"LL_OAUTH2_GOOGLE_CLIENT_ID=g", "LL_OAUTH2_GOOGLE_CLIENT_SECRET=gs",
		"LL_OAUTH2_APPLE_CLIENT_ID=a", "LL_OAUTH2_APPLE_CLIENT_SECRET=as",
		"LL_OAUTH2_FACEBOOK_CLIENT_ID=f", "LL_OAUTH2_FACEBOOK_CLIENT_SECRET=fs",
		"LL_PUBLIC_URL=https://lingualink.example.org/", "LL_TRUSTED_PROXY=X-Forwarded-For", pepper,
		"LL_RATE_LIMITS=off", "LL_DANGEROUS_ENDPOINTS=on",
		"LL_UPLOAD_TIMEOUT=1h", "LL_DRAIN_TIMEOUT=3s", "LL_LOG_DAYS=0",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := config.Config{
		Paystack: config.Paystack{SecretKey: "sk_live_abc", PreviousKey: "sk_live_old", ApprovalSecret: approval, BaseURL: "https://pay.example.org/v1", Payouts: true},
		LiveKit:  config.LiveKit{URL: "wss://live.example.org", APIKey: "devkey", APISecret: "devsecret"},
		Mail: config.Mail{Host: "smtp.example.org", Port: 465, Username: "u", Password: "p", TLS: true,
			From: "Lingualink <hello@example.org>"},
		Push: config.Push{ExpoToken: "et", ExpoProject: "@own/app", ExpoBaseURL: "https://push.example.org", FCMKeyFile: "fcm.json", VAPIDPublicKey: vapidPublic, VAPIDPrivateKey: config.Secret(vapidPrivate), VAPIDSubject: "push@example.org"},
		OAuth2: config.OAuth2{
			Google:   config.OAuth2Client{ClientID: "g", ClientSecret: "gs"},
			Apple:    config.OAuth2Client{ClientID: "a", ClientSecret: "as"},
			Facebook: config.OAuth2Client{ClientID: "f", ClientSecret: "fs"},
		},
		PublicURL: "https://lingualink.example.org", TrustedProxy: "X-Forwarded-For",
		Pepper: "0123456789abcdef0123456789abcdef", DangerousEndpoints: true,
		UploadTimeout: time.Hour, DrainTimeout: 3 * time.Second,
	}
	if got != want {
		t.Errorf("got  %#v\nwant %#v", got, want)
	}
}

func TestProblems(t *testing.T) {
	for name, test := range map[string]struct {
		environ []string
		want    []string // the start of every line, in order; none for valid
	}{
		"an empty value is not set":      {[]string{"PAYSTACK_SECRET_KEY=", "LL_PEPPER=", "LL_RATE_LIMITS=", "LL_LOG_DAYS="}, nil},
		"the last value counts":          {[]string{"LL_LOG_DAYS=x", "LL_LOG_DAYS=7"}, nil},
		"test key":                       {[]string{"PAYSTACK_SECRET_KEY=sk_test_abc"}, nil},
		"test key may turn the clock":    {[]string{"PAYSTACK_SECRET_KEY=sk_test_abc", "LL_TEST_CLOCK=/tmp/clock"}, nil},
		"test key may reach a fake":      {[]string{"PAYSTACK_SECRET_KEY=sk_test_abc", "LL_PAYSTACK_BASE_URL=http://127.0.0.1:9999"}, nil},
		"public key":                     {[]string{"PAYSTACK_SECRET_KEY=pk_test_abc"}, []string{"PAYSTACK_SECRET_KEY: is not a secret key"}},
		"prefix alone":                   {[]string{"PAYSTACK_SECRET_KEY=sk_test_"}, []string{"PAYSTACK_SECRET_KEY: is not a secret key"}},
		"live key needs the pepper":      {[]string{"PAYSTACK_SECRET_KEY=sk_live_abc"}, []string{"LL_PEPPER: is needed"}},
		"live key refuses the clock":     {[]string{"PAYSTACK_SECRET_KEY=sk_live_abc", pepper, "LL_TEST_CLOCK=c"}, []string{"LL_TEST_CLOCK: is refused"}},
		"live key refuses plain http":    {[]string{"PAYSTACK_SECRET_KEY=sk_live_abc", pepper, "LL_PAYSTACK_BASE_URL=http://pay.example.org"}, []string{"LL_PAYSTACK_BASE_URL: must start with https://"}},
		"paystack address":               {[]string{"LL_PAYSTACK_BASE_URL=pay.example.org"}, []string{"LL_PAYSTACK_BASE_URL: is not a web address"}},
		"previous key alone":             {[]string{"LL_PAYSTACK_PREVIOUS_KEY=sk_test_old"}, []string{"LL_PAYSTACK_PREVIOUS_KEY: is not a secret key of the same mode"}},
		"previous key of another mode":   {[]string{"PAYSTACK_SECRET_KEY=sk_test_abc", "LL_PAYSTACK_PREVIOUS_KEY=sk_live_old"}, []string{"LL_PAYSTACK_PREVIOUS_KEY: is not a secret key of the same mode"}},
		"previous key, prefix alone":     {[]string{"PAYSTACK_SECRET_KEY=sk_test_abc", "LL_PAYSTACK_PREVIOUS_KEY=sk_test_"}, []string{"LL_PAYSTACK_PREVIOUS_KEY: is not a secret key of the same mode"}},
		"the same key twice":             {[]string{"PAYSTACK_SECRET_KEY=sk_test_abc", "LL_PAYSTACK_PREVIOUS_KEY=sk_test_abc"}, []string{"LL_PAYSTACK_PREVIOUS_KEY: is the same"}},
		"short approval secret":          {[]string{"LL_PAYSTACK_APPROVAL_SECRET=" + approval[1:]}, []string{"LL_PAYSTACK_APPROVAL_SECRET: is not 32 or more"}},
		"approval secret with a slash":   {[]string{"LL_PAYSTACK_APPROVAL_SECRET=/" + approval}, []string{"LL_PAYSTACK_APPROVAL_SECRET: is not 32 or more"}},
		"approval secret is the key":     {[]string{"PAYSTACK_SECRET_KEY=sk_test_" + approval, "LL_PAYSTACK_APPROVAL_SECRET=sk_test_" + approval}, []string{"LL_PAYSTACK_APPROVAL_SECRET: must not be the key"}},
		"payouts without a key":          {[]string{"LL_PAYOUTS=on"}, []string{"LL_PAYOUTS: is on, but nothing can pay"}},
		"short pepper":                   {[]string{"LL_PEPPER=0123456789abcdef0123456789abcde"}, []string{"LL_PEPPER: is shorter than 32"}},
		"pepper counts characters":       {[]string{"LL_PEPPER=" + strings.Repeat("ẹ", 31)}, []string{"LL_PEPPER: is shorter than 32"}},
		"part of LiveKit":                {[]string{"LIVEKIT_URL=ws://localhost:7880"}, []string{"LIVEKIT_API_KEY: is missing", "LIVEKIT_API_SECRET: is missing"}},
		"LiveKit over ftp":               {[]string{"LIVEKIT_URL=ftp://x", "LIVEKIT_API_KEY=k", "LIVEKIT_API_SECRET=s"}, []string{"LIVEKIT_URL: is not the address"}},
		"LiveKit with a token":           {[]string{"LIVEKIT_URL=wss://x/?access_token=t", "LIVEKIT_API_KEY=k", "LIVEKIT_API_SECRET=s"}, []string{"LIVEKIT_URL: is not the address"}},
		"public address without scheme":  {[]string{"LL_PUBLIC_URL=example.org"}, []string{"LL_PUBLIC_URL: is not a web address"}},
		"public address with a password": {[]string{"LL_PUBLIC_URL=https://u:p@example.org"}, []string{"LL_PUBLIC_URL: is not a web address"}},
		"public address without a host":  {[]string{"LL_PUBLIC_URL=https://:8090"}, []string{"LL_PUBLIC_URL: is not a web address"}},
		"proxy header":                   {[]string{"LL_TRUSTED_PROXY=X-Forwarded-For, X-Real-IP"}, []string{"LL_TRUSTED_PROXY: is not the name of one header"}},
		"switches":                       {[]string{"LL_RATE_LIMITS=true", "LL_PAYOUTS=1", "LL_DANGEROUS_ENDPOINTS=ON"}, []string{"LL_DANGEROUS_ENDPOINTS: is neither", "LL_PAYOUTS: is neither", "LL_RATE_LIMITS: is neither"}},
		"durations":                      {[]string{"LL_UPLOAD_TIMEOUT=30", "LL_DRAIN_TIMEOUT=soon"}, []string{"LL_DRAIN_TIMEOUT: is not a duration", "LL_UPLOAD_TIMEOUT: is not a duration"}},
		"durations of nothing":           {[]string{"LL_UPLOAD_TIMEOUT=0s", "LL_DRAIN_TIMEOUT=-1s"}, []string{"LL_DRAIN_TIMEOUT: must be longer", "LL_UPLOAD_TIMEOUT: must be longer"}},
		"log days":                       {[]string{"LL_LOG_DAYS=366"}, []string{"LL_LOG_DAYS: is out of range"}},
		"log days with a unit":           {[]string{"LL_LOG_DAYS=5d"}, []string{"LL_LOG_DAYS: is not a whole number"}},
		"half a provider":                {[]string{"LL_OAUTH2_APPLE_CLIENT_ID=a", "LL_OAUTH2_GOOGLE_CLIENT_SECRET=g"}, []string{"LL_OAUTH2_APPLE_CLIENT_SECRET: is missing", "LL_OAUTH2_GOOGLE_CLIENT_ID: is missing"}},
		"mail without a sender":          {[]string{"LL_SMTP_HOST=h"}, []string{"LL_MAIL_FROM: is needed"}},
		"mail sender":                    {[]string{"LL_SMTP_HOST=h", "LL_MAIL_FROM=hello"}, []string{"LL_MAIL_FROM: is not a mail address"}},
		"mail without a host":            {[]string{"LL_MAIL_FROM=a@b.c", "LL_SMTP_PORT=25"}, []string{"LL_MAIL_FROM: has no effect", "LL_SMTP_PORT: has no effect"}},
		"mail user without password":     {[]string{"LL_SMTP_HOST=h", "LL_MAIL_FROM=a@b.c", "LL_SMTP_USERNAME=u"}, []string{"LL_SMTP_PASSWORD: is missing"}},
		"mail host with a port":          {[]string{"LL_SMTP_HOST=h:25", "LL_MAIL_FROM=a@b.c"}, []string{"LL_SMTP_HOST: is not a host name"}},
		"mail port":                      {[]string{"LL_SMTP_HOST=h", "LL_MAIL_FROM=a@b.c", "LL_SMTP_PORT=65536"}, []string{"LL_SMTP_PORT: is not a port"}},
		"a copied line end":              {[]string{"PAYSTACK_SECRET_KEY=sk_test_abc\r\n"}, []string{"PAYSTACK_SECRET_KEY: has white space"}},
		"push keys":                      {[]string{"LL_VAPID_PUBLIC_KEY=B", "LL_VAPID_PRIVATE_KEY=x", "LL_VAPID_SUBJECT=me"}, []string{"LL_VAPID_PRIVATE_KEY: is not a private", "LL_VAPID_PUBLIC_KEY: is not a public", "LL_VAPID_SUBJECT: is neither"}},
		"part of Web Push":               {[]string{"LL_VAPID_PUBLIC_KEY=" + vapidPublic}, []string{"LL_VAPID_PRIVATE_KEY: is missing", "LL_VAPID_SUBJECT: is missing"}},
		"a project without Expo":         {[]string{"LL_EXPO_PROJECT=@own/app"}, []string{"LL_EXPO_PROJECT: has no effect"}},
		"another Expo, here":             {[]string{"LL_EXPO_TOKEN=t", "LL_EXPO_BASE_URL=http://127.0.0.1:9999"}, nil},
		"another Expo, elsewhere":        {[]string{"LL_EXPO_TOKEN=t", "LL_EXPO_BASE_URL=http://push.example.org"}, []string{"LL_EXPO_BASE_URL: must start with https://"}},
		"another Expo, nowhere":          {[]string{"LL_EXPO_TOKEN=t", "LL_EXPO_BASE_URL=push.example.org"}, []string{"LL_EXPO_BASE_URL: is not a web address"}},
		"a project that is none":         {[]string{"LL_EXPO_PROJECT=app", "LL_EXPO_TOKEN=t"}, []string{"LL_EXPO_PROJECT: is not the name"}},
		"a typo":                         {[]string{"LL_PAYOUT=on"}, []string{"LL_PAYOUT: is not a variable of this server; did you mean LL_PAYOUTS?"}},
		"two letters swapped":            {[]string{"LL_TRUSTED_PORXY=X-Real-IP"}, []string{"LL_TRUSTED_PORXY: is not a variable of this server; did you mean LL_TRUSTED_PROXY?"}},
		"like nothing known":             {[]string{"LL_X=1"}, []string{"LL_X: is not a variable of this server; remove it."}},
		"all at once":                    {[]string{"LL_LOG_DAYS=x", "LL_PEPPER=x", "LL_PEPER=x", "LIVEKIT_API_KEY=k"}, []string{"LIVEKIT_API_SECRET: is missing", "LIVEKIT_URL: is missing", "LL_LOG_DAYS: is not", "LL_PEPER: is not a variable", "LL_PEPPER: is shorter"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := config.Load(test.environ)
			if err == nil {
				if len(test.want) > 0 {
					t.Fatalf("accepted; want %q", test.want)
				}
				return
			}
			lines := strings.Split(err.Error(), "\n")
			if !slices.EqualFunc(lines, test.want, strings.HasPrefix) {
				t.Errorf("got\n%s\nwant\n%s", err, strings.Join(test.want, "\n"))
			}
		})
	}
}

// TestNoValueIsEverRepeated plants one secret in every variable, as far as
// possible in a form that each accepts, and looks at all that can be printed.
func TestNoValueIsEverRepeated(t *testing.T) {
	const planted = "pl4ntedSecret"
	for name, shape := range map[string]string{
		"refused by most":  "%s",
		"an address":       "https://%s/%[1]s",
		"with credentials": "https://u:%s@example.org",
		"a live key":       "sk_live_%s%[1]s%[1]s",
		"a mail address":   "%s <%[1]s@example.org>",
		"a percent sign":   "%%zz%s://",
		"a copied line":    "%s\nLL_PAYOUTS=on",
	} {
		t.Run(name, func(t *testing.T) {
			environ := []string{"LL_UNKNOWN_NAME=" + fmt.Sprintf(shape, planted)}
			for _, variable := range config.Variables() {
				environ = append(environ, variable+"="+fmt.Sprintf(shape, planted))
			}
			loaded, err := config.Load(environ)
			if err == nil {
				t.Fatal("want problems: no value fits every variable")
			}
			if strings.Contains(err.Error(), planted) {
				t.Errorf("the error repeats a value:\n%s", err)
			}
			if parts := fmt.Sprintf("%#v", loaded.Parts()); strings.Contains(parts, planted) {
				t.Errorf("the parts repeat a value:\n%s", parts)
			}
		})
	}
}

func TestSecretsHideFromEveryPrinter(t *testing.T) {
	loaded, err := config.Load([]string{
		"PAYSTACK_SECRET_KEY=sk_live_planted", "LL_PAYSTACK_PREVIOUS_KEY=sk_live_planted2", "LL_PAYSTACK_APPROVAL_SECRET=planted-planted-planted-planted-planted", "LL_PEPPER=planted-planted-planted-planted-planted",
		"LIVEKIT_URL=wss://x", "LIVEKIT_API_KEY=k", "LIVEKIT_API_SECRET=planted",
		"LL_EXPO_TOKEN=planted", "LL_VAPID_PUBLIC_KEY=" + vapidPublic, "LL_VAPID_PRIVATE_KEY=" + vapidPrivate, "LL_VAPID_SUBJECT=a@b.c",
		"LL_SMTP_HOST=h", "LL_SMTP_USERNAME=u", "LL_SMTP_PASSWORD=planted", "LL_MAIL_FROM=a@b.c",
		"LL_OAUTH2_GOOGLE_CLIENT_ID=g", "LL_OAUTH2_GOOGLE_CLIENT_SECRET=planted",
		"LL_OAUTH2_APPLE_CLIENT_ID=a", "LL_OAUTH2_APPLE_CLIENT_SECRET=planted",
		"LL_OAUTH2_FACEBOOK_CLIENT_ID=f", "LL_OAUTH2_FACEBOOK_CLIENT_SECRET=planted",
	})
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(loaded)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		fmt.Sprint(loaded), fmt.Sprintf("%+v", loaded), fmt.Sprintf("%#v", loaded), string(encoded),
		loaded.Pepper.LogValue().String(), fmt.Sprintf("%q", loaded.Pepper),
	} {
		if strings.Contains(text, "planted") || !strings.Contains(text, "***") {
			t.Errorf("a secret shows: %s", text)
		}
	}
	if config.Secret("").String() != "" {
		t.Error("a secret that is not set must print as nothing")
	}
}

func TestParts(t *testing.T) {
	on := func(environ ...string) []string {
		t.Helper()
		loaded, err := config.Load(environ)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, part := range loaded.Parts() {
			if part.On {
				names = append(names, part.Name+": "+part.Detail)
			}
		}
		return names
	}
	limits := "Rate limits: requests are limited per address and per person"
	for name, test := range map[string]struct{ got, want []string }{
		"nothing set": {on(), []string{limits}},
		"limits off":  {on("LL_RATE_LIMITS=off"), nil},
		"test money": {on("PAYSTACK_SECRET_KEY=sk_test_abc", "LL_PAYOUTS=on"),
			[]string{limits, "Paystack: test mode: no real money", "Payouts: the operator allows payouts"}},
		"real money": {on("PAYSTACK_SECRET_KEY=sk_live_abc", pepper),
			[]string{limits, "Paystack: live mode: real money", "Pepper: a key for hashes of account numbers and for stored webhooks is set"}},
		"a key in change": {on("PAYSTACK_SECRET_KEY=sk_test_abc", "LL_PAYSTACK_PREVIOUS_KEY=sk_test_old", "LL_PAYSTACK_APPROVAL_SECRET="+approval),
			[]string{limits, "Paystack: test mode: no real money; webhooks signed with the previous key count, too",
				"Approval of transfers: Paystack may ask here before it sends; give it the address in its dashboard"}},
		"providers": {on("LL_OAUTH2_GOOGLE_CLIENT_ID=g", "LL_OAUTH2_GOOGLE_CLIENT_SECRET=s",
			"LL_OAUTH2_FACEBOOK_CLIENT_ID=g", "LL_OAUTH2_FACEBOOK_CLIENT_SECRET=s"),
			[]string{limits, "Sign-in providers: people can also sign in with Google, Facebook"}},
		"push": {on("LL_EXPO_TOKEN=t", "LL_VAPID_PUBLIC_KEY="+vapidPublic, "LL_VAPID_PRIVATE_KEY="+vapidPrivate, "LL_VAPID_SUBJECT=a@b.c"),
			[]string{limits, "Push: devices are reached by Expo, Web Push"}},
		"mail without an address": {on("LL_SMTP_HOST=h", "LL_MAIL_FROM=a@b.c"),
			[]string{limits, "Mail: mail is sent, but its links lead to localhost until LL_PUBLIC_URL is set"}},
		"mail": {on("LL_SMTP_HOST=h", "LL_MAIL_FROM=a@b.c", "LL_PUBLIC_URL=http://localhost:8090"),
			[]string{limits, "Mail: codes, resets and notices are sent"}},
		"the rest": {on("LIVEKIT_URL=http://localhost:7880", "LIVEKIT_API_KEY=k", "LIVEKIT_API_SECRET=s",
			"LL_TRUSTED_PROXY=CF-Connecting-IP", "LL_TEST_CLOCK=clock", "LL_DANGEROUS_ENDPOINTS=on"),
			[]string{limits, "LiveKit: there is a media server for streams and calls",
				"Trusted proxy: client addresses come from the header that the proxy sets",
				"Test clock: a file turns the clock; for tests only",
				"Dangerous endpoints: superusers may run SQL, truncate, import and restore around the ledger's protection"}},
	} {
		if !slices.Equal(test.got, test.want) {
			t.Errorf("%s: on are\n%s\nwant\n%s", name, strings.Join(test.got, "\n"), strings.Join(test.want, "\n"))
		}
	}
}

func TestEveryPartIsComplete(t *testing.T) {
	loaded, err := config.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	known, anchor := config.Variables(), regexp.MustCompile(`^docs/operate\.md#[a-z0-9-]+$`)
	for _, part := range loaded.Parts() {
		if part.Name == "" || part.Detail == "" || !slices.Contains(known, part.Variable) || !anchor.MatchString(part.Docs) {
			t.Errorf("incomplete: %+v", part)
		}
	}
}

// TestTheExampleNamesEveryVariable keeps .env.example true: each variable once,
// none that nothing reads, and nothing that would not start if all were set.
func TestTheExampleNamesEveryVariable(t *testing.T) {
	example, err := os.ReadFile("../../.env.example")
	if err != nil {
		t.Fatal(err)
	}
	var names, environ []string
	for _, match := range regexp.MustCompile(`(?m)^#?([A-Z0-9_]+=.*)$`).FindAllSubmatch(example, -1) {
		name, _, _ := strings.Cut(string(match[1]), "=")
		names = append(names, name)
		environ = append(environ, string(match[1]))
	}
	slices.Sort(names)
	if known := config.Variables(); !slices.Equal(names, known) {
		t.Errorf(".env.example names\n%q\nwant\n%q", names, known)
	}
	if _, err := config.Load(environ); err != nil {
		t.Errorf("the placeholders of .env.example do not fit:\n%s", err)
	}
}
