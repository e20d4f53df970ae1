package early

const (
	sysRtSigaction = 134
	sysGetpid      = 172
)
