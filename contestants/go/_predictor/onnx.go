package predictor

import (
	"fmt"
	"math"
	"os"
	"path/filepath"

	ort "github.com/yalue/onnxruntime_go"
)

// session is ONNX Runtime's session with tensors of its own: a run allocates
// next to nothing, and one goroutine at a time may use it.
type session struct {
	run     *ort.DynamicAdvancedSession
	shape   ort.Shape // of one input
	labels  int
	logits  bool // whether the output still lacks its softmax
	batches map[int]*batch
}

// batch is what a run takes and gives for so many images.
type batch struct {
	input, output *ort.Tensor[float32]
}

// batch makes the tensors when they are first wanted.
func (s *session) batch(images int) (*batch, error) {
	if known := s.batches[images]; known != nil {
		return known, nil
	}
	shape := s.shape.Clone()
	shape[0] *= int64(images)
	input, err := ort.NewEmptyTensor[float32](shape)
	if err != nil {
		return nil, err
	}
	output, err := ort.NewEmptyTensor[float32](ort.NewShape(int64(images), int64(s.labels)))
	if err != nil {
		return nil, err
	}
	s.batches[images] = &batch{input, output}
	return s.batches[images], nil
}

func (s *session) infer(b *batch) error {
	return s.run.Run([]ort.Value{b.input}, []ort.Value{b.output})
}

// answer is what the last run found for that image of the batch.
func (s *session) answer(b *batch, image int) Answer {
	return s.largest(b.output.GetData()[image*s.labels:][:s.labels])
}

func (s *session) largest(output []float32) Answer {
	best := 0
	for i, probability := range output {
		if probability > output[best] {
			best = i
		}
	}
	largest := float64(output[best])
	if !s.logits {
		return Answer{best, largest}
	}
	sum := 0.0 // softmax, of which one value is wanted
	for _, logit := range output {
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
	run, err := ort.NewDynamicAdvancedSessionWithONNXData(content,
		[]string{m.Input.Name}, []string{m.Output.Name}, options)
	if err != nil {
		return nil, err
	}
	logits := m.Output.Activation == "logits"
	return &session{run, shapeFor(m.Input.Shape), len(m.Labels), logits, map[int]*batch{}}, nil
}
