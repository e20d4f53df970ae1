package providers

import "context"

type debugKey struct{}

// WithDebug returns a context that carries say, which takes lines for --debug: names,
// addresses, status and times, never a value. Layers below a provider use it, so that
// nobody has to hand it down. say may be called by several goroutines at once.
func WithDebug(ctx context.Context, say func(line string)) context.Context {
	return context.WithValue(ctx, debugKey{}, say)
}

// Debug returns what WithDebug put into ctx, nil if nobody wants to know.
func Debug(ctx context.Context) func(line string) {
	say, _ := ctx.Value(debugKey{}).(func(line string))
	return say
}
