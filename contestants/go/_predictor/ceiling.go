package predictor

import (
	"encoding/json"
	"syscall"
	"time"
)

// Ceiling is what the predictor does with no server around it; times in ns.
type Ceiling struct {
	Images  int               `json:"images"`
	Time    time.Duration     `json:"ns"`
	CPU     time.Duration     `json:"cpu_ns"`
	Decode  time.Duration     `json:"decode_ns"`
	Infer   time.Duration     `json:"infer_ns"`
	Answers []json.RawMessage `json:"answers"` // of the last round
}

// Rounds decodes and infers the images round after round, one at a time: as
// many whole rounds as begin within that time, as images differ in cost.
func (p *Predictor) Rounds(images [][]byte, atLeast time.Duration) (found Ceiling, err error) {
	s := <-p.sessions
	defer func() { p.sessions <- s }()
	one, err := s.batch(1)
	if err != nil {
		return found, err
	}
	found.Answers = make([]json.RawMessage, len(images))
	cpu := cpuTime()
	start := time.Now()
	for found.Time < atLeast {
		for i, image := range images {
			if err := p.model.fill(one.input.GetData(), image, p.Decoder); err != nil {
				return found, err
			}
			decoded := time.Since(start)
			if err := s.infer(one); err != nil {
				return found, err
			}
			inferred := time.Since(start)
			_, found.Answers[i] = p.Body(s.answer(one, 0), nil)
			found.Decode += decoded - found.Time
			found.Infer += inferred - decoded
			found.Time = time.Since(start)
		}
		found.Images += len(images)
	}
	found.CPU = cpuTime() - cpu
	return found, nil
}

// cpuTime is what the process has used, all its threads together.
func cpuTime() time.Duration {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		return 0
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}
