package command

import (
	"context"
	"io"
)

// input is standard input that does not hold up the end of the process: a
// read that waits for whoever types or writes there ends when ctx does. One
// goroutine uses it.
type input struct {
	ctx  context.Context
	from io.Reader
	pipe *io.PipeReader // made by the first read
}

func (i *input) Read(p []byte) (int, error) {
	if i.pipe == nil {
		reader, writer := io.Pipe()
		i.pipe = reader
		context.AfterFunc(i.ctx, func() { writer.CloseWithError(i.ctx.Err()) })
		// Nothing else ends its wait, so it lives as long as the process.
		go func() {
			_, err := io.Copy(writer, i.from)
			writer.CloseWithError(err)
		}()
	}
	return i.pipe.Read(p)
}
