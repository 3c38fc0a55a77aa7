package paystack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strconv"
)

const (
	perPage  = 100    // the most that Paystack gives
	mostPage = 10_000 // a million rows; more is a list that does not end
)

// pageMeta is what follows a page: a cursor, or which page of how many.
type pageMeta struct {
	Next      text    `json:"next"`
	Page      integer `json:"page"`
	PageCount integer `json:"pageCount"`
}

// pages goes through a list to its end, with cursors where the endpoint has
// them and page numbers where it does not. Rows that were made meanwhile push
// others to a later page, so an id that was met before is left out.
func pages[T any](ctx context.Context, c *Client, r call, id func(T) uint64) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		met := map[uint64]bool{}
		cursors := map[text]bool{}
		r.query.Set("perPage", strconv.Itoa(perPage))
		r.query.Set("use_cursor", "true")
		for range mostPage {
			got, err := c.send(ctx, r)
			if err != nil {
				yield(none, err)
				return
			}
			rows, meta, err := page[T](got)
			if err != nil {
				yield(none, c.unusable(r, 0, err))
				return
			}
			for _, row := range rows {
				if n := id(row); n == 0 || !met[n] {
					met[n] = true
					if !yield(row, nil) {
						return
					}
				}
			}
			switch {
			case meta.Next != "" && cursors[meta.Next]:
				yield(none, c.unusable(r, 0, errors.New("the list goes in a circle")))
				return
			case meta.Next != "":
				cursors[meta.Next] = true
				r.query.Set("next", string(meta.Next))
			case meta.Page > 0 && meta.Page < meta.PageCount:
				r.query.Del("use_cursor")
				r.query.Set("page", strconv.FormatInt(int64(meta.Page)+1, 10))
			default:
				return
			}
		}
		yield(none, c.unusable(r, 0, fmt.Errorf("the list has more than %d pages", mostPage)))
	}
}

// page decodes one. A row that cannot be read fails the list: what is missing
// from a list is taken as absent, so it must not be missing by mistake.
func page[T any](got answer) ([]T, pageMeta, error) {
	var rows []T
	if err := json.Unmarshal(got.Data, &rows); err != nil {
		return nil, pageMeta{}, fmt.Errorf("the rows cannot be read: %w", err)
	}
	var meta *pageMeta
	if len(got.Meta) > 0 {
		if err := json.Unmarshal(got.Meta, &meta); err != nil {
			return nil, pageMeta{}, fmt.Errorf("the page cannot be placed: %w", err)
		}
	}
	switch {
	case meta != nil:
		return rows, *meta, nil
	case len(rows) >= perPage:
		return nil, pageMeta{}, errors.New("a full page does not say whether more follow")
	}
	return rows, pageMeta{}, nil
}

// failed is a list that is nothing but an error.
func failed[T any](err error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		yield(none, err)
	}
}
