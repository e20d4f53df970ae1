package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v2"
)

func versionCommand(inv *invocation) *cli.Command {
	return &cli.Command{
		Name:        "version",
		Usage:       "print the version",
		Description: "Example:\n\n    pylee version --json     # with the modules it was built from",
		Flags:       append(commonFlags(inv), jsonFlag(inv)),
		Action:      func(c *cli.Context) error { return inv.printVersion(c.Args().Present()) },
	}
}

func (inv *invocation) printVersion(extra bool) error {
	if extra {
		return usagef("version takes no argument")
	}
	if !inv.json {
		_, err := fmt.Fprintf(inv.stdio.Out, "pylee %s %s %s/%s\n", inv.version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
		return err
	}
	type module struct {
		Path    string `json:"path"`
		Version string `json:"version"`
	}
	out := struct {
		Version  string            `json:"version"`
		Go       string            `json:"go"`
		OS       string            `json:"os"`
		Arch     string            `json:"arch"`
		Settings map[string]string `json:"settings"`
		Modules  []module          `json:"modules"`
	}{inv.version, runtime.Version(), runtime.GOOS, runtime.GOARCH, map[string]string{}, []module{}}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			out.Settings[s.Key] = s.Value
		}
		for _, m := range info.Deps {
			out.Modules = append(out.Modules, module{m.Path, m.Version})
		}
	}
	return inv.writeJSON(out)
}
