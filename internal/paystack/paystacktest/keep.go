package paystacktest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"time"
)

// kept is what a file holds of a server: its state, and what it still has to do.
// Requests and events on their way are not in it; whoever waits for an event asks.
type kept struct {
	State
	LastID   uint64            `json:"last_id"`
	Offset   time.Duration     `json:"offset_ns"`
	Faults   []Fault           `json:"faults"`
	Script   []Step            `json:"script"`
	Scripts  map[string][]Step `json:"scripts"`
	Steps    map[string][]Step `json:"steps"`    // to come, by the reference of the transfer
	Returned map[string]int64  `json:"returned"` // of amount and fee, by the reference
}

// Keep begins with what the file holds, if there is one, and from then on writes
// every change into it before the answer leaves: who was killed knows, when
// started again, all that was ever answered. Power loss is not its concern.
func (s *Server) Keep(path string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	content, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err == nil {
		var k kept
		if err := json.Unmarshal(content, &k); err != nil {
			return fmt.Errorf("paystacktest: %s: %w", path, err)
		}
		s.restore(k)
	}
	s.path = path
	return s.save()
}

// restore is called with the lock held.
func (s *Server) restore(k kept) {
	s.lastID, s.offset = max(s.lastID, k.LastID), k.Offset
	s.balances, s.rows = k.Balances, k.Rows
	s.recipients, s.transactions, s.refunds, s.disputes = pointers(k.Recipients), pointers(k.Transactions), pointers(k.Refunds), pointers(k.Disputes)
	s.transfers = pointers(k.Transfers)
	for _, t := range s.transfers {
		t.script, t.returned = k.Steps[t.Reference], k.Returned[t.Reference]
	}
	s.script, s.faults = k.Script, pointers(k.Faults)
	maps.Copy(s.scripts, k.Scripts)
	if s.balances == nil {
		s.balances = map[string]int64{}
	}
}

func pointers[T any](rows []T) []*T {
	list := make([]*T, len(rows))
	for i := range rows {
		list[i] = &rows[i]
	}
	return list
}

// save writes the file if anything changed; the lock is held.
func (s *Server) save() error {
	if s.path == "" {
		return nil
	}
	k := kept{
		State: s.state(), LastID: s.lastID, Offset: s.offset, Faults: []Fault{}, Script: s.script, Scripts: s.scripts,
		Steps: map[string][]Step{}, Returned: map[string]int64{},
	}
	k.Now, k.Requests, k.Undelivered = time.Time{}, 0, 0
	for _, f := range s.faults {
		if rest, some := f.left(); some {
			k.Faults = append(k.Faults, rest)
		}
	}
	for _, t := range s.transfers {
		k.Returned[t.Reference] = t.returned
		if len(t.script) > 0 {
			k.Steps[t.Reference] = slices.Clone(t.script)
		}
	}
	content, err := json.MarshalIndent(k, "", " ")
	if err != nil || bytes.Equal(content, s.written) {
		return err
	}
	if err := os.WriteFile(s.path+".next", content, 0o600); err != nil {
		return err
	}
	s.written = content
	return os.Rename(s.path+".next", s.path)
}

// left is the fault without the requests that it has met, if it will meet more.
func (f *Fault) left() (Fault, bool) {
	rest := *f
	rest.used, rest.Skip = 0, max(f.Skip-f.used, 0)
	if f.Times > 0 {
		rest.Times -= max(f.used-f.Skip, 0)
	}
	return rest, rest.Times != 0
}
