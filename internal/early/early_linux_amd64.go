package early

const (
	sysRtSigaction = 13
	sysGetpid      = 39
)
