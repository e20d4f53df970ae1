//go:build !linux

package runner

// Scrub does nothing: other systems have no memory file to hand the environment over in,
// nor a way to execute a program whose file was replaced.
func Scrub(_, environ []string, _ *Guard) (full []string, code int, over bool, err error) {
	return environ, 0, false, nil
}
