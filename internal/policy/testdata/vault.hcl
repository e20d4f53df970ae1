path "db/creds/app" {
  capabilities = ["read"]
}
path "kv1/\"x\"\\y" {
  capabilities = ["read"]
}
path "secret/data/app/db" {
  capabilities = ["read"]
}

# To prolong what is lent, and to give it back.
path "sys/leases/renew" {
  capabilities = ["update"]
}
path "sys/leases/revoke" {
  capabilities = ["update"]
}

# The policy "default", which tokens have unless they are made without, lets a token
# look itself up, prolong itself and end itself.
