// Package predictor is what the Go contestants share: from an image's bytes to
// the answer of the model in MODEL_DIR, and the contract's settings and errors.
package predictor

import (
	"errors"
	"fmt"
	"log"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
)

// Predictor answers for one model. Its methods may be called from any number
// of goroutines; WORKERS of them at a time decode and infer.
type Predictor struct {
	Settings
	Decoder   Decoder // that of the standard library, unless a contestant has a faster one
	model     model
	answer    string // the name of the answer field, quoted for JSON
	testImage []byte
	sessions  chan *session
}

// Answer is the index of the model's largest output, and that output.
type Answer struct {
	Index       int
	Probability float64
}

// Open reads the settings from the environment and loads the model. The
// predictor has answered TEST_IMAGE once when Open returns without an error.
func Open() (*Predictor, error) {
	settings, err := readSettings(os.Getenv)
	if err != nil {
		return nil, err
	}
	p := &Predictor{Settings: settings, Decoder: DecodeImage}
	if p.model, err = readModel(p.ModelDir); err != nil {
		return nil, err
	}
	p.answer = strconv.Quote(p.model.Answer)
	if p.testImage, err = os.ReadFile(p.TestImage); err != nil {
		return nil, fmt.Errorf("TEST_IMAGE cannot be read: %w", err)
	}
	if p.sessions, err = openSessions(&p.model, p.ModelDir, p.Workers, p.Threads); err != nil {
		return nil, err
	}
	if _, err := p.predict(p.testImage, Full); err != nil {
		return nil, fmt.Errorf("TEST_IMAGE %s cannot be predicted: %w", p.TestImage, err)
	}
	// A worker is a core's worth of Go code, and one session to infer with.
	runtime.GOMAXPROCS(p.Workers)
	return p, nil
}

// Exit ends a program that cannot start: one line on stderr, status 1.
func Exit(err error) {
	fmt.Fprintln(os.Stderr, "cannot start:", strings.ReplaceAll(err.Error(), "\n", "; "))
	os.Exit(1)
}

// Input is the size of the image that the model takes, its channels (1 or 3),
// and whether it takes the nearest pixel rather than to mix neighbours.
func (p *Predictor) Input() (height, width, channels int, nearest bool) {
	in := &p.model.Input
	return in.Height, in.Width, in.Channels, in.Resize == "nearest"
}

// PredictTestImage predicts the image that GET / stands for.
func (p *Predictor) PredictTestImage() (Answer, error) { return p.Predict(p.testImage) }

// Predict answers for one JPEG or PNG. An error that is not a *Failure is the
// server's own fault.
func (p *Predictor) Predict(image []byte) (Answer, error) { return p.predict(image, p.Stage) }

func (p *Predictor) predict(image []byte, stage Stage) (answer Answer, err error) {
	if len(image) == 0 {
		return Answer{}, ErrEmpty
	}
	if stage == Receive {
		return Answer{0, stageProbability}, nil
	}
	s := <-p.sessions
	defer func() { p.sessions <- s }()
	one, err := s.batch(1)
	if err != nil {
		return Answer{}, err
	}
	x := one.input.GetData()
	if err := p.fill(x, image); err != nil {
		return Answer{}, err
	}
	if stage == Decode {
		sum := 0.0 // exact: float64 holds every sum of this many float32 of this range
		for _, value := range x {
			sum += float64(value)
		}
		labels := len(p.model.Labels)
		return Answer{(int(math.Floor(sum))%labels + labels) % labels, stageProbability}, nil
	}
	if err := s.infer(one); err != nil {
		return Answer{}, err
	}
	return s.answer(one, 0), nil
}

// fill turns a decoder's panic into an error: it costs one request, not the server.
func (p *Predictor) fill(x []float32, image []byte) (err error) {
	defer func() {
		if bug := recover(); bug != nil {
			err = fmt.Errorf("panic: %v\n%s", bug, debug.Stack())
		}
	}()
	return p.model.fill(x, image, p.Decoder)
}

// TakesBatches tells whether Values and PredictAll can take the place of Predict.
func (p *Predictor) TakesBatches() bool {
	return p.Stage == Full && p.model.Input.Shape[0] == nil
}

// Values is what the model takes of one JPEG or PNG.
func (p *Predictor) Values(image []byte) ([]float32, error) {
	if len(image) == 0 {
		return nil, ErrEmpty
	}
	in := &p.model.Input
	x := make([]float32, in.Height*in.Width*in.Channels)
	return x, p.fill(x, image)
}

// PredictAll answers for several images at once, of which Values has given what
// the model takes.
func (p *Predictor) PredictAll(inputs [][]float32) ([]Answer, error) {
	s := <-p.sessions
	defer func() { p.sessions <- s }()
	all, err := s.batch(len(inputs))
	if err != nil {
		return nil, err
	}
	x := all.input.GetData()
	for i, input := range inputs {
		copy(x[i*len(input):], input)
	}
	if err := s.infer(all); err != nil {
		return nil, err
	}
	answers := make([]Answer, len(inputs))
	for i := range answers {
		answers[i] = s.answer(all, i)
	}
	return answers, nil
}

// Body is the response to an answer or, where err is not nil, to a failure;
// what the caller must not see goes to the log.
func (p *Predictor) Body(answer Answer, err error) (status int, body []byte) {
	if err == nil {
		return 200, fmt.Appendf(nil, `{"data": {%s: %d, "probability": %.10f}}`, p.answer, answer.Index, answer.Probability)
	}
	failure := errInternal
	if !errors.As(err, &failure) {
		log.Print(err)
	}
	return failure.Status, fmt.Appendf(nil, `{"data": null, "error": %q}`, failure.Message)
}

// Failure is a request that is refused, with the HTTP status that says why.
type Failure struct {
	Status  int
	Message string
}

func (f *Failure) Error() string { return f.Message }

// The failures that every contestant has; the messages are plain ASCII, so
// that Go's quoting and JSON's are the same.
var (
	ErrNoImage          = &Failure{400, "The form has no file field \"image\"."}
	ErrEmpty            = &Failure{400, "The request carries no image: it is empty."}
	ErrMultipart        = &Failure{400, "The multipart body cannot be read."}
	ErrBody             = &Failure{400, "The request body cannot be read."}
	ErrNotFound         = &Failure{404, "There is nothing at this path."}
	ErrMethodNotAllowed = &Failure{405, "This method is not allowed here."}
	ErrTooLarge         = &Failure{413, "The request body is too large."}
	ErrUnsupported      = &Failure{415, "Send multipart/form-data, image/jpeg, image/png or application/octet-stream."}
	errUndecodable      = &Failure{422, "The image cannot be decoded as JPEG or PNG."}
	errTooManyPixels    = &Failure{422, "The image is wider or higher than 4096 pixels."}
	errInternal         = &Failure{500, "The server failed to answer."}
)

// Health is the body of GET /healthz.
const Health = `{"status":"ok"}`

const stageProbability = 0.1234567890 // what the stages before the inference answer
