package wire

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/wal"
)

// Error is a refusal that the caller may see. Which of its parts a dialect
// shows, and where, is the dialect's affair; so nothing in it but cause may
// reveal internals.
type Error struct {
	Status     int    // of HTTP, 400–599
	Code       string // stable, snake_case, for programs
	Detail     string // one sentence for people: what was wrong, and if it isn't obvious, what to do
	Fields     []Field
	RetryAfter time.Duration // 0 = no such header; sent in whole seconds, rounded up
	Headers    []Header      // further response headers, such as Allow

	cause error // for the log only
}

// Field is one fault of the request's content.
type Field struct {
	Pointer string `json:"pointer"` // JSON pointer into the body; "?name" for a query parameter
	Detail  string `json:"detail"`
}

// Header is a response header.
type Header struct{ Name, Value string }

// Title is the short text that goes with the status, the same for every error
// of its kind.
func (e *Error) Title() string { return fasthttp.StatusMessage(e.Status) }

func (e *Error) Error() string {
	text := fmt.Sprintf("%d %s: %s", e.Status, e.Code, e.Detail)
	if e.cause != nil {
		text += ": " + e.cause.Error()
	}
	return text
}

// Unwrap returns the cause, which is never shown to the caller.
func (e *Error) Unwrap() error { return e.cause }

// Because returns a copy of e with a cause for the log.
func (e *Error) Because(cause error) *Error {
	with := *e
	with.cause = cause
	return &with
}

// Codes of errors, as far as more than one place needs them.
const (
	CodeInvalid        = "invalid_fields"
	CodeMalformed      = "invalid_json"
	CodeBadRequest     = "bad_request"
	CodeBadParameter   = "invalid_parameter"
	CodeBadCursor      = "invalid_cursor"
	CodeUnauthorized   = "unauthenticated"
	CodeForbidden      = "forbidden"
	CodeNotFound       = "not_found"
	CodeNoMethod       = "method_not_allowed"
	CodeConflict       = "conflict"
	CodeExists         = "already_exists"
	CodeTooLarge       = "payload_too_large"
	CodeMediaType      = "unsupported_media_type"
	CodeKeyReused      = "idempotency_key_reused"
	CodeKeyInUse       = "idempotency_key_in_use"
	CodeRateLimited    = "rate_limit_exceeded"
	CodeInternal       = "internal_error"
	CodeOverloaded     = "overloaded"
	CodeUnavailable    = "unavailable"
	CodeStorageFull    = "insufficient_storage"
	CodeTimeout        = "request_timeout"
	CodeHeaderTooLarge = "header_too_large"
)

// BadRequest is 400 for a request that is wrong as a whole.
func BadRequest(code, format string, args ...any) *Error {
	return &Error{Status: fasthttp.StatusBadRequest, Code: code, Detail: fmt.Sprintf(format, args...)}
}

// Invalid is 400 for content that is well-formed but not acceptable. It takes
// all faults at once: nobody should have to find them one by one.
func Invalid(fields ...Field) *Error {
	detail := "the request has invalid fields"
	if len(fields) == 1 {
		detail = cmp.Or(fields[0].Pointer, "the body") + ": " + fields[0].Detail
	}
	return &Error{Status: fasthttp.StatusBadRequest, Code: CodeInvalid, Detail: detail, Fields: fields}
}

// BadParameter is 400 for one query parameter.
func BadParameter(name, format string, args ...any) *Error {
	detail := fmt.Sprintf(format, args...)
	return &Error{
		Status: fasthttp.StatusBadRequest, Code: CodeBadParameter, Detail: name + ": " + detail,
		Fields: []Field{{Pointer: "?" + name, Detail: detail}},
	}
}

// Unauthorized is 401. The text is the same for every reason, so that it tells
// nothing about which keys exist.
func Unauthorized() *Error {
	return &Error{
		Status: fasthttp.StatusUnauthorized, Code: CodeUnauthorized,
		Detail:  "a valid API key is required, as Authorization: Bearer <key>",
		Headers: []Header{{"WWW-Authenticate", "Bearer"}},
	}
}

// Forbidden is 403 for a caller who is known and may not.
func Forbidden(format string, args ...any) *Error {
	return &Error{Status: fasthttp.StatusForbidden, Code: CodeForbidden, Detail: fmt.Sprintf(format, args...)}
}

