package exec

// PrivateOptions say where a private tmpfs appears and whose its files are.
type PrivateOptions struct {
	Path   string // absolute; an empty directory, or one that does not exist and is made
	Size   int64  // bytes; 0: 8 MiB. Memory is taken for what is written alone
	Inodes int    // files, directories and links; 0: 1024

	UID, GID int  // owner of the files; -1: that of this process
	ReadOnly bool // the command finds it read-only; this process still writes
	Links    bool // symbolic links in it are followed: what Swap needs
}

const (
	placePrivate = "private mount namespace: "
	hintShared   = "leave out the private directory: the files go to a tmpfs such as /run then"
)
