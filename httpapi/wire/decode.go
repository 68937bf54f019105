package wire

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/hookwheel/hookwheel/engine/json"
)

// MaxObjectSize bounds the JSON of a request that is not an event, in bytes.
const MaxObjectSize = 1 << 20

// Decode reads the body into a struct. It is strict, because what is misspelt
// and ignored is found out in production: unknown fields, null where no null
// can be, numbers with a fraction for integers and text behind the end are
// refused, names count with their case, and none may be given twice. All faults
// of fields are reported at once, each with its place.
//
// A pointer field tells absent (nil) from given; a Patch field tells absent,
// null and given apart. Strings and slices are copies.
func (c *Ctx) Decode(into any) error {
	body := c.PostBody()
	if err := c.ExpectJSON(); err != nil {
		return err
	}
	if len(body) > MaxObjectSize {
		return TooLarge("the body", MaxObjectSize)
	}
	return DecodeJSON(body, into)
}

// DecodeOptional is Decode for requests whose body may be empty.
func (c *Ctx) DecodeOptional(into any) error {
	if len(bytes.TrimSpace(c.PostBody())) == 0 {
		return nil
	}
	return c.Decode(into)
}

// ExpectJSON refuses a body that declares to be something else or to be
// compressed. No declaration at all is taken as JSON.
func (c *Ctx) ExpectJSON() error {
	if err := c.expectPlain(); err != nil {
		return err
	}
	if kind := mediaType(c.Request.Header.ContentType()); kind != "" && kind != jsonType && !strings.HasSuffix(kind, "+json") {
		return MediaType("of type " + jsonType)
	}
	return nil
}

// ExpectEvents is ExpectJSON for a body that may also have one JSON value on
// each line; it reports whether this one declares that.
func (c *Ctx) ExpectEvents() (lines bool, err error) {
	kind := mediaType(c.Request.Header.ContentType())
	if kind != "application/x-ndjson" && kind != "application/jsonl" {
		return false, c.ExpectJSON()
	}
	return true, c.expectPlain()
}

// expectPlain refuses compression: the limits on what a body may be count what
// arrives, and a small body can unpack to a very large one.
func (c *Ctx) expectPlain() error {
	if encoding := c.Request.Header.ContentEncoding(); len(encoding) > 0 && !bytes.EqualFold(encoding, []byte("identity")) {
		return MediaType("sent without compression")
	}
	return nil
}

// mediaType cuts the parameters off a Content-Type.
func mediaType(header []byte) string {
	if string(header) == jsonType {
		return jsonType // as nearly everybody writes it
	}
	kind, _, _ := bytes.Cut(header, []byte(";"))
	return strings.ToLower(string(bytes.TrimSpace(kind)))
}

const jsonType = "application/json"

// DecodeJSON is Decode for a text from elsewhere. into is a pointer to a
// struct.
func DecodeJSON(text []byte, into any) error {
	if err := CheckJSON(text); err != nil {
		return err
	}
	var d decoder
	d.value(text, reflect.ValueOf(into).Elem(), "")
	if len(d.faults) > 0 {
		return Invalid(d.faults...)
	}
	return nil
}

// CheckJSON refuses what is not one JSON value of UTF-8 text and of sane depth.
func CheckJSON(text []byte) error {
	if len(bytes.TrimSpace(text)) == 0 {
		return BadRequest(CodeMalformed, "the body is empty; expected JSON")
	}
	if err := json.Check(text); err != nil {
		return BadRequest(CodeMalformed, "%v", err)
	}
	return nil
}

type unmarshaler interface{ UnmarshalJSON([]byte) error }

// decoder walks a JSON text and a Go value side by side. A library's decoder
// stops at the first fault and cannot say in which element of a list it was.
// This one knows structs, pointers, slices, maps with string keys, scalars,
// types with their own UnmarshalJSON, and raw JSON, which is all that requests
// are made of.
type decoder struct{ faults []Field }

// MaxFaults bounds the answer to a request that is wrong from end to end.
const MaxFaults = 20

func (d *decoder) fault(pointer, format string, args ...any) {
	d.add(Field{Pointer: pointer, Detail: fmt.Sprintf(format, args...)})
}

func (d *decoder) add(f Field) {
	if len(d.faults) < MaxFaults {
		d.faults = append(d.faults, f)
	}
}

// UnknownField is the fault of a member that the object at the pointer does not
// have.
func UnknownField(pointer, name string) Field {
	return Field{Pointer: pointer + "/" + escapePointer(name), Detail: "unknown field"}
}

