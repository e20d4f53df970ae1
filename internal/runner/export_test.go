package runner

// Tidy is what Supervise does last.
func Tidy(s Supervision) { s.tidy() }
