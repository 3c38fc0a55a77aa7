package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/security"
)

// backupPatience is how old the newest backup may be.
const backupPatience = 48 * time.Hour

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
