package atomicfile

import "io/fs"

// faulty fails the step-th call, counted from 1, and runs the others.
type faulty struct {
	system
	step, calls *int
	err         error
	name        *string
}

func newFaulty(step int, err error) faulty {
	return faulty{step: &step, calls: new(int), err: err, name: new(string)}
}

func (d faulty) fail(name string) error {
	*d.calls++
	if *d.calls == *d.step {
		*d.name = name
		return d.err
	}
	return nil
}

func (d faulty) create(path string) (file, error) {
	if err := d.fail("create"); err != nil {
		return nil, err
	}
	f, err := d.system.create(path)
	return faultyFile{f, d}, err
}

func (d faulty) link(old, new string) error {
	if err := d.fail("link"); err != nil {
		return err
	}
	return d.system.link(old, new)
}

func (d faulty) rename(old, new string) error {
	if err := d.fail("rename"); err != nil {
		return err
	}
	return d.system.rename(old, new)
}

func (d faulty) remove(path string) error {
	if err := d.fail("remove"); err != nil {
		return err
	}
	return d.system.remove(path)
}

func (d faulty) syncDir(dir string) error {
	if err := d.fail("syncDir"); err != nil {
		return err
	}
	return d.system.syncDir(dir)
}

type faultyFile struct {
	file
	d faulty
}

func (f faultyFile) Write(b []byte) (int, error) {
	if err := f.d.fail("write"); err != nil {
		n, _ := f.file.Write(b[:len(b)/2])
		return n, err
	}
	return f.file.Write(b)
}

func (f faultyFile) Chmod(mode fs.FileMode) error {
	if err := f.d.fail("chmod"); err != nil {
		return err
	}
	return f.file.Chmod(mode)
}

func (f faultyFile) Sync() error {
	if err := f.d.fail("sync"); err != nil {
		return err
	}
	return f.file.Sync()
}

func (f faultyFile) Close() error {
	if err := f.d.fail("close"); err != nil {
		f.file.Close()
		return err
	}
	return f.file.Close()
}
