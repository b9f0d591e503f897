package predictor

import (
	"errors"
	"fmt"
	"net"
	"strconv"
)

// Stage is how far a request is taken.
type Stage string

const (
	Receive Stage = "receive"
	Decode  Stage = "decode"
	Full    Stage = "full"
)

// Settings are the contract's variables.
type Settings struct {
	Address      string // host:port to listen on
	Workers      int
	Threads      int
	ModelDir     string
	TestImage    string
	Stage        Stage
	MaxBodyBytes int64
}

func readSettings(getenv func(string) string) (Settings, error) {
	var problems []error
	text := func(name, otherwise string) string {
		value := getenv(name)
		if value == "" {
			value = otherwise
		}
		if value == "" {
			problems = append(problems, fmt.Errorf("%s is not set", name))
		}
		return value
	}
	number := func(name, otherwise string, most int) int {
		value := text(name, otherwise)
		n, err := strconv.Atoi(value)
		if value != "" && (err != nil || n < 1 || n > most) {
			problems = append(problems, fmt.Errorf("%s must be a whole number from 1 to %d, not %q", name, most, value))
		}
		return n
	}
	s := Settings{
		Address:      net.JoinHostPort(text("HOST", "127.0.0.1"), strconv.Itoa(number("PORT", "", 65535))),
		Workers:      number("WORKERS", "1", 1024),
		Threads:      number("THREADS", "1", 1024),
		ModelDir:     text("MODEL_DIR", ""),
		TestImage:    text("TEST_IMAGE", ""),
		Stage:        Stage(text("STAGE", string(Full))),
		MaxBodyBytes: int64(number("MAX_BODY_BYTES", "1048576", 1<<40)),
	}
	if s.Stage != Receive && s.Stage != Decode && s.Stage != Full {
		problems = append(problems, fmt.Errorf("STAGE must be receive, decode or full, not %q", s.Stage))
	}
	if name := text("RUNTIME", "onnxruntime"); name != "onnxruntime" {
		problems = append(problems, fmt.Errorf("RUNTIME must be onnxruntime, not %q", name))
	}
	return s, errors.Join(problems...)
}
