package runner

import (
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/pyleeai/pylee/exec"
)

// environFD names the descriptor of the memory file in which a pylee that executed
// itself finds its environment. Like all of PYLEE_* it is not for the command.
const environFD = "PYLEE_ENVIRON_FD"

const (
	environName = "pylee-environ"
	maxEnviron  = 8 << 20 // more than execve(2) takes
)

// Scrub takes what unlocks secrets out of /proc/PID/environ, which the kernel shows as
// it was at execve(2) whatever the process does later: pylee executes itself without
// those variables, and finds its whole environment in a sealed memory file. Without such
// a variable nothing happens.
//
// Process id, arguments, open files, ignored signals and limits stay. It comes before
// exec.Harden, whose effect ends at execve. full is the environment to work with. If
// over, the program has to exit with code: a signal came on the way, or execve failed.
// Otherwise err is why the variables are still there to see, and all else works.
func Scrub(args, environ []string, g *Guard) (full []string, code int, over bool, err error) {
	if full, found, err := handedOver(environ); found {
		return full, 0, false, err
	}
	rest, needed := scrubbed(environ)
	if !needed {
		return environ, 0, false, nil
	}
	file, err := handOver(environ)
	if err != nil {
		return environ, 0, false, err
	}
	defer file.Close() //nolint:errcheck // in memory
	if err := exec.Inheritable(file, true); err != nil {
		return environ, 0, false, err
	}
	// The guard cannot be used again, so that nothing may fail from here on but execve.
	spec := exec.Spec{Path: self, Argv: args, Env: append(rest, environFD+"="+strconv.FormatUint(uint64(file.Fd()), 10))}
	status, err := Replace(spec, g)
	if err != nil {
		return environ, exec.CodeFailed, true, err
	}
	return environ, End(status), true, nil
}

// self is this program, also if its file was replaced or removed.
const self = "/proc/self/exe"

// handOver writes the name of this process and its environment into a memory file. The
// name would be that of the link otherwise.
func handOver(environ []string) (*os.File, error) {
	if err := unix.Access(self, unix.X_OK); err != nil {
		return nil, errors.New(self + ": " + err.Error())
	}
	comm, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		return nil, err
	}
	text := append(bytes.TrimSuffix(comm, []byte("\n")), 0)
	for _, entry := range environ {
		text = append(append(text, entry...), 0)
	}
	defer clear(text)
	return exec.MemoryFile(environName, text, 0, -1, -1)
}

// handedOver returns the environment that environ says where to find, and gives the
// process its name back. If the variable was written by anybody else, what it names is no
// such file: then it is left alone, and the environment is as it is without the variable.
func handedOver(environ []string) (full []string, found bool, err error) {
	i := slices.IndexFunc(environ, func(entry string) bool { return strings.HasPrefix(entry, environFD+"=") })
	if i < 0 {
		return nil, false, nil
	}
	text, err := readEnviron(strings.TrimPrefix(environ[i], environFD+"="))
	if err != nil {
		return slices.Delete(slices.Clone(environ), i, i+1), true, errors.New(environFD + ": " + err.Error())
	}
	defer clear(text)
	comm, rest, _ := bytes.Cut(text, []byte{0})
	name(comm)
	for entry := range bytes.SplitSeq(bytes.TrimSuffix(rest, []byte{0}), []byte{0}) {
		full = append(full, string(entry))
	}
	return full, true, nil
}

// name is for people. prctl(2) names this thread, which is the first; a file in /proc would
// be root's if the program may be executed and not read.
func name(comm []byte) {
	if text, err := unix.BytePtrFromString(string(comm)); err == nil {
		_ = unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(text)), 0, 0, 0)
	}
}

// readEnviron reads the file and closes it.
func readEnviron(number string) ([]byte, error) {
	fd, err := strconv.ParseUint(number, 10, 20)
	if err != nil || fd < 3 {
		return nil, errors.New("not a descriptor")
	}
	link, err := os.Readlink("/proc/self/fd/" + number)
	if err != nil || link != "/memfd:"+environName+" (deleted)" {
		return nil, errors.New("another file than it should be")
	}
	const all = unix.F_SEAL_WRITE | unix.F_SEAL_GROW | unix.F_SEAL_SHRINK | unix.F_SEAL_SEAL
	if seals, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0); err != nil || seals&all != all {
		return nil, errors.New("the file is not sealed")
	}
	file := os.NewFile(uintptr(fd), environName)
	defer file.Close() //nolint:errcheck // in memory
	return io.ReadAll(io.NewSectionReader(file, 0, maxEnviron))
}

// unlocking are the variables of DropEnv that hold a secret themselves, and not the
// name of a place where one is.
var unlocking = []string{"PYLEE_IDENTITY", "VAULT_TOKEN", "BAO_TOKEN", "VAULT_SECRET_ID", "AZURE_CLIENT_SECRET", "OP_SERVICE_ACCOUNT_TOKEN"}

// scrubbed returns environ without the variables of unlocking, and whether one of them
// was there and not empty.
func scrubbed(environ []string) (rest []string, needed bool) {
	rest = make([]string, 0, len(environ)+1)
	for _, entry := range environ {
		if name, value, _ := strings.Cut(entry, "="); slices.Contains(unlocking, name) {
			needed = needed || value != ""
			continue
		}
		rest = append(rest, entry)
	}
	return rest, needed
}