// NotFound is 404, for an object of another organization just as for one that
// never was.
func NotFound(what string) *Error {
	return &Error{Status: fasthttp.StatusNotFound, Code: CodeNotFound, Detail: "no such " + what}
}

// Absent makes NotFound of what the ledger does not have, or not for the
// organization that asks; another error it leaves as it is.
func Absent(err error, what string) error {
	if errors.Is(err, ledger.ErrNotFound) {
		return NotFound(what).Because(err)
	}
	return err
}

// Conflict is 409 for a verb that the state of its object forbids.
func Conflict(code, format string, args ...any) *Error {
	return &Error{Status: fasthttp.StatusConflict, Code: code, Detail: fmt.Sprintf(format, args...)}
}

// KeyReused is 422 for an idempotency key that comes with other content than the
// first time.
func KeyReused() *Error {
	return &Error{
		Status: fasthttp.StatusUnprocessableEntity, Code: CodeKeyReused,
		Detail: "the idempotency key was used before for a request with other content",
	}
}

// KeyInUse is 409 for an idempotency key whose first request is still being
// processed.
func KeyInUse() *Error {
	return &Error{
		Status: fasthttp.StatusConflict, Code: CodeKeyInUse,
		Detail: "a request with the same idempotency key is still being processed", RetryAfter: time.Second,
	}
}

// TooLarge is 413. limit is in bytes.
func TooLarge(what string, limit int) *Error {
	return &Error{
		Status: fasthttp.StatusRequestEntityTooLarge, Code: CodeTooLarge,
		Detail: fmt.Sprintf("%s is larger than %d bytes", what, limit),
	}
}

// MediaType is 415. must says how the body has to be.
func MediaType(must string) *Error {
	return &Error{Status: fasthttp.StatusUnsupportedMediaType, Code: CodeMediaType, Detail: "the body must be " + must}
}

// Unavailable is 503: nothing is wrong with the request, and it may be sent
// again after the given time.
func Unavailable(code, detail string, after time.Duration) *Error {
	return &Error{Status: fasthttp.StatusServiceUnavailable, Code: code, Detail: detail, RetryAfter: after}
}

// Internal is 500. The caller learns nothing but that it happened; the cause
// goes to the log.
func Internal(cause error) *Error {
	return &Error{Status: fasthttp.StatusInternalServerError, Code: CodeInternal, Detail: "the server failed to process the request", cause: cause}
}

// From turns what a handler returned into what the caller sees: an Error as it
// is, refusals of the log and the ledger by their meaning, everything else as
// Internal.
func From(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	for _, known := range knownErrors {
		if errors.Is(err, known.err) {
			return known.shown.Because(err)
		}
	}
	return Internal(err)
}

// What a caller is told when the log does not take its records, or the ledger
// not what they ask for. After ErrTimeout and ErrStopped the records may still
// become durable: a retry is safe only with an idempotency key, and the text
// says so.
var knownErrors = []struct {
	err   error
	shown *Error
}{
	{wal.ErrOverloaded, Unavailable(CodeOverloaded, "too much is waiting to be written; nothing was stored", time.Second)},
	{wal.ErrTimeout, Unavailable(CodeTimeout, "the write was not confirmed in time and may or may not be stored; repeat it with the same idempotency key", time.Second)},
	{wal.ErrClosed, Unavailable(CodeUnavailable, "the server is shutting down", time.Second)},
	{wal.ErrFenced, Unavailable(CodeUnavailable, "the organization is being moved to another server; nothing was stored", time.Second)},
	{wal.ErrDiskFull, &Error{
		Status: fasthttp.StatusInsufficientStorage, Code: CodeStorageFull,
		Detail: "the server is out of disk space and takes nothing new until some is freed; nothing was stored", RetryAfter: 30 * time.Second,
	}},
	{wal.ErrTooLarge, &Error{Status: fasthttp.StatusRequestEntityTooLarge, Code: CodeTooLarge, Detail: "the record is too large to be stored"}},
	{ledger.ErrStopped, Unavailable(CodeUnavailable, "the storage has failed; what was asked for may or may not be stored", time.Second)},
	{ledger.ErrNotFound, NotFound("object")},
	{ledger.ErrExists, Conflict(CodeExists, "an object of this id exists already, or has existed")},
	{ledger.ErrChanged, Conflict(CodeConflict, "the object was changed by somebody else at the same time")},
	{ledger.ErrForbidden, Conflict(CodeConflict, "the state of the object does not allow it")},
	{ledger.ErrConflict, KeyReused()},
}
