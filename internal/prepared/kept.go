package prepared

import (
	"container/list"
	"context"
	"database/sql/driver"
)

// statement is a prepared statement. It is in use or waits to be taken.
type statement struct {
	plainStatement
	text  string
	inUse bool
	place *list.Element // nil: it is not kept
}

// plainStatement is what a statement of the driver can do.
type plainStatement interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// kept are the statements of a connection by text, one of each. The zero kept is
// ready.
type kept struct {
	byText map[string]*statement
	recent list.List // of *statement, the last used first
}

// take returns a statement for the text that nobody else has. Where rows of the
// same text are being read it is another one.
func (k *kept) take(ctx context.Context, on driver.ConnPrepareContext, text string) (*statement, error) {
	ready := k.byText[text]
	if ready != nil && !ready.inUse {
		k.recent.MoveToFront(ready.place)
		ready.inUse = true
		return ready, nil
	}
	made, err := on.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	plain, ok := made.(plainStatement)
	if !ok {
		_ = made.Close()
		return nil, unexpected(made)
	}
	s := &statement{plainStatement: plain, text: text, inUse: true}
	if ready == nil {
		k.add(s)
	}
	return s, nil
}

// add keeps a statement in use, and lets go of the one that waited longest where
// there are too many.
func (k *kept) add(s *statement) {
	if k.byText == nil {
		k.byText = map[string]*statement{}
	}
	k.byText[s.text], s.place = s, k.recent.PushFront(s)
	for e := k.recent.Back(); e != nil && len(k.byText) > mostKept; {
		oldest := e.Value.(*statement)
		e = e.Prev()
		if !oldest.inUse {
			k.forget(oldest)
			_ = oldest.Close()
		}
	}
}

// giveBack ends the use of a statement. One that failed is closed, whatever it
// failed of: the next use begins from nothing.
func (k *kept) giveBack(s *statement, failed bool) error {
	s.inUse = false
	if s.place != nil && !failed {
		return nil
	}
	k.forget(s)
	if err := s.Close(); err != nil && !failed { // otherwise it repeats what it failed of
		return err
	}
	return nil
}

func (k *kept) forget(s *statement) {
	if s.place != nil {
		delete(k.byText, s.text)
		k.recent.Remove(s.place)
		s.place = nil
	}
}

// closeAll closes what waits. What is in use is closed when it is given back.
func (k *kept) closeAll() {
	for e := k.recent.Front(); e != nil; {
		s := e.Value.(*statement)
		e = e.Next()
		k.forget(s)
		if !s.inUse {
			_ = s.Close()
		}
	}
}
