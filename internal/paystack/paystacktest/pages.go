package paystacktest

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"
)

// row is one of a list, with the id that a cursor points to.
type row struct {
	id   uint64
	data map[string]any
}

// within says whether a time lies in the bounds that were asked for.
func (q *Request) within(at time.Time) bool {
	if from, err := time.Parse(time.RFC3339, q.param("from")); err == nil && at.Before(from) {
		return false
	}
	to, err := time.Parse(time.RFC3339, q.param("to"))
	return err != nil || at.Before(to)
}

// paged answers one page, newest first: after a cursor, where the endpoint has
// them and one was asked for, else by number.
func paged(message string, q *Request, rows []row, cursors bool) reply {
	rows = slices.Clone(rows)
	slices.Reverse(rows)
	size := whole(q.param("perPage"), 50)
	size = min(size, 100)
	total := len(rows)
	if cursors && q.param("use_cursor") == "true" {
		after := decodeCursor(q.param("next"))
		rows = slices.DeleteFunc(rows, func(r row) bool { return after != 0 && r.id >= after })
		meta := map[string]any{"next": nil, "previous": nil, "perPage": size}
		if len(rows) > size {
			rows = rows[:size]
			meta["next"] = encodeCursor(rows[size-1].id)
		}
		return page(message, rows, meta)
	}
	number := whole(q.param("page"), 1)
	skipped := min((number-1)*size, total)
	rows = rows[skipped:min(skipped+size, total)]
	return page(message, rows, map[string]any{
		"total": total, "skipped": skipped, "perPage": size, "page": number, "pageCount": (total + size - 1) / size,
	})
}

func page(message string, rows []row, meta map[string]any) reply {
	data := []any{}
	for _, r := range rows {
		data = append(data, r.data)
	}
	answer := yes(message, data)
	answer.body["meta"] = meta
	return answer
}

func whole(text string, otherwise int) int {
	if n, err := strconv.Atoi(text); err == nil && n > 0 {
		return n
	}
	return otherwise
}

func encodeCursor(id uint64) string {
	return base64.StdEncoding.EncodeToString([]byte("row:" + strconv.FormatUint(id, 10)))
}

func decodeCursor(cursor string) uint64 {
	raw, err := base64.StdEncoding.DecodeString(cursor)
	if err != nil {
		return 0
	}
	id, err := strconv.ParseUint(strings.TrimPrefix(string(raw), "row:"), 10, 64)
	if err != nil {
		return 0
	}
	return id
}
