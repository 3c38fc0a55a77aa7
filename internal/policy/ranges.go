package policy

import (
	"fmt"

	"github.com/lingualink/lingualink/internal/fault"
)

// Range is a value and what it may be, both ends included.
type Range struct {
	Name               string // as in the stored JSON
	Value, Least, Most int64
}

// InRanges returns fault.PolicyInvalid about the first value outside its range.
func InRanges(ranges ...Range) error {
	for _, r := range ranges {
		if r.Value < r.Least || r.Value > r.Most {
			return fault.PolicyInvalid.On(r.Name).Saying(fmt.Sprintf("%s is %d to %d.", r.Name, r.Least, r.Most))
		}
	}
	return nil
}
