package exec

import (
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// defaultPath is searched when the environment has no PATH, as execvp(3) does.
const defaultPath = "/bin:/usr/bin"

// candidates returns the files that execvp(3) would execute for name, in order,
// with the PATH of env. A name with a slash stands for itself. If a file was found
// that cannot be executed, refused says so: it counts when nothing else runs.
// Relative paths start from dir; empty: the working directory.
func candidates(name, dir string, env []string) (paths []string, refused *Error) {
	if strings.Contains(name, "/") {
		return []string{name}, nil
	}
	if name == "" {
		return nil, nil
	}
	for _, folder := range strings.Split(searchPath(env), ":") {
		path := name
		if folder != "" { // an empty element is the working directory
			path = strings.TrimSuffix(folder, "/") + "/" + name
		}
		found, err := executable(within(dir, path))
		switch {
		case err == nil:
			paths = append(paths, path)
		case found && (refused == nil || refused.Code == CodeNotFound):
			refused = describe(dir, path, errno(err))
		case err == syscall.EACCES && refused == nil:
			refused = unsearchable(name, folder)
		}
	}
	return paths, refused
}

// searchPath returns the value of the first PATH in env.
func searchPath(env []string) string {
	for _, entry := range env {
		if path, ok := strings.CutPrefix(entry, "PATH="); ok {
			return path
		}
	}
	return defaultPath
}

// unsearchable is the error for a command that was not found where this user may
// look. It counts as not found, as with shells; env(1) has 126 there.
func unsearchable(name, folder string) *Error {
	return &Error{
		Code:   CodeNotFound,
		Detail: printable(name) + ": command not found, and " + printable(folder) + " in PATH cannot be searched",
		Err:    syscall.EACCES,
	}
}

// executable returns why execve would refuse the file at path, nil if it would not,
// and whether there is such a file. The error is a bare error number.
func executable(path string) (found bool, err error) {
	var st unix.Stat_t
	switch err := unix.Stat(path, &st); {
	case err == syscall.ELOOP:
		return true, err
	case err != nil:
		return false, err
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return true, syscall.EACCES
	}
	return true, unix.Faccessat(unix.AT_FDCWD, path, unix.X_OK, unix.AT_EACCESS)
}

// within returns path as seen from this process when it is relative to dir. It is
// not cleaned: "link/.." is not always where it seems to be.
func within(dir, path string) string {
	if dir == "" || strings.HasPrefix(path, "/") {
		return path
	}
	return dir + string(os.PathSeparator) + path
}
