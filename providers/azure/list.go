package azure

import (
	"context"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"

	"github.com/pyleeai/pylee/providers"
)

// maxListed is how many secrets a List gives at most.
const maxListed = 10000

// List asks the vault that prefix begins with, or that of the config if prefix has no
// slash. It gives no versions: they would take one more request for each secret.
func (p *provider) List(ctx context.Context, prefix string) ([]providers.Info, error) {
	host, begin, before := p.vault, prefix, ""
	if vault, rest, ok := strings.Cut(prefix, "/"); ok {
		if !isVault(vault) {
			return nil, invalid(providers.QuoteName(vault)+" is not the name of a vault", "")
		}
		host, begin, before = p.hostOf(vault), rest, vault+"/"
	}
	if host == "" {
		return nil, invalid("it takes the name of a vault to list secrets", "write VAULT/, or set vault: NAME for the provider in the config")
	}
	v, err := p.vaultAt(host)
	if err != nil {
		return nil, err
	}
	found := []providers.Info{}
	pager := v.client.NewListSecretPropertiesPager(nil)
	for pager.More() {
		var page azsecrets.ListSecretPropertiesResponse
		err := v.call(ctx, request{"list", read{host: host}}, func(ctx context.Context) (err error) {
			page, err = pager.NextPage(ctx)
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, item := range page.Value {
			if info, ok := infoOf(item); ok && strings.HasPrefix(strings.ToLower(info.Name), strings.ToLower(begin)) {
				info.Name = before + info.Name
				found = append(found, info)
			}
		}
		if len(found) > maxListed {
			return nil, invalid("there are too many secrets below "+providers.QuoteName(prefix), "give a longer prefix")
		}
	}
	slices.SortFunc(found, func(a, b providers.Info) int { return strings.Compare(a.Name, b.Name) })
	return found, nil
}

// infoOf describes an entry of a list. Its id is https://host/secrets/name.
func infoOf(item *azsecrets.SecretProperties) (providers.Info, bool) {
	if item == nil || item.ID == nil {
		return providers.Info{}, false
	}
	parts := strings.Split(string(*item.ID), "/")
	if len(parts) < 5 || !only(parts[4], "-") {
		return providers.Info{}, false
	}
	info := providers.Info{Name: parts[4]}
	if a := item.Attributes; a != nil {
		info.Created, info.Updated, info.Expires = moment(a.Created), moment(a.Updated), moment(a.Expires)
	}
	return info, true
}
