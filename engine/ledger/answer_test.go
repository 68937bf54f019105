package ledger

import "testing"

// keep keeps an answer.
func (f *fixture) keep(org, key, sealed string, expires int64) {
	f.t.Helper()
	_, err := f.Change(f.ctx(), &Change{Answer: &Answer{Organization: org, Key: key, Sealed: []byte(sealed), ExpiresAt: expires}})
	f.mustDo(err)
}

// answer is what is kept, "" for nothing.
func (f *fixture) answer(org, key string) string {
	f.t.Helper()
	a, found, err := f.Answer(org, key)
	f.mustDo(err)
	check(f.t, "found", found, a.ExpiresAt != 0)
	return string(a.Sealed)
}

func TestAnswers(t *testing.T) {
	f := newLedger(t, 4)
	f.keep("org_a", "POST / k", "of a", startTime+1)
	f.keep("org_b", "POST / k", "of b", startTime+1)
	f.keep("org_a", "POST / l", "first", startTime+1)
	f.keep("org_a", "POST / l", "second", startTime+3*3_600_000)
	for _, crash := range []bool{false, true} {
		check(t, "answer", f.answer("org_a", "POST / k"), "of a")
		check(t, "answer of another organization (G9)", f.answer("org_b", "POST / k"), "of b")
		check(t, "answer kept twice", f.answer("org_a", "POST / l"), "second")
		check(t, "answer to another key", f.answer("org_b", "POST / l"), "")
		f.restart(crash)
	}

	// They are forgotten by the hour, like the keys of events.
	f.clock.Add(2 * 3_600_000)
	for p := range f.Partitions() {
		_, err := f.CommandAt(f.ctx(), p, &Command{Verb: Forget, BeforeTime: startTime + 2*3_600_000})
		f.mustDo(err)
	}
	check(t, "expired answer", f.answer("org_a", "POST / k"), "")
	check(t, "answer that was kept again", f.answer("org_a", "POST / l"), "second")
}

func TestAnswersAreErased(t *testing.T) {
	f := newLedger(t, 1)
	f.keep("org_a", "POST / k", "of a", startTime+1)
	f.keep("org_b", "POST / k", "of b", startTime+1)
	_, err := f.Change(f.ctx(), &Change{Organization: &Organization{ID: "org_a", DeletedAt: 1}})
	f.mustDo(err)
	_, err = f.Command(f.ctx(), &Command{Verb: FinishErase, Organization: "org_a"})
	f.mustDo(err)
	for _, want := range []int{1, 0} {
		remains, err := f.Erasing()
		f.mustDo(err)
		check(t, "deleted organizations that have something", len(remains), want)
		_, err = f.Command(f.ctx(), &Command{Verb: Erase, Organization: "org_a"})
		f.mustDo(err)
	}
	check(t, "answer of an erased organization", f.answer("org_a", "POST / k"), "")
	check(t, "answer of another", f.answer("org_b", "POST / k"), "of b")
}
