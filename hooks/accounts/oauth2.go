package accounts

import (
	"reflect"
	"slices"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/auth"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/config"
)

// registerOAuth2 keeps the sign-in providers as the environment says, at every
// start. Only a difference is written.
func registerOAuth2(app core.App, deps *shell.Deps) {
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id: "ll.accounts.oauth2",
		Func: func(e *core.ServeEvent) error {
			if err := applyProviders(e.App, deps.Config.OAuth2); err != nil {
				return err
			}
			return e.Next()
		},
	})
}

func applyProviders(app core.App, cfg config.OAuth2) error {
	users, err := app.FindCollectionByNameOrId("users")
	if err != nil {
		return err
	}
	wanted := []core.OAuth2ProviderConfig{}
	for _, provider := range []struct {
		name   string
		client config.OAuth2Client
	}{
		{auth.NameGoogle, cfg.Google},
		{auth.NameApple, cfg.Apple},
		{auth.NameFacebook, cfg.Facebook},
	} {
		if !provider.client.On() {
			continue
		}
		kept, _ := users.OAuth2.GetProviderConfig(provider.name) // with endpoints set by hand, if any
		kept.Name = provider.name
		kept.ClientId, kept.ClientSecret = provider.client.ClientID, string(provider.client.ClientSecret)
		wanted = append(wanted, kept)
	}
	same := slices.EqualFunc(users.OAuth2.Providers, wanted, func(a, b core.OAuth2ProviderConfig) bool {
		return reflect.DeepEqual(a, b)
	})
	if same && users.OAuth2.Enabled == (len(wanted) > 0) {
		return nil
	}
	users.OAuth2.Providers, users.OAuth2.Enabled = wanted, len(wanted) > 0
	return app.Save(users)
}
