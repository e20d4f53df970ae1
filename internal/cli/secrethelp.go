package cli

const secretDescription = `One encrypted file for each environment. NAME@N is version N of a secret.

   printf s3cret | pylee secret set db_password
   pylee secret generate session_key --length 48
   pylee secret list --env production
   pylee secret get db_password | wc -c
   pylee secret rollback db_password
   pylee secret import .env --dry-run`

const secretInitDescription = `pylee secret set does this by itself the first time.

   pylee secret init
   pylee secret init --project                  # .pylee/secrets beside the project's config
   pylee secret init --env production --recipient age1...
   pylee secret init --passphrase --pq          # of the new identity
   pylee secret init --ssh ~/.ssh/id_ed25519    # opened by an SSH key`

const secretSetDescription = `One final newline of a single line from stdin is dropped, as echo adds one; a file is
stored as it is. A VALUE on the command line ends up in the shell's history: prefer
stdin. The new version is the active one, unless --stage.

   printf s3cret | pylee secret set db_password
   pylee secret set tls_key --file key.pem --expires 90d --note 'from the CA'
   pylee secret set api_key                       # asks
   pylee secret set api_key --generate 32 --alphabet symbols
   pylee secret set api_key --stage && pylee secret activate api_key@4`

const secretGenerateDescription = `Makes a value nobody sees and stores it as a new version. Of a key pair the public
half is printed.

   pylee secret generate db_password
   pylee secret generate pin --length 12 --alphabet digits
   pylee secret generate hmac_key --bytes 32 --encoding hex
   pylee secret generate signing_key --key ed25519 > signing_key.pub.pem
   pylee secret generate instance_id --uuid`

const secretGetDescription = `The exact bytes, without a newline of pylee's. --copy hands them to the clipboard and
waits until that is cleared; Ctrl-C clears it at once.

   pylee secret get db_password | wc -c
   pylee secret get db_password --reveal
   pylee secret get db_password@3 | sha256sum
   pylee secret get db_password --copy`

const secretHistoryDescription = `Shows when and by whom each version was stored, its note and its state; never a value.

   pylee secret history db_password
   pylee secret history db_password --json`

const secretActivateDescription = `Makes a version that is kept the one that is used.

   pylee secret activate db_password@4`

const secretRollbackDescription = `Goes back to the version before the active one that can be used, or to the one named.
Nothing is deleted: activate goes forth again.

   pylee secret rollback db_password
   pylee secret rollback db_password --to 3`

const secretRevokeDescription = `A revoked version is never used again, and cannot be activated. Its number stays.

   pylee secret revoke db_password@3`

const secretExpireDescription = `WHEN is a duration from now, a time (RFC 3339), a date (its begin in UTC), now or never.
From then on the value is refused, with exit status 79. --rotate-after only warns.

   pylee secret expire db_password 90d
   pylee secret expire db_password@3 2027-01-31
   pylee secret expire db_password never --rotate-after 60d
   pylee secret expire db_password --rotate-after never`

const secretPurgeDescription = `Destroys old versions, and the .bak beside the store with them. The active one always
stays, and so do numbers. Copies of the file, in backups or git, still hold them.

   pylee secret purge db_password
   pylee secret purge db_password --keep 3
   pylee secret purge --all --keep 2`

const secretEditDescription = `Opens a value, or without a NAME all of them as YAML, in $VISUAL or $EDITOR. The text
lies in memory only (a tmpfs), in a directory of your own that is removed afterwards.
Editors of the vim family are told to keep no swap, backup, undo and history files.
A name that was removed from the text stays in the store.

   pylee secret edit db_password
   EDITOR=nano pylee secret edit --env production`

const secretImportDescription = `Takes secrets over: from a .env, JSON or YAML file, a directory of files, a passage
directory, another store (.age), or what sops decrypts. What FILE is follows from its
name or --from; - is stdin. Members of members are named a/b. A value that is stored
already makes no new version; all others come in at once, or none.

   pylee secret import .env --dry-run
   pylee secret import config.yaml --prefix app/
   pylee secret import ~/.passage/store --from passage --source-identity ~/.passage/identities
   pylee secret import secrets.enc.yaml --from sops
   kubectl get secret x -o json | jq '.data|map_values(@base64d)' | pylee secret import - --from json`

const secretExportDescription = `age is the store as it is, encrypted for its recipients: a backup. dotenv and json are
plaintext, and are asked for twice: on a terminal pylee asks, elsewhere --yes is needed.

   pylee secret export -o backup.age
   pylee secret export --format json --yes | jq -r .db_password
   pylee secret export --format dotenv --yes -o "$XDG_RUNTIME_DIR/all.env"`

const secretDiffDescription = `Compares two environments, or two stores (what has a slash or ends in .age is a file), by
names and whether values are equal; shows none. Exit status 3 if they differ.

   pylee secret diff staging production
   pylee secret diff default backup.age --json`

const secretMergeDescription = `A merge driver of git: secrets that one side changed are taken over; of one that both
changed, ours stays active, theirs is a staged version, and the conflict is named. OURS
becomes the result. Tell git once:

   pylee secret merge BASE OURS THEIRS          # what git runs
   echo '*.age merge=pylee' >> .pylee/secrets/.gitattributes
   git config merge.pylee.name 'pylee store'
   git config merge.pylee.driver 'pylee secret merge %O %A %B --path %P'`

const secretRecipientsDescription = `Who can open the store, besides whoever had a key when an older copy was made.

   pylee secret recipients list
   pylee secret recipients add age1... --name alice
   pylee secret recipients remove alice
   pylee secret recipients accept`

const secretRekeyDescription = `Encrypts the store anew, with a new store secret, for the recipients it has. It does
not make leaked values safe again: set new ones.

   pylee secret rekey --env production`

const secretVerifyDescription = `Opens the store and its .bak, and checks every entry, the pin and the recipients.

   pylee secret verify --env production
   pylee secret verify --accept-rollback     # after a restore from a backup`
