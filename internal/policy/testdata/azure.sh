az role assignment create --role "Key Vault Secrets User" --assignee-object-id 11111111-2222-3333-4444-555555555555 \
  --scope "$(az keyvault show --name kv-other --query id --output tsv)/secrets/web"
az role assignment create --role "Key Vault Secrets User" --assignee-object-id 11111111-2222-3333-4444-555555555555 \
  --scope "$(az keyvault show --name kv-prod --query id --output tsv)/secrets/db-password"
az role assignment create --role "Key Vault Secrets User" --assignee-object-id 11111111-2222-3333-4444-555555555555 \
  --scope "$(az keyvault show --name kv-third --query id --output tsv)/secrets/web"
