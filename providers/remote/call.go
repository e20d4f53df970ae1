package remote

import (
	"context"

	"github.com/pyleeai/pylee/providers"
)

// call is one request that runs in the helper.
type call struct {
	s        *server
	number   uint64
	op       uint64
	instance uint64
	served   *served // nil: none has that number
	d        *decoder
}

// run answers the call, whatever the provider does.
func (c *call) run(ctx context.Context) {
	answer := c.answer(ctx)
	if c.served != nil && c.op != opClose {
		c.served.users.Done()
	}
	out, ok := answer.frame()
	if !ok || answer.bad {
		out, _ = c.refused(&providers.Error{
			Kind: providers.ErrInvalid, Detail: "the answer is larger than 64 MiB",
			Hint: "ask for fewer secrets of this provider in one config",
		}).frame()
	}
	c.s.lock.Lock()
	delete(c.s.running, c.number)
	c.s.lock.Unlock()
	c.s.out.add(out)
}

// answer has the error of the call as a whole in front.
func (c *call) answer(ctx context.Context) (e *encoder) {
	defer func() {
		// What was thrown may hold a value.
		if thrown := recover(); thrown != nil {
			e = c.refused(&providers.Error{
				Kind: providers.ErrUnavailable, Detail: "the provider broke down",
				Hint: "this is a defect of pylee: please report it, with what the config asks for",
			})
		}
	}()
	e = newFrame(frameAnswer, c.number)
	e.failure(nil)
	var err error
	switch {
	case c.op == opOpen:
		err = c.open(ctx, e)
	case c.served == nil:
		err = &providers.Error{Kind: providers.ErrInvalid, Detail: "the provider is closed"}
	default:
		err = c.perform(ctx, c.served.provider, e)
	}
	if err == nil {
		err = c.d.unread()
	}
	if err != nil {
		clear(e.b)
		return c.refused(err)
	}
	return e
}

// unread tells of a request that has more or less in it than it should.
func (d *decoder) unread() error {
	if d.finish() != nil {
		return &providers.Error{Kind: providers.ErrInvalid, Detail: "a malformed request"}
	}
	return nil
}

func (c *call) refused(err error) *encoder {
	e := newFrame(frameAnswer, c.number)
	e.failure(err)
	return e
}

func (c *call) open(ctx context.Context, e *encoder) error {
	kind, settings := c.d.text(), c.d.settings()
	if err := c.d.unread(); err != nil {
		return err
	}
	driver, ok := c.s.driver(kind)
	if !ok {
		return &providers.Error{Kind: providers.ErrInvalid, Detail: "this build of pylee has no provider of type " + kind}
	}
	p, err := driver.Open(ctx, settings)
	if err != nil {
		return err
	}
	e.uint(c.s.keep(p))
	e.uint(uint64(capabilitiesOf(p)))
	return nil
}

// perform reads what the operation asks for, and does it only if that is well-formed.
func (c *call) perform(ctx context.Context, p providers.Provider, e *encoder) error {
	switch c.op {
	case opClose:
		c.served.users.Wait()
		return p.Close()
	case opFetch, opProbe:
		return c.read(ctx, p, e)
	case opList:
		if l, ok := p.(providers.Lister); ok {
			return c.list(ctx, l, e)
		}
	case opRenew, opRevoke:
		if r, ok := p.(providers.Renewer); ok {
			return c.lease(ctx, r, e)
		}
	case opCheck:
		if doctor, ok := p.(providers.Doctor); ok {
			findings := doctor.Check(ctx)
			e.uint(uint64(len(findings)))
			for _, f := range findings {
				e.finding(f)
			}
			return nil
		}
	case opPut, opDelete:
		if w, ok := p.(providers.Writer); ok {
			return c.write(ctx, w, e)
		}
	}
	return &providers.Error{Kind: providers.ErrInvalid, Detail: "the provider cannot do this"}
}

func (c *call) read(ctx context.Context, p providers.Provider, e *encoder) error {
	keys := c.d.keys()
	if err := c.d.unread(); err != nil {
		return err
	}
	prober, ok := p.(providers.Prober)
	if c.op == opProbe && !ok {
		return &providers.Error{Kind: providers.ErrInvalid, Detail: "the provider cannot do this"}
	}
	if c.op == opProbe {
		probes := prober.Probe(ctx, keys)
		e.uint(uint64(len(probes)))
		for _, r := range probes {
			e.text(r.Version)
			e.failure(r.Err)
		}
		return nil
	}
	results := p.Fetch(ctx, keys)
	e.uint(uint64(len(results)))
	for _, r := range results {
		e.result(r)
	}
	return nil
}

func (c *call) list(ctx context.Context, l providers.Lister, e *encoder) error {
	prefix := c.d.text()
	if err := c.d.unread(); err != nil {
		return err
	}
	infos, err := l.List(ctx, prefix)
	e.uint(uint64(len(infos)))
	for _, i := range infos {
		e.info(i)
	}
	return err
}

func (c *call) lease(ctx context.Context, r providers.Renewer, e *encoder) error {
	l := c.d.lease()
	if err := c.d.unread(); err != nil {
		return err
	}
	if c.op == opRevoke {
		return r.Revoke(ctx, l)
	}
	renewed, err := r.Renew(ctx, l)
	e.lease(renewed)
	return err
}

func (c *call) write(ctx context.Context, w providers.Writer, e *encoder) error {
	key := c.d.key()
	if c.op == opDelete {
		if err := c.d.unread(); err != nil {
			return err
		}
		return w.Delete(ctx, key)
	}
	value := providers.NewValue(c.d.bytes())
	if err := c.d.unread(); err != nil {
		return err
	}
	version, err := w.Put(ctx, key, value)
	e.text(version)
	return err
}
