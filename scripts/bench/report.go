package main

import (
	"fmt"
	"io"
	"slices"
)

// report writes the table: medians, the tenth percentile of the wall time, and the
// medians of the ratios to the first command within each round.
func report(out io.Writer, cases []*command) error {
	_, err := fmt.Fprint(out,
		"| command | wall ms, median (p10) | CPU ms | wall ratio | CPU ratio | peak MB | minor faults |\n",
		"|---|---|---|---|---|---|---|\n")
	if err != nil {
		return err
	}
	for _, c := range cases {
		wall := values(c, func(s sample) float64 { return s.wall })
		_, err := fmt.Fprintf(out, "| %s | %.2f (%.2f) | %.2f | %.2f | %.2f | %.1f | %.0f |\n", c.name,
			quantile(wall, 0.5), quantile(wall, 0.1),
			median(c, func(s sample) float64 { return s.cpu }),
			ratio(c, cases[0], func(s sample) float64 { return s.wall }),
			ratio(c, cases[0], func(s sample) float64 { return s.cpu }),
			median(c, func(s sample) float64 { return s.rss }),
			median(c, func(s sample) float64 { return s.faults }))
		if err != nil {
			return err
		}
	}
	return nil
}

func values(c *command, of func(sample) float64) []float64 {
	all := make([]float64, len(c.samples))
	for i, s := range c.samples {
		all[i] = of(s)
	}
	return all
}

func median(c *command, of func(sample) float64) float64 {
	return quantile(values(c, of), 0.5)
}

// ratio is the median over the rounds of c divided by the reference.
func ratio(c, reference *command, of func(sample) float64) float64 {
	var all []float64
	for i, s := range c.samples {
		if base := of(reference.samples[i]); base > 0 {
			all = append(all, of(s)/base)
		}
	}
	return quantile(all, 0.5)
}

// quantile returns the value below which the share q of all lies; it sorts all.
func quantile(all []float64, q float64) float64 {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[int(q*float64(len(all)-1))]
}
