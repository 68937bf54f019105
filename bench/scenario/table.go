package scenario

import (
	"math"
	"strconv"
)

// Table shows several numbers for each of a few cases, such as how a cost grows
// with the size of something.
type Table struct {
	Title   string   `json:"title"`
	Case    string   `json:"case"`    // what the rows differ in
	Columns []string `json:"columns"` // with their units
	Rows    []Row    `json:"rows"`
}

// Row is one case of a table. A value that does not exist is NaN in a run and
// null in JSON.
type Row struct {
	Case   string  `json:"case"`
	Values []Value `json:"values"`
}

// Value is a number that may be missing.
type Value float64

// missing is the Value of what was not measured.
var missing = Value(math.NaN())

// MarshalJSON implements json.Marshaler.
func (v Value) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(v)) {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, float64(v), 'g', 6, 64), nil
}

func (v Value) String() string {
	if math.IsNaN(float64(v)) {
		return "–"
	}
	return number(float64(v))
}

// combineTables makes one table of the same table of several runs: each value
// is the median of its own.
func combineTables(runs []Table) Table {
	combined := runs[0]
	combined.Rows = make([]Row, len(runs[0].Rows))
	for i, row := range runs[0].Rows {
		values := make([]Value, len(row.Values))
		for j := range values {
			values[j] = Value(medianOf(runs, func(t Table) float64 { return float64(t.Rows[i].Values[j]) }))
		}
		combined.Rows[i] = Row{Case: row.Case, Values: values}
	}
	return combined
}

// cells are the table's head and rows as text.
func (t *Table) cells() [][]string {
	rows := [][]string{append([]string{t.Case}, t.Columns...)}
	for _, r := range t.Rows {
		row := []string{r.Case}
		for _, v := range r.Values {
			row = append(row, v.String())
		}
		rows = append(rows, row)
	}
	return rows
}
