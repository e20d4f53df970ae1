package config

// Project returns the path of the config that is named or that Load would discover,
// without reading it: what is beside a project's config is found also while the
// config is broken. Empty: there is none.
func Project(o Options) string {
	if o.Named != "" {
		return absolute(o.Dir, o.Named)
	}
	return newLoader(o).discover()
}
