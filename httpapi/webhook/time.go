package webhook

import "time"

// moment is a time in Unix milliseconds as this dialect writes it: in UTC with
// six decimals, of which the last three are zero. 0 is null.
type moment int64

func (m moment) MarshalJSON() ([]byte, error) {
	if m == 0 {
		return []byte("null"), nil
	}
	return time.UnixMilli(int64(m)).UTC().AppendFormat(nil, `"2006-01-02T15:04:05.000000Z"`), nil
}
