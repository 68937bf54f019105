package proof

import (
	"slices"
	"strings"
)

// unchanged is that bytes are kept.
func unchanged(m *model, f *finder) {
	for _, e := range m.endpoints {
		for id, receipts := range e.byEvent {
			first := receipts[0]
			f.looked(len(receipts))
			inside, eventType, data, err := dataOf(first.Body)
			switch {
			case err != nil:
				f.violated("%s received %s with a body that is no JSON: %v", e.name, id, err)
			case inside != id:
				f.violated("%s received %s with webhook-id %s", e.name, inside, id)
			case eventType != first.item.Type || data != first.item.Data:
				f.violated("%s received %s with type %s and data %.200q, posted were %s and %.200q", e.name, id, eventType, data, first.item.Type, first.item.Data)
			}
			for n, r := range receipts[1:] {
				if r.Body != first.Body {
					f.violated("%s received %s with other bytes at attempt %d: %.200q, first %.200q", e.name, id, n+2, r.Body, first.Body)
				}
			}
		}
	}
}

// signatures is that each attempt is signed by the secrets of its time. An
// attempt starts up to the timeout before it is received.
func signatures(m *model, f *finder) {
	for _, e := range m.endpoints {
		for _, r := range e.receipts {
			f.looked(1)
			given := strings.Fields(r.Signature)
			started := span{r.at - int64(m.Timeout+m.Slack), r.at}
			for _, v := range e.secrets {
				until := m.unsure(v.since, v.until)
				may := v.from.from <= started.to && until.to >= started.from
				must := v.from.to <= started.from && until.from >= started.to
				want, err := signed(v.secret, r.Receipt)
				if err != nil {
					f.violated("%s has a secret that is no base64: %v", e.name, err)
				}
				at := slices.Index(given, want)
				if at >= 0 {
					given = slices.Delete(given, at, at+1)
				}
				if at < 0 && must {
					f.violated("%s received %s without the signature of a secret that was valid", e.name, r.ID)
				} else if at >= 0 && !may {
					f.violated("%s received %s signed with a secret that was not valid", e.name, r.ID)
				}
			}
			if len(given) > 0 {
				f.violated("%s received %s with a signature of no secret of its: %q", e.name, r.ID, given)
			}
		}
	}
}

// isolated is that tenants are walled off.
func isolated(m *model, f *finder) {
	for _, e := range m.endpoints {
		for _, r := range e.receipts {
			f.looked(1)
			if r.item.org != e.org {
				f.violated("%s of %s received %s of %s", e.name, e.org, r.ID, r.item.org)
			}
		}
	}
	f.looked(len(m.state.Events) + len(m.state.Deliveries))
	for _, what := range m.state.Foreign {
		f.violated("%s", what)
	}
}

// leaked is that secrets stay secret.
func leaked(m *model, f *finder) {
	for _, e := range m.endpoints {
		f.looked(len(e.secrets))
	}
	for _, what := range m.state.Leaks {
		f.violated("%s", what)
	}
}
