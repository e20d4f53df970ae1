package azure

import (
	"context"
	"sync/atomic"

	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"
)

// vault is the one client for a vault. Its first request is answered by a challenge,
// which tells what token it wants; only then do others go.
type vault struct {
	p      *provider
	host   string
	client *azsecrets.Client
	chain  *chain

	known atomic.Bool   // the challenge was answered
	turn  chan struct{} // of the one that gets the challenge
}

// vaultAt returns that of a host, the same each time.
func (p *provider) vaultAt(host string) (*vault, error) {
	p.lock.Lock()
	defer p.lock.Unlock()
	if v := p.vaults[host]; v != nil {
		return v, nil
	}
	authority := p.authorityOf(host)
	v := &vault{p: p, host: host, chain: p.chain(authority), turn: make(chan struct{}, 1)}
	options := &azsecrets.ClientOptions{
		ClientOptions:                        clientOptions(vaultSender{p.sender(p.remote), host, p.emulated(host)}, authority),
		DisableChallengeResourceVerification: p.emulated(host),
	}
	var err error
	if v.client, err = azsecrets.NewClient("https://"+host, v.chain, options); err != nil {
		return nil, invalid("https://"+host+": is not the address of a vault", "")
	}
	p.vaults[host] = v
	return v, nil
}

// request is what was asked for, for messages.
type request struct {
	action string // as the permission is called: get, set, list, delete
	read
}

// call sends a request until it is answered. send returns the error of the SDK.
func (v *vault) call(ctx context.Context, what request, send func(ctx context.Context) error) error {
	done, err := v.first(ctx)
	if err != nil {
		return err
	}
	defer done()
	return v.p.retry.Do(ctx, func(ctx context.Context) error {
		err := send(ctx)
		if err == nil || isAnswer(err) {
			v.known.Store(true)
		}
		if err == nil {
			return nil
		}
		return v.failure(ctx, err, what)
	})
}

// first waits until the challenge is known, or it is the caller's turn to get it.
func (v *vault) first(ctx context.Context) (done func(), err error) {
	if v.known.Load() {
		return func() {}, nil
	}
	select {
	case v.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if v.known.Load() {
		<-v.turn
		return func() {}, nil
	}
	return func() { <-v.turn }, nil
}

// get reads one secret.
func (v *vault) get(ctx context.Context, r read, as *azsecrets.ContentType) (azsecrets.Secret, error) {
	var got azsecrets.Secret
	err := v.call(ctx, request{"get", r}, func(ctx context.Context) error {
		answer, err := v.client.GetSecret(ctx, r.name, r.version, &azsecrets.GetSecretOptions{OutContentType: as})
		got = answer.Secret
		return err
	})
	if err == nil && got.Value == nil {
		return got, v.damaged("it has no value")
	}
	return got, err
}
