package predictor

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// model is what model.json says of the model's input, output and answer.
type model struct {
	Schema int `json:"schema"`
	Input  struct {
		Name     string    `json:"name"`
		Shape    []*int64  `json:"shape"` // null is the batch
		Layout   string    `json:"layout"`
		Dtype    string    `json:"dtype"`
		Height   int       `json:"height"`
		Width    int       `json:"width"`
		Channels int       `json:"channels"`
		Offset   []float32 `json:"offset"`
		Scale    []float32 `json:"scale"`
		Resize   string    `json:"resize"`
	} `json:"input"`
	Output struct {
		Name       string `json:"name"`
		Activation string `json:"activation"`
	} `json:"output"`
	Answer  string   `json:"answer"`
	Labels  []string `json:"labels"`
	Formats struct {
		ONNX string `json:"onnx"`
	} `json:"formats"`

	normal [][256]float32 // per channel and 8-bit value: (value + offset) * scale
}

func readModel(folder string) (m model, err error) {
	path := filepath.Join(folder, "model.json")
	text, err := os.ReadFile(path)
	if err != nil {
		return m, fmt.Errorf("MODEL_DIR has no readable model.json: %w", err)
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("%s is not a model description: %w", path, err)
	}
	if problem := m.problem(); problem != "" {
		return m, fmt.Errorf("%s: %s", path, problem)
	}
	m.normal = make([][256]float32, m.Input.Channels)
	for channel := range m.normal {
		for value := range m.normal[channel] {
			m.normal[channel][value] = (float32(value) + m.Input.Offset[channel]) * m.Input.Scale[channel]
		}
	}
	return m, nil
}

// problem says why this predictor cannot serve the model, or nothing.
func (m *model) problem() string {
	in := &m.Input
	switch {
	case m.Schema != 1:
		return fmt.Sprintf("schema is %d, and 1 is what is understood", m.Schema)
	case in.Layout != "NHWC" && in.Layout != "NCHW":
		return fmt.Sprintf("input.layout must be NHWC or NCHW, not %q", in.Layout)
	case in.Dtype != "float32":
		return fmt.Sprintf("input.dtype must be float32, not %q", in.Dtype)
	case in.Resize != "nearest" && in.Resize != "bilinear":
		return fmt.Sprintf("input.resize must be nearest or bilinear, not %q", in.Resize)
	case in.Channels != 1 && in.Channels != 3:
		return fmt.Sprintf("input.channels must be 1 or 3, not %d", in.Channels)
	case in.Height < 1 || in.Width < 1:
		return "input.height and input.width must be at least 1"
	case len(in.Offset) != in.Channels || len(in.Scale) != in.Channels:
		return "input.offset and input.scale must have one number per channel"
	case shapeFor(in.Shape).FlattenedSize() != int64(in.Height*in.Width*in.Channels):
		return "input.shape does not hold height x width x channels values"
	case !slices.Contains([]string{"softmax", "logits", "none"}, m.Output.Activation):
		return fmt.Sprintf("output.activation must be softmax, logits or none, not %q", m.Output.Activation)
	case in.Name == "" || m.Output.Name == "" || m.Answer == "" || len(m.Labels) == 0:
		return "input.name, output.name, answer and labels must not be empty"
	case m.Formats.ONNX == "":
		return "formats has no onnx, which the runtime onnxruntime needs"
	}
	return ""
}
