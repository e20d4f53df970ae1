package trust

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/pyleeai/pylee/internal/atomicfile"
)

const (
	version  = 1
	maxFacts = 5000    // kept for a diff
	maxSize  = 8 << 20 // bytes of a record
)

// record is what a file holds:
//
//	{"pylee_allow":1,"path":"/p/pylee.yaml","denied":"2026-11-23T10:00:00Z",
//	 "environments":{"":{"fingerprint":"<hex>","since":"...","facts":["run: ..."]}}}
type record struct {
	Version      int                `json:"pylee_allow"`
	Path         string             `json:"path"`
	Denied       *time.Time         `json:"denied,omitempty"`
	Environments map[string]consent `json:"environments,omitempty"`
}

type consent struct {
	Fingerprint string    `json:"fingerprint"`
	Since       time.Time `json:"since"`
	Facts       []string  `json:"facts"`
}

// Path returns the file that keeps what is known about the config at path.
func (r Records) Path(path string) string {
	sum := sha256.Sum256([]byte(path))
	return filepath.Join(r.Dir, hex.EncodeToString(sum[:]))
}

// change reads the record of path, or begins one, and writes what do makes of it. One
// that cannot be believed is replaced.
func (r Records) change(path string, do func(*record)) error {
	if r.Dir == "" {
		return ErrNoPlace
	}
	if err := atomicfile.MkdirAll(r.Dir); err != nil {
		return err
	}
	if err := r.judgeDir(); err != nil {
		return err
	}
	held, err := lock(r.Dir)
	if err != nil {
		return err
	}
	defer held.Close() //nolint:errcheck // nothing was written
	rec, err := r.read(path)
	if err != nil {
		rec = record{Version: version, Path: path}
	}
	do(&rec)
	data, err := json.Marshal(rec)
	if err != nil {
		return err
	}
	file := r.Path(path)
	if err := atomicfile.Sweep(file); err != nil {
		return err
	}
	return atomicfile.Write(file, append(data, '\n'), atomicfile.Options{})
}

// lock keeps two changes from undoing each other, as a denial must not be undone. It
// is held until the file is closed.
func lock(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, ".lock"), os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			return f, err
		}
	}
}

// read returns the record of path. The error wraps fs.ErrNotExist if there is none;
// otherwise it says why the file is not believed.
func (r Records) read(path string) (record, error) {
	if r.Dir == "" {
		return record{}, fs.ErrNotExist
	}
	file := r.Path(path)
	if _, err := os.Lstat(file); err != nil {
		return record{}, err
	}
	if err := r.judgeDir(); err != nil {
		return record{}, err
	}
	data, err := r.readFile(file)
	if err != nil {
		return record{}, err
	}
	var rec record
	if json.Unmarshal(data, &rec) != nil || rec.Version != version || rec.Path != path {
		return record{}, fmt.Errorf("%s: damaged, or not of this config", file)
	}
	return rec, nil
}

func (r Records) readFile(file string) ([]byte, error) {
	f, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: cannot be read: %w", file, errors.Unwrap(err))
	}
	defer f.Close() //nolint:errcheck // only read
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxSize {
		return nil, fmt.Errorf("%s: not a record", file)
	}
	if err := r.judge(file, info); err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(f, maxSize))
}

// judgeDir checks that nobody else can put records in place: not in the directory and
// not by moving one on the way to it.
func (r Records) judgeDir() error {
	dir, err := filepath.EvalSymlinks(r.Dir)
	if err != nil {
		return err
	}
	for ; ; dir = filepath.Dir(dir) {
		info, err := os.Lstat(dir)
		if err != nil {
			return err
		}
		sticky := info.Mode()&os.ModeSticky != 0 && owner(info) == 0
		if !sticky {
			if err := r.judge(dir, info); err != nil && (owner(info) != 0 || info.Mode()&0o022 != 0) {
				return err
			}
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}

func (r Records) judge(path string, info os.FileInfo) error {
	if uid := owner(info); uid != r.UID {
		return fmt.Errorf("%s: owned by uid %d, not by uid %d", path, uid, r.UID)
	}
	if info.Mode()&0o022 != 0 {
		return fmt.Errorf("%s: writable by group or others (mode %04o)", path, info.Mode().Perm())
	}
	return nil
}

func owner(info os.FileInfo) int {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(stat.Uid)
	}
	return -1
}
