package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/security"
)

// backupPatience is how old the newest backup may be.
const backupPatience = 48 * time.Hour

// copySchema makes the collections in an empty database.
func copySchema(app core.App, from []*core.Collection) error {
	raw, err := json.Marshal(from)
	if err != nil {
		return err
	}
	return app.ImportCollectionsByMarshaledJSON(raw, true)
}

// explainDrift names what of a collection differs: the rules by name, the rest
// as one.
func explainDrift(declared map[string]any, live []*core.Collection) []string {
	name := fmt.Sprint(declared["name"])
	at := slices.IndexFunc(live, func(collection *core.Collection) bool { return collection.Name == name })
	if at < 0 {
		return []string{name + " (missing)"}
	}
	raw, err := json.Marshal(live[at])
	stored := map[string]any{}
	if err == nil {
		err = json.Unmarshal(raw, &stored)
	}
	if err != nil {
		return []string{name + " (unreadable)"}
	}
	rules := []string{}
	for key, want := range declared {
		if strings.HasSuffix(key, "Rule") && want != stored[key] {
			rules = append(rules, name+"."+key)
		}
	}
	if len(rules) == 0 {
		return []string{name + " (fields, indexes or options)"}
	}
	slices.Sort(rules)
	return rules
}

// checkBackupSettings looks at the schedule, which is set in the dashboard.
func (d *doctor) checkBackupSettings(db dbx.Builder) {
	const name = "backup schedule"
	settings, err := readSettings(db, os.Getenv(d.app.EncryptionEnv()))
	switch {
	case err != nil:
		d.broken(name, err)
	case settings.Backups.Cron == "":
		d.warn(name, "set one in the dashboard under Settings, Backups; keep copies on another machine", "there is none")
	case !settings.Backups.S3.Enabled:
		d.warn(name, "set S3 storage for backups in the dashboard under Settings, Backups", "backups stay on this machine and are lost with it")
	default:
		d.ok(name, "%s, to S3", settings.Backups.Cron)
	}
}

// readSettings reads PocketBase's settings, which may be encrypted.
func readSettings(db dbx.Builder, key string) (*core.Settings, error) {
	var stored string
	if err := db.NewQuery("SELECT value FROM _params WHERE id = 'settings'").Row(&stored); err != nil {
		return nil, err
	}
	settings := &core.Settings{}
	if json.Unmarshal([]byte(stored), settings) == nil {
		return settings, nil
	}
	plain, err := security.Decrypt(stored, key)
	if err != nil {
		return nil, errors.New("the settings are encrypted; give --encryptionEnv as to the server")
	}
	return settings, json.Unmarshal(plain, settings)
}

// checkBackupFiles looks at the newest backup on this machine, where there is
// one.
func (d *doctor) checkBackupFiles() {
	const name = "local backups"
	var newest time.Time
	files, err := os.ReadDir(filepath.Join(d.dir, core.LocalBackupsDirName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		d.broken(name, err)
		return
	}
	for _, file := range files {
		info, err := file.Info()
		switch {
		case errors.Is(err, fs.ErrNotExist): // removed by the schedule meanwhile
		case err != nil:
			d.broken(name, err)
			return
		case filepath.Ext(file.Name()) == ".zip" && info.ModTime().After(newest):
			newest = info.ModTime()
		}
	}
	age := time.Since(newest).Truncate(time.Minute)
	switch {
	case newest.IsZero():
		d.ok(name, "there are none")
	case age > backupPatience:
		d.warn(name, "see in the server's logs why no newer one was made", "the newest is %s old", age)
	default:
		d.ok(name, "the newest is %s old", age)
	}
}
