package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

// Wait returns nil when ctx ends, or before that what keeps the server from
// working. After an error the process should end without a Close, which would
// wait for a storage that does not answer: whatever was acknowledged is on
// disk, and the next start goes on from there.
func (s *Server) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.broken:
		return err
	case err := <-s.engine.Failed():
		return fmt.Errorf("%w\nThe store in %s cannot be written or is damaged. Look at its disk, then start again. %s",
			cmp.Or(err, errors.New("the ledger has stopped")), s.options.Engine.Log.Dir, damaged)
	}
}

// Close ends the server in good order, or as much of that as there is time for
// until ctx ends. Requests are answered, attempts under way are finished and
// recorded; after nil nothing will be sent twice. Clients may use half of the
// time.
func (s *Server) Close(ctx context.Context) error {
	s.closing.Store(true)
	var faults []error
	if s.http != nil {
		half, cancel := halfOf(ctx)
		if err := s.closeDoors(half); err != nil {
			s.options.Logger.Warn("connections were still open and are cut", "error", err)
		}
		cancel()
	}
	if s.listener != nil {
		// Closed already, unless the start failed before there was an API.
		_ = s.listener.Close()
	}
	s.serving.Wait()
	if s.engine != nil {
		faults = append(faults, s.engine.Close(ctx, s.breakOff))
	}
	s.breakOff()
	if s.tls != nil {
		s.tls.close()
	}
	if s.admin != nil {
		faults = append(faults, s.admin.close())
	}
	return errors.Join(faults...)
}

// closeDoors ends what is answered, for operators last. They read the store too,
// which is about to be closed; but they still learn that it is.
func (s *Server) closeDoors(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if s.admin != nil {
		err = errors.Join(err, s.http.ShutdownAdmin(ctx), s.admin.stand(stopping))
	}
	return err
}

// breakOff ends the attempts that are under way.
func (s *Server) breakOff() {
	if s.client != nil {
		s.client.Close()
	}
	if s.bridge != nil {
		s.bridge.Close()
	}
}

// halfOf is a context that ends half way to the deadline of ctx, if it has one.
func halfOf(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, bounded := ctx.Deadline()
	if !bounded {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Until(deadline)/2)
}
