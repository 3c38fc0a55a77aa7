package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/lingualink/lingualink/e2e/harness"
)

// grantMinor is what every funding under load puts into the campaign.
const grantMinor = 100

// assault uploads, votes and funds as fast as the server answers, and remembers
// what it sent and what was acknowledged.
type assault struct {
	server     *harness.Server
	language   string
	campaign   string
	admin      *harness.Client
	owners     []*harness.Person
	validators []*harness.Person
	// places says how far each validator is in the order of clips; they go on
	// there after a kill, and meet on the clips that it left half decided.
	places  []int
	journal *journal
}

// unexpected is an answer that nothing in the load explains.
type unexpected struct{ answer harness.Answer }

// Error implements error.
func (e unexpected) Error() string { return e.answer.String() }

// run is the load of one round. It ends when the server does not answer any
// more; only an unexpected answer is an error.
func (a *assault) run(ctx context.Context, round int, answered func()) error {
	group, ctx := errgroup.WithContext(ctx)
	until := func(step func(turn int) error) {
		group.Go(func() error {
			for turn := 0; ; turn++ {
				if err := step(turn); err != nil {
					if strange := (unexpected{}); errors.As(err, &strange) {
						return err
					}
					return nil // the server is dead
				}
				answered()
			}
		})
	}
	for owner := range a.owners {
		until(func(turn int) error { return a.upload(ctx, owner, round, turn) })
	}
	until(func(int) error { return a.grant(ctx) })
	for validator := range a.validators {
		random := rand.New(rand.NewPCG(uint64(round), uint64(validator)))
		until(func(int) error {
			clip, err := a.journal.clipAt(ctx, a.places[validator])
			if err != nil {
				return err
			}
			a.places[validator]++ // nobody votes on a clip again under another id
			choice := "approve"
			if random.IntN(4) == 0 {
				choice = "reject"
			}
			id, ballot := harness.NewID(), ballot{validator: validator, clip: clip, choice: choice}
			a.journal.cast(id, ballot)
			return a.cast(ctx, id, ballot)
		})
	}
	return group.Wait()
}

func (a *assault) upload(ctx context.Context, owner, round, turn int) error {
	id := harness.NewID()
	upload := upload{owner: owner, seed: uint64(round)<<32 | uint64(owner)<<24 | uint64(turn)}
	recording := harness.Voice(upload.seed)
	a.journal.send(id, upload)
	answer, err := a.owners[owner].Upload(ctx, id, a.language, recording)
	if err != nil {
		return err
	}
	if answer.Status != http.StatusOK {
		return unexpected{answer}
	}
	a.journal.uploaded(id, upload)
	return nil
}

func (a *assault) grant(ctx context.Context) error {
	key := harness.NewID()
	a.journal.offer(key)
	answer, err := a.admin.Fund(ctx, a.campaign, grantMinor, key)
	if err != nil {
		return err
	}
	if answer.Status != http.StatusOK {
		return unexpected{answer}
	}
	a.journal.funded(key)
	return nil
}

type (
	upload struct {
		owner int
		seed  uint64
	}
	ballot struct {
		validator int
		clip      string
		choice    string
	}
)

// journal is what the clients know. What is acknowledged or refused was
// answered; what is open was sent and got no answer yet.
type journal struct {
	mu      sync.Mutex
	clips   map[string]upload
	votes   map[string]voteRow
	refused map[string]bool
	funds   map[string]bool
	// order are the acknowledged clips, for the voters; more is closed and
	// replaced when one is added.
	order []string
	more  chan struct{}

	openUploads  map[string]upload
	openBallots  map[string]ballot
	openFundings map[string]bool
	repeats      int
}

func newJournal() *journal {
	return &journal{
		clips: map[string]upload{}, votes: map[string]voteRow{}, refused: map[string]bool{}, funds: map[string]bool{},
		more: make(chan struct{}), openUploads: map[string]upload{}, openBallots: map[string]ballot{}, openFundings: map[string]bool{},
	}
}

// clipAt waits for the clip at a place in the order of acknowledgement.
func (j *journal) clipAt(ctx context.Context, place int) (string, error) {
	for {
		j.mu.Lock()
		more := j.more
		if place < len(j.order) {
			defer j.mu.Unlock()
			return j.order[place], nil
		}
		j.mu.Unlock()
		select {
		case <-more:
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

func (j *journal) send(id string, upload upload) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.openUploads[id] = upload
}

func (j *journal) uploaded(id string, upload upload) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.openUploads, id)
	j.clips[id] = upload
	j.order = append(j.order, id)
	close(j.more)
	j.more = make(chan struct{})
}

func (j *journal) cast(id string, ballot ballot) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.openBallots[id] = ballot
}

func (j *journal) voted(id string, vote voteRow) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.openBallots, id)
	j.votes[id] = vote
}

func (j *journal) refuse(id string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.openBallots, id)
	j.refused[id] = true
}

func (j *journal) offer(key string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.openFundings[key] = true
}

func (j *journal) funded(key string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.openFundings, key)
	j.funds[key] = true
}

func (j *journal) takeUploads() map[string]upload { return take(j, &j.openUploads) }

func (j *journal) takeBallots() map[string]ballot { return take(j, &j.openBallots) }

func (j *journal) takeFundings() map[string]bool { return take(j, &j.openFundings) }

// take empties a map of what is open and counts it as repeated.
func take[V any](j *journal, open *map[string]V) map[string]V {
	j.mu.Lock()
	defer j.mu.Unlock()
	taken := *open
	*open = map[string]V{}
	j.repeats += len(taken)
	return taken
}

func (j *journal) summary() string {
	return fmt.Sprintf("%d clips, %d votes and %d fundings acknowledged, %d votes refused, %d requests repeated after a kill",
		len(j.clips), len(j.votes), len(j.funds), len(j.refused), j.repeats)
}
