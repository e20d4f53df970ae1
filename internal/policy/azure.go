package policy

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// azureRole is the built-in role that reads values of secrets (Azure RBAC, built-in
// roles for security).
const azureRole = "Key Vault Secrets User"

// AzureOptions say what references do not.
type AzureOptions struct {
	Principal string // object id of who reads; empty: $PRINCIPAL
}

// azureSecret is one secret, whose name differs from no other by case.
type azureSecret struct{ vault, name string }

// Azure returns commands of az that give one identity the role for lookups of the kind
// azure, secret by secret, others being left out.
func Azure(lookups []Lookup, o AzureOptions) ([]Grant, error) {
	principal := `"$PRINCIPAL"`
	if o.Principal != "" {
		if !only(o.Principal, "-") {
			return nil, errors.New("--principal takes the object id of an identity, a GUID")
		}
		principal = o.Principal
	}
	var errs []error
	lines := set{}
	for _, r := range lookups {
		if r.Kind != "azure" {
			continue
		}
		s, err := azureSecretOf(r)
		if errs = append(errs, err); err == nil {
			lines.add(fmt.Sprintf("az role assignment create --role %q --assignee-object-id %s \\\n  --scope \"$(az keyvault show --name %s --query id --output tsv)/secrets/%s\"", azureRole, principal, s.vault, s.name))
		}
	}
	if err := errors.Join(errs...); err != nil || len(lines) == 0 {
		return nil, err
	}
	notes := []string{"a vault with access policies knows no single secrets: az keyvault set-policy --name VAULT --secret-permissions get --object-id ID"}
	if o.Principal == "" {
		notes = append(notes, "PRINCIPAL is the object id of who reads: export it, or --principal ID")
	}
	return []Grant{{Text: strings.Join(lines.sorted(), "\n") + "\n", Notes: notes}}, nil
}

// azureSecretOf finds vault and name of a read, as docs/providers/azure.md has them.
// Certificates are read as the secrets of their names.
func azureSecretOf(r Lookup) (azureSecret, error) {
	s := azureSecret{vault: r.option("vault"), name: r.Name}
	parts := strings.Split(r.Name, "/")
	if strings.Contains(r.Name, "://") {
		u, err := url.Parse(r.Name)
		if err != nil {
			return s, r.fault("this is not the address of a secret")
		}
		parts = strings.Split(strings.Trim(u.Path, "/"), "/")
		if len(parts) < 2 {
			return s, r.fault("this is not the address of a secret")
		}
		parts[0] = u.Host
	}
	if len(parts) > 1 {
		s = azureSecret{vault: parts[0], name: parts[1]}
	}
	if _, host, ok := strings.Cut(s.vault, "://"); ok {
		s.vault = host
	}
	s.vault, _, _ = strings.Cut(s.vault, ".")
	if !only(s.vault, "-") || !only(s.name, "-") || s.vault[0] == '-' {
		return s, r.fault("this names no vault and secret: VAULT/NAME, or vault: in the block of the provider")
	}
	return azureSecret{strings.ToLower(s.vault), strings.ToLower(s.name)}, nil
}
