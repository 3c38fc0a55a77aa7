package replay

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/lingualink/lingualink/internal/consensus/crowd"
)

// dataset is a file of votes with its truth, items and workers numbered in order
// of appearance.
type dataset struct {
	votes   []vote // item by item, each item's in the order of the file
	starts  []int  // per item: where its votes start in votes; one more at the end
	truth   []crowd.Label
	known   int // items with truth
	workers int
}

type vote struct {
	worker  int32
	approve bool
}

func (d *dataset) items() int { return len(d.truth) }

// The columns of the two files.
var (
	voteColumns  = []string{"item", "worker", "label"}
	truthColumns = []string{"item", "truth"}
)

// read reads both files. Of several votes of a worker on an item the first
// counts. Items without truth keep their votes; truth about items without votes
// is dropped, but must be well formed.
func read(votes, truth io.Reader) (*dataset, error) {
	items, workers := numbering{}, numbering{}
	var of []int32 // item per vote
	var cast []vote
	err := rows(votes, "votes", voteColumns, func(field []string) error {
		label, err := parseLabel(field[2])
		if err != nil {
			return err
		}
		of = append(of, items.number(field[0]))
		cast = append(cast, vote{workers.number(field[1]), label == crowd.Good})
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(cast) == 0 {
		return nil, errors.New("votes: there are no votes in the file")
	}
	d := group(of, cast, len(items), len(workers))
	return d, d.readTruth(truth, items)
}

func (d *dataset) readTruth(truth io.Reader, items numbering) error {
	told := map[string]crowd.Label{}
	err := rows(truth, "truth", truthColumns, func(field []string) error {
		if field[1] == "" {
			return nil
		}
		label, err := parseLabel(field[1])
		if err != nil {
			return err
		}
		if before, again := told[field[0]]; again && before != label {
			return fmt.Errorf("item %q had the other truth before; keep one of the two lines", field[0])
		}
		told[field[0]] = label
		if item, voted := items[field[0]]; voted && d.truth[item] == crowd.Unknown {
			d.truth[item] = label
			d.known++
		}
		return nil
	})
	if err == nil && d.known == 0 {
		err = errors.New("truth: no item of the votes has a truth; use the same item ids in both files")
	}
	return err
}

// byteOrderMark is what some spreadsheets put before UTF-8 text.
const byteOrderMark = "\ufeff"

// rows calls visit with the wanted columns of every line after the header,
// spaces trimmed. Errors name the file and, where there is one, the line.
func rows(file io.Reader, name string, columns []string, visit func([]string) error) error {
	text := bufio.NewReader(file)
	if mark, err := text.Peek(len(byteOrderMark)); err == nil && string(mark) == byteOrderMark {
		_, _ = text.Discard(len(byteOrderMark)) // they are in the buffer
	}
	r := csv.NewReader(text)
	r.ReuseRecord = true
	r.TrimLeadingSpace = true
	header, err := r.Read()
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: the file is empty; it starts with the line %s", name, strings.Join(columns, ","))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	places, err := find(columns, header)
	if err != nil {
		return fmt.Errorf("%s: line 1: %w", name, err)
	}
	field := make([]string, len(columns))
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		for i, place := range places {
			field[i] = strings.TrimSpace(record[place])
		}
		if err := visitRow(field, visit); err != nil {
			line, _ := r.FieldPos(0)
			return fmt.Errorf("%s: line %d: %w", name, line, err)
		}
	}
}

func visitRow(field []string, visit func([]string) error) error {
	for _, id := range field[:len(field)-1] {
		if id == "" {
			return errors.New("an id is empty")
		}
	}
	return visit(field)
}

// find returns where each wanted column stands in the header.
func find(columns, header []string) ([]int, error) {
	places := make([]int, len(columns))
	for i, column := range columns {
		places[i] = slices.IndexFunc(header, func(h string) bool { return strings.TrimSpace(h) == column })
		if places[i] < 0 {
			return nil, fmt.Errorf("there is no column %q; the header is %s", column, strings.Join(columns, ","))
		}
	}
	return places, nil
}

func parseLabel(text string) (crowd.Label, error) {
	switch text {
	case "0":
		return crowd.Bad, nil
	case "1":
		return crowd.Good, nil
	default:
		return crowd.Unknown, fmt.Errorf("a label is 0 or 1, not %q", text)
	}
}

// numbering gives ids dense numbers in order of appearance.
type numbering map[string]int32

func (n numbering) number(id string) int32 {
	if number, seen := n[id]; seen {
		return number
	}
	n[strings.Clone(id)] = int32(len(n))
	return int32(len(n) - 1)
}

// group sorts votes by item, keeps their order within one, and drops repeats.
func group(of []int32, cast []vote, items, workers int) *dataset {
	next := make([]int, items+1)
	for _, item := range of {
		next[item+1]++
	}
	for item := range items {
		next[item+1] += next[item]
	}
	starts := slices.Clone(next)
	sorted := make([]vote, len(cast))
	for i, v := range cast {
		sorted[next[of[i]]] = v
		next[of[i]]++
	}
	d := &dataset{votes: sorted[:0], starts: make([]int, items+1), truth: make([]crowd.Label, items), workers: workers}
	last := make([]int, workers) // per worker: the last item that he voted on, counted from 1
	for item := range items {
		for _, v := range sorted[starts[item]:starts[item+1]] {
			if last[v.worker] != item+1 {
				last[v.worker] = item + 1
				d.votes = append(d.votes, v)
			}
		}
		d.starts[item+1] = len(d.votes)
	}
	return d
}
