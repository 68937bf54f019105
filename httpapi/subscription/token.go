package subscription

import (
	"errors"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/hookwheel/hookwheel/httpapi/auth"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

type tokenAnswer struct {
	AccessToken string `json:"access_token"`
	ExpiresIn   int    `json:"expires_in"` // seconds
	TokenType   string `json:"token_type"` // always "bearer"
}

// issueToken gives a client an access token (RFC 6749, section 4.4). The client
// shows its id and secret as Basic credentials or in the form. Wrong ones are
// 403, not 401 as in the RFC: so it is with the API that this one is like.
func issueToken(c *wire.Ctx) error {
	if kind := string(c.Request.Header.ContentType()); !strings.HasPrefix(strings.ToLower(kind), formType) {
		return wire.MediaType("of type " + formType)
	}
	form := c.PostArgs()
	if grant := string(form.Peek("grant_type")); grant != "client_credentials" {
		return wire.BadRequest(wire.CodeBadRequest, "grant_type must be client_credentials")
	}
	id, password, ok := auth.BasicCredentials(c.Request.Header.Peek("Authorization"))
	if !ok {
		id, password = string(form.Peek("client_id")), string(form.Peek("client_secret"))
	}
	token, err := c.Auth.IssueToken(id, password, string(form.Peek("scope")), time.Now())
	switch {
	case errors.Is(err, auth.ErrUnknown):
		return wire.Forbidden("the client's id or secret is wrong").Because(err)
	case errors.Is(err, auth.ErrScope):
		return wire.BadRequest(wire.CodeBadRequest, "scope names a right that the client does not have").Because(err)
	case err != nil:
		return err
	}
	c.SetHeader("Cache-Control", "no-store")
	return c.JSON(fasthttp.StatusOK, tokenAnswer{AccessToken: token, ExpiresIn: int(auth.TokenLifetime.Seconds()), TokenType: "bearer"})
}

const formType = "application/x-www-form-urlencoded"
