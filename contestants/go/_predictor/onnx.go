package predictor

import (
	"fmt"
	"math"
	"os"
	"path/filepath"

	ort "github.com/yalue/onnxruntime_go"
)

// session is ONNX Runtime's session with tensors of its own: a run allocates
// nothing, and one goroutine at a time may use it.
type session struct {
	run    *ort.AdvancedSession
	input  []float32
	output []float32
	logits bool // whether the output still lacks its softmax
}

// answer is what the last run found.
func (s *session) answer() Answer {
	best := 0
	for i, probability := range s.output {
		if probability > s.output[best] {
			best = i
		}
	}
	largest := float64(s.output[best])
	if !s.logits {
		return Answer{best, largest}
	}
	sum := 0.0 // softmax, of which one value is wanted
	for _, logit := range s.output {
		sum += math.Exp(float64(logit) - largest)
	}
	return Answer{best, 1 / sum}
}

// shapeFor is a model.json shape with a batch of one.
func shapeFor(dimensions []*int64) ort.Shape {
	shape := make(ort.Shape, len(dimensions))
	for i, dimension := range dimensions {
		shape[i] = 1
		if dimension != nil {
			shape[i] = *dimension
		}
	}
	return shape
}

// openSessions loads the model once per worker, each with its own threads.
func openSessions(m *model, folder string, workers, threads int) (chan *session, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	// The build puts the library beside the program.
	ort.SetSharedLibraryPath(filepath.Join(filepath.Dir(program), "libonnxruntime.so"))
	// What matters comes back as an error; a log line would be a second voice.
	if err := ort.InitializeEnvironment(ort.WithLogLevelFatal()); err != nil {
		return nil, err
	}
	content, err := os.ReadFile(filepath.Join(folder, m.Formats.ONNX))
	if err != nil {
		return nil, fmt.Errorf("the ONNX model cannot be read: %w", err)
	}
	sessions := make(chan *session, workers)
	for range workers {
		s, err := openSession(m, content, threads)
		if err != nil {
			return nil, fmt.Errorf("the ONNX model %s cannot be loaded: %w", m.Formats.ONNX, err)
		}
		sessions <- s
	}
	return sessions, nil
}

func openSession(m *model, content []byte, threads int) (*session, error) {
	options, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	defer options.Destroy()
	if err := options.SetIntraOpNumThreads(threads); err != nil {
		return nil, err
	}
	input, err := ort.NewEmptyTensor[float32](shapeFor(m.Input.Shape))
	if err != nil {
		return nil, err
	}
	output, err := ort.NewEmptyTensor[float32](ort.NewShape(1, int64(len(m.Labels))))
	if err != nil {
		return nil, err
	}
	run, err := ort.NewAdvancedSessionWithONNXData(content,
		[]string{m.Input.Name}, []string{m.Output.Name},
		[]ort.Value{input}, []ort.Value{output}, options)
	if err != nil {
		return nil, err
	}
	return &session{run, input.GetData(), output.GetData(), m.Output.Activation == "logits"}, nil
}