func (d *decoder) value(text []byte, v reflect.Value, pointer string) {
	isNull := string(bytes.TrimSpace(text)) == "null"
	switch own := v.Addr().Interface().(type) {
	case patcher:
		given, null, value := own.patch()
		*given, *null = true, isNull
		if !isNull {
			d.value(text, reflect.ValueOf(value).Elem(), pointer)
		}
		return
	case unmarshaler:
		if err := own.UnmarshalJSON(text); err != nil {
			d.fault(pointer, "%v", err)
		}
		return
	}
	switch {
	case v.Kind() == reflect.Pointer:
		if !isNull {
			v.Set(reflect.New(v.Type().Elem()))
			d.value(text, v.Elem(), pointer)
		}
	case isNull:
		d.fault(pointer, "must not be null")
	case v.Kind() == reflect.Struct:
		d.structure(text, v, pointer)
	case v.Kind() == reflect.Map:
		d.dictionary(text, v, pointer)
	case v.Kind() == reflect.Slice:
		d.list(text, v, pointer)
	default:
		if err := json.Unmarshal(text, v.Addr().Interface()); err != nil {
			d.fault(pointer, "must be %s", kindName(v.Kind()))
		}
	}
}

func (d *decoder) structure(text []byte, v reflect.Value, pointer string) {
	members, ok := d.members(text, pointer)
	if !ok {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if i := fieldNamed(v.Type(), name); i >= 0 {
			d.value(members[name], v.Field(i), pointer+"/"+escapePointer(name))
		} else {
			d.add(UnknownField(pointer, name))
		}
	}
}

// members takes an object apart. A name that is there twice is refused: which of
// the two counts depends on the parser, and a proxy may have looked at the other.
func (d *decoder) members(text []byte, pointer string) (members map[string][]byte, ok bool) {
	if text = bytes.TrimSpace(text); text[0] != '{' {
		d.fault(pointer, "must be an object")
		return nil, false
	}
	members = map[string][]byte{}
	n := 0
	json.Members(text, func(quoted, value []byte) {
		if n++; n > maxItems {
			return
		}
		name := json.Unquote(quoted)
		if _, twice := members[name]; twice {
			d.fault(pointer+"/"+escapePointer(name), "is given twice")
		}
		members[name] = value
	})
	return members, d.bounded(n, pointer)
}

// maxItems is how many values one object or list may have: more than any
// operation takes, and few enough that they need little memory, however large
// the body is.
const maxItems = 10_000

func (d *decoder) bounded(n int, pointer string) bool {
	if n > maxItems {
		d.fault(pointer, "must have at most %d values", maxItems)
	}
	return n <= maxItems
}

func (d *decoder) dictionary(text []byte, v reflect.Value, pointer string) {
	members, ok := d.members(text, pointer)
	if !ok {
		return
	}
	v.Set(reflect.MakeMapWithSize(v.Type(), len(members)))
	for _, name := range slices.Sorted(maps.Keys(members)) {
		member := reflect.New(v.Type().Elem()).Elem()
		d.value(members[name], member, pointer+"/"+escapePointer(name))
		v.SetMapIndex(reflect.ValueOf(name), member)
	}
}

func (d *decoder) list(text []byte, v reflect.Value, pointer string) {
	if text = bytes.TrimSpace(text); text[0] != '[' {
		d.fault(pointer, "must be an array")
		return
	}
	var items [][]byte
	n := 0
	json.Elements(text, func(item []byte) {
		if n++; n <= maxItems {
			items = append(items, item)
		}
	})
	if !d.bounded(n, pointer) {
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(items), len(items)))
	for i, item := range items {
		d.value(item, v.Index(i), fmt.Sprintf("%s/%d", pointer, i))
	}
}

func fieldNamed(t reflect.Type, name string) int {
	for i := range t.NumField() {
		tag, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if tag == name && tag != "-" {
			return i
		}
	}
	return -1
}

func kindName(k reflect.Kind) string {
	switch {
	case k == reflect.String:
		return "a string"
	case k == reflect.Bool:
		return "true or false"
	case k == reflect.Float32 || k == reflect.Float64:
		return "a number"
	}
	return "an integer"
}

var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

// escapePointer writes a name as RFC 6901 wants it.
func escapePointer(name string) string { return pointerEscapes.Replace(clip(name)) }

// clip cuts a name that is very long: it is the caller's own text that goes back
// to the caller.
func clip(name string) string {
	const longest = 64
	if len(name) > longest {
		return strings.ToValidUTF8(name[:longest], "") + "…"
	}
	return name
}
