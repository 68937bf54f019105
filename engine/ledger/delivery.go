package ledger

import (
	"github.com/hookwheel/hookwheel/engine/delivery"
)

// row is a delivery's row, if it has one.
func (pt *partition) row(ref Ref) (row delivery.Row, found bool, err error) {
	value, found, err := pt.db.Get(nil, pt.deliveryKey(ref))
	if err != nil || !found {
		return row, false, err
	}
	return row, true, row.Decode(value)
}
