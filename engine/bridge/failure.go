package bridge

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/hookwheel/hookwheel/engine/egress"
)

// failure is why an event was not put on its bus: class and status for the engine, a text for the history, and a cause
// for the operator's log, nil if there is nothing to tell him.
//
// AWS answers nearly everything with status 400, and with 200 for an error of one entry. The status is therefore the
// one that says what the error's name says, if it is one of those below.
type failure struct {
	class  egress.Class
	status int
	text   string
	cause  error
}

func (f *failure) Error() string { return f.text }

var (
	failNoObject = &failure{class: egress.Payload, text: "the body is not a json object, and eventbridge takes nothing else"}
	failTooLarge = &failure{class: egress.Payload, text: fmt.Sprintf("the event is larger than the %d bytes that eventbridge takes", MaxEntry)}
	failAnswer   = &failure{class: egress.BadResponse, status: http.StatusOK, text: "aws did not say what became of the event"}
	failShutdown = &failure{class: egress.Local, text: "shutting down"}
	failTimeout  = &failure{class: egress.Timeout, text: "timed out before aws answered"}
)

// throttlePause is for how many seconds an endpoint is left alone after AWS has asked to slow down, which comes
// without a Retry-After. AWS grants so many calls per second.
const throttlePause = "1"

// The errors that AWS names and that mean something to us. Those that say to slow down have many names, see
// retry.DefaultThrottleErrorCodes.
var named = map[string]failure{
	"ResourceNotFoundException": {class: egress.NoBus, status: http.StatusNotFound, text: "the event bus does not exist"},
	"AccessDeniedException":     {class: egress.ClientError, status: http.StatusForbidden, text: "this server may not put events on the event bus"},
	"MalformedDetail":           {class: egress.Payload, status: http.StatusBadRequest, text: "the body is not json that eventbridge takes"},
	"InternalFailure":           {class: egress.ServerError, status: http.StatusInternalServerError, text: "aws has a problem"},
	"InternalException":         {class: egress.ServerError, status: http.StatusInternalServerError, text: "aws has a problem"},
}

// failureOfCode is about an error by its name. status is the one that it came with.
func failureOfCode(code string, status int, cause error) *failure {
	f, known := named[code]
	_, throttled := retry.DefaultThrottleErrorCodes[code]
	switch {
	case throttled || status == http.StatusTooManyRequests:
		f = failure{class: egress.ClientError, status: http.StatusTooManyRequests, text: "aws asks to slow down"}
	case !known && status < 300:
		f = failure{class: egress.ClientError, status: http.StatusBadRequest, text: "aws refused the event"}
	case !known:
		f = failure{class: egress.ClassOf(status), status: status, text: "aws refused the call"}
	}
	f.text = fmt.Sprintf("%.64s: %s", code, f.text)
	f.cause = cause
	return &f
}

// failureOfEntry is about an event that was refused by a call that succeeded.
func failureOfEntry(entry *types.PutEventsResultEntry) *failure {
	code := aws.ToString(entry.ErrorCode)
	return failureOfCode(code, http.StatusOK, fmt.Errorf("%s: %s", code, aws.ToString(entry.ErrorMessage)))
}

// failureOf is about a call that failed, or was not made.
func (c *Client) failureOf(err error) *failure {
	if c.ctx.Err() != nil {
		return failShutdown
	}
	if _, ok := errors.AsType[*credentialsError](err); ok {
		return &failure{class: egress.Credentials, text: "this server has no aws credentials, or cannot get them now", cause: err}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return failTimeout
	}
	status := 0
	if answer, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		status = answer.HTTPStatusCode()
	}
	if named, ok := errors.AsType[smithy.APIError](err); ok && status != 0 {
		return failureOfCode(named.ErrorCode(), status, err)
	}
	if status != 0 {
		return &failure{class: egress.BadResponse, status: status, text: "the answer is not one of eventbridge", cause: err}
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return &failure{class: egress.DNS, text: "the name of the aws endpoint could not be looked up", cause: err}
	}
	return &failure{class: egress.Connect, text: "could not connect to aws, or the connection ended", cause: err}
}
