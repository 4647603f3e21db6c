// Judges manifests as `actool validate` does, with the specification's own schema package: reads
// lines of ID, tab, text; prints ID, tab, "good" or "bad", tab, why.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"github.com/appc/spec/schema"
)

func judge(text string) (err error) {
	// The package dereferences nil for a known isolator without value.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	kind := schema.Kind{}
	if err := kind.UnmarshalJSON([]byte(text)); err != nil {
		return err
	}
	switch kind.ACKind {
	case "ImageManifest":
		m := schema.ImageManifest{}
		return m.UnmarshalJSON([]byte(text))
	case "PodManifest":
		m := schema.PodManifest{}
		return m.UnmarshalJSON([]byte(text))
	}
	return fmt.Errorf("bad acKind")
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(make([]byte, 1<<20), 16<<20)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for in.Scan() {
		parts := strings.SplitN(in.Text(), "\t", 2)
		if len(parts) != 2 {
			continue
		}
		if err := judge(parts[1]); err != nil {
			why := strings.Map(func(r rune) rune {
				if r < ' ' {
					return ' '
				}
				return r
			}, err.Error())
			fmt.Fprintf(out, "%s\tbad\t%s\n", parts[0], why)
		} else {
			fmt.Fprintf(out, "%s\tgood\t\n", parts[0])
		}
	}
}
