package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
)

// frozenFile lists what has landed, in the form of sha256sum: the hash in hex,
// two spaces, the path below migrations/.
const frozenFile = "FROZEN"

// readFrozen maps path to hash. A missing file is an empty list.
func readFrozen(dir string) (map[string]string, error) {
	content, err := os.ReadFile(filepath.Join(dir, frozenFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	frozen := map[string]string{}
	for line := range strings.Lines(string(content)) {
		hash, path, ok := strings.Cut(strings.TrimSpace(line), "  ")
		if !ok || len(hash) != 2*sha256.Size || frozen[path] != "" {
			return nil, fmt.Errorf("%s: this line is damaged: %s", frozenFile, line)
		}
		frozen[path] = hash
	}
	return frozen, nil
}

// hashMigrations maps every file that decides what a migration does to its hash.
func hashMigrations(dir string) (map[string]string, error) {
	hashes := map[string]string{}
	for _, pattern := range []string{"[0-9]*_*.go", "[0-9]*_*.json", "[0-9]*_*.sql", "seed/*.json"} {
		paths, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			content, err := os.ReadFile(path)
			if err != nil {
				return nil, err
			}
			name, err := filepath.Rel(dir, path)
			if err != nil {
				return nil, err
			}
			sum := sha256.Sum256(content)
			hashes[filepath.ToSlash(name)] = hex.EncodeToString(sum[:])
		}
	}
	return hashes, nil
}

// compareFrozen says what is frozen and no longer as it was, and which lines
// are missing from the list, both sorted by path.
func compareFrozen(frozen, now map[string]string) (thawed, fresh []string) {
	for _, path := range slices.Sorted(maps.Keys(frozen)) {
		switch now[path] {
		case frozen[path]:
		case "":
			thawed = append(thawed, path+" is gone")
		default:
			thawed = append(thawed, path+" was changed")
		}
	}
	for _, path := range slices.Sorted(maps.Keys(now)) {
		if frozen[path] == "" {
			fresh = append(fresh, now[path]+"  "+path)
		}
	}
	return thawed, fresh
}

// freezeMigrations appends the missing lines and returns them.
func freezeMigrations(dir string) ([]string, error) {
	if _, err := listMigrations(dir); err != nil {
		return nil, err
	}
	frozen, err := readFrozen(dir)
	if err != nil {
		return nil, err
	}
	now, err := hashMigrations(dir)
	if err != nil {
		return nil, err
	}
	thawed, fresh := compareFrozen(frozen, now)
	if len(thawed) > 0 {
		return nil, fmt.Errorf("what has landed is never edited; put it back and write a new migration: %s", strings.Join(thawed, ", "))
	}
	if len(fresh) == 0 {
		return nil, nil
	}
	file, err := os.OpenFile(filepath.Join(dir, frozenFile), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	_, err = file.WriteString(strings.Join(fresh, "\n") + "\n")
	return fresh, errors.Join(err, file.Close())
}

func mustNotBeFrozen(dir, path string) error {
	frozen, err := readFrozen(dir)
	if err != nil {
		return err
	}
	if frozen[path] != "" {
		return fmt.Errorf("%s has landed and is never edited; choose another name for a new migration", path)
	}
	return nil
}

// undeclared names collections and fields of a database that the code does not
// declare, sorted: what an import keeps. PocketBase's own are left out.
func undeclared(app core.App) ([]string, error) {
	stored, err := app.FindAllCollections()
	if err != nil {
		return nil, err
	}
	declared := map[string]*core.Collection{}
	for _, collection := range collections.All() {
		declared[collection.Name] = collection
	}
	left := []string{}
	for _, collection := range stored {
		want := declared[collection.Name]
		switch {
		case want != nil && !want.IsView():
			for _, field := range collection.Fields {
				if want.Fields.GetByName(field.GetName()) == nil {
					left = append(left, collection.Name+"."+field.GetName())
				}
			}
		case want == nil && !strings.HasPrefix(collection.Name, "_"):
			left = append(left, collection.Name)
		}
	}
	slices.Sort(left)
	return left, nil
}

func newTabEncoder(w io.Writer) *json.Encoder {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "\t")
	encoder.SetEscapeHTML(false)
	return encoder
}
