package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/lingualink/lingualink/internal/notify"
)

const notificationsGuide = "docs/notifications.md"

var updateNotifications = flag.Bool("update-notifications", false, "rewrite the tables of docs/notifications.md from the code")

// made are the tables of the guide that the code makes, by the name in the mark above
// each: <!-- name -->.
var made = map[string]func(t *testing.T) string{
	"categories": func(*testing.T) string {
		table := "| Category | On by default | Cannot be switched off |\n|---|---|---|\n"
		for _, rule := range notify.Rules() {
			table += fmt.Sprintf("| `%s` | %s | %s |\n", rule.Category, join(rule.On), join(rule.Always))
		}
		return table
	},
	"policy": func(t *testing.T) string {
		raw, err := json.Marshal(notify.DefaultPolicy())
		if err != nil {
			t.Fatal(err)
		}
		table := "| Value | Default |\n|---|---|\n"
		for _, found := range regexp.MustCompile(`"([a-z_]+)":(\d+)`).FindAllStringSubmatch(string(raw), -1) {
			table += fmt.Sprintf("| `%s` | %s |\n", found[1], found[2])
		}
		return table
	},
	"catalogue": func(*testing.T) string {
		table, category := "| `kind` | To | `data` | Link | One |\n|---|---|---|---|---|\n", notify.Category("")
		for _, event := range notify.Catalogue() {
			if event.Category != category {
				category = event.Category
				table += fmt.Sprintf("| **%s** | | | | |\n", category)
			}
			urgent, fields := "", []string{}
			if event.Urgent {
				urgent = " *"
			}
			for _, field := range event.Fields {
				for _, name := range field.Names() {
					if field.Optional {
						name = "(" + name + ")"
					}
					fields = append(fields, name)
				}
			}
			one := ""
			if event.Digest != "" {
				one = "yes"
			}
			table += fmt.Sprintf("| `%s`%s | %s | %s | `%s` | %s |\n", event.Kind, urgent, event.To, strings.Join(fields, ", "), event.Link, one)
		}
		return table
	},
}

func join(channels []notify.Channel) string {
	names := make([]string, len(channels))
	for i, channel := range channels {
		names[i] = "`" + string(channel) + "`"
	}
	return strings.Join(names, ", ")
}

// TestTheNotificationsGuide compares the tables of the guide with the code: categories,
// policy, every event. Run with -update-notifications to write them anew.
func TestTheNotificationsGuide(t *testing.T) {
	text := read(t, notificationsGuide)
	for name, table := range made {
		mark := "<!-- " + name + " -->\n"
		before, after, found := strings.Cut(text, mark)
		if !found {
			t.Fatalf("%s has no %s", notificationsGuide, mark)
		}
		after = strings.TrimLeft(after, "\n")
		for strings.HasPrefix(after, "|") {
			_, after, _ = strings.Cut(after, "\n")
		}
		text = strings.TrimRight(before+mark+"\n"+table(t)+"\n"+strings.TrimLeft(after, "\n"), "\n") + "\n"
	}
	if *updateNotifications {
		if err := os.WriteFile(notificationsGuide, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if read(t, notificationsGuide) != text {
		t.Errorf("%s is not what the code says; run: go test . -run NotificationsGuide -args -update-notifications", notificationsGuide)
	}
}
