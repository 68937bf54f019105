package archive

import (
	"fmt"
	"strings"
)

// DamageError says where a store is not as it was written.
type DamageError struct {
	Places int     // how many there are
	Faults []error // of the first of them, at most shown
}

const shown = 20

func (e *DamageError) add(fault error) {
	if e.Places++; e.Places <= shown {
		e.Faults = append(e.Faults, fault)
	}
}

func (e *DamageError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "the store is damaged in %d places:\n", e.Places)
	if e.Places == 1 {
		b.Reset()
		b.WriteString("the store is damaged:\n")
	}
	for _, fault := range e.Faults {
		fmt.Fprintf(&b, "  %v\n", fault)
	}
	if more := e.Places - len(e.Faults); more > 0 {
		fmt.Fprintf(&b, "  and %d more\n", more)
	}
	b.WriteString("What cannot be read a server refuses to guess. Keep this directory as it is, look for the cause (the disk, its\n" +
		"controller, memory, whoever writes into the directory), and go on with the newest backup that is whole:\n" +
		"hookwheel check BACKUP, then hookwheel restore --data-dir NEW BACKUP.")
	return b.String()
}

func (e *DamageError) Unwrap() []error { return e.Faults }
