package sign

import "slices"

// Set is a set of schemes, small enough to be noted with every attempt.
type Set uint8

// Schemes are those of the signer.
func (s *Signer) Schemes() (set Set) {
	for _, scheme := range s.schemes {
		set |= 1 << scheme
	}
	return set
}

// Has says whether the scheme is in the set.
func (set Set) Has(scheme Scheme) bool { return set&(1<<scheme) != 0 }

// recalled are the schemes whose headers Recall shows, the first one first. A
// bearer token is no signature but the secret itself.
var recalled = [...]Scheme{Timestamped, Stripe, Standard, GitHub}

// Recall returns the value of the header that signed an attempt long ago, so
// that history can show it without having kept it. m.At is when the attempt was
// made, and schemes and keyID are what the signer said then. keys are all that
// there have been, newest first, those that have ended included. Of several
// schemes it recalls one: the first of timestamped, stripe, standard and github.
//
// It is "" when it cannot be told: the key is not among them, or there was no
// signature.
//
// Keys made since are left out, and those that had ended by then too. The end of
// a key reaches the attempts a moment after it was decided; one that signed
// after its end did so as if before, and together with those it had beside it.
func Recall(schemes Set, keys []Key, keyID string, m *Message) string {
	i := slices.IndexFunc(keys, func(k Key) bool { return k.ID == keyID })
	at := slices.IndexFunc(recalled[:], schemes.Has)
	if i < 0 || at < 0 {
		return ""
	}
	then := m.At
	if end := keys[i].NotAfter; end != 0 {
		then = min(then, end-1)
	}
	s := Signer{schemes: recalled[at : at+1]}
	for _, k := range keys[i:] {
		if !k.valid(then) {
			continue
		}
		k.NotAfter = 0
		ready, err := newSigningKey(k, s.schemes)
		if err != nil { // made for another scheme
			continue
		}
		if s.schemes[0] == Standard || ready.symmetric() {
			s.keys = append(s.keys, ready)
		}
	}
	if len(s.keys) == 0 {
		return ""
	}
	var h Headers
	s.Sign(&h, &Message{ID: m.ID, At: m.At, Body: m.Body})
	header := 0
	if s.schemes[0] == Standard {
		header = 2 // behind id and timestamp
	}
	_, value := h.At(header)
	return string(value)
}
