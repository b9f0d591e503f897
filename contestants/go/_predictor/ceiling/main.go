// ceiling FOLDER WARM_UP_S MEASURE_S predicts the files of FOLDER round after
// round with no server, first to warm up, then to measure, and prints what it
// found as one JSON object.
package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"time"

	"servemark/predictor"
)

func main() {
	if err := measure(os.Args[1:]); err != nil {
		predictor.Exit(err)
	}
}

func measure(arguments []string) error {
	if len(arguments) != 3 {
		return errors.New("the arguments are FOLDER WARM_UP_S MEASURE_S")
	}
	warmUp, err := time.ParseDuration(arguments[1] + "s")
	if err != nil {
		return err
	}
	slice, err := time.ParseDuration(arguments[2] + "s")
	if err != nil {
		return err
	}
	images, err := readAll(arguments[0])
	if err != nil {
		return err
	}
	p, err := predictor.Open()
	if err != nil {
		return err
	}
	if _, err := p.Rounds(images, warmUp); err != nil {
		return err
	}
	found, err := p.Rounds(images, slice)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(found)
}

// readAll gives the contents of a folder's files in the order of their names.
func readAll(folder string) (contents [][]byte, err error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		content, err := os.ReadFile(filepath.Join(folder, entry.Name()))
		if err != nil {
			return nil, err
		}
		contents = append(contents, content)
	}
	return contents, nil
}
