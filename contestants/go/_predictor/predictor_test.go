package predictor

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"
	"strings"
	"testing"
)

func small(t *testing.T, layout string, channels int) *model {
	t.Helper()
	m := &model{normal: make([][256]float32, channels)}
	m.Input.Layout, m.Input.Height, m.Input.Width, m.Input.Channels = layout, 2, 3, channels
	for channel := range m.normal {
		for value := range m.normal[channel] {
			m.normal[channel][value] = float32(value)
		}
	}
	return m
}

func asPNG(t *testing.T, img image.Image) []byte {
	t.Helper()
	var encoded bytes.Buffer
	if err := png.Encode(&encoded, img); err != nil {
		t.Fatal(err)
	}
	return encoded.Bytes()
}

func fill(t *testing.T, m *model, encoded []byte) []float32 {
	t.Helper()
	x := make([]float32, m.Input.Height*m.Input.Width*m.Input.Channels)
	if err := m.fill(x, encoded, DecodeImage); err != nil {
		t.Fatal(err)
	}
	return x
}

func equal(t *testing.T, got []float32, want ...float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d values, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
}

func TestLumaIsBT601RoundedToTheNearest(t *testing.T) {
	for red := 0; red < 256; red += 5 {
		for green := range 256 {
			for blue := 0; blue < 256; blue += 3 {
				exact := 0.299*float64(red) + 0.587*float64(green) + 0.114*float64(blue)
				if got := Luma(uint8(red), uint8(green), uint8(blue)); math.Abs(float64(got)-exact) > 0.51 {
					t.Fatalf("luma(%d, %d, %d) = %d, exactly %f", red, green, blue, got, exact)
				}
			}
		}
	}
}

func TestBilinearMixesTheNeighbours(t *testing.T) {
	img := image.NewGray(image.Rect(0, 0, 6, 4)) // between rows 0 and 1, 2 and 3; columns 0 and 1, 2 and 3, 4 and 5
	for y := range 4 {
		for x := range 6 {
			img.SetGray(x, y, color.Gray{uint8(10*y + x)})
		}
	}
	m := small(t, "NHWC", 1)
	m.Input.Resize, m.Input.Offset, m.Input.Scale = "bilinear", []float32{1}, []float32{2}
	equal(t, fill(t, m, asPNG(t, img)), 13, 17, 21, 53, 57, 61)
}

func TestLogitsBecomeTheSoftmaxOfTheLargest(t *testing.T) {
	s := session{logits: true}
	want := 1 / (math.Exp(-3) + 1 + math.Exp(-1))
	if got := s.largest([]float32{-1, 2, 1}); got.Index != 1 || math.Abs(got.Probability-want) > 1e-12 {
		t.Fatalf("got %v, want 1, %v", got, want)
	}
}

func TestNearestNeighbourTakesTheFlooredPixel(t *testing.T) {
	img := image.NewGray(image.Rect(0, 0, 7, 5)) // rows 0 and 2; columns 0, 2 and 4
	for y := range 5 {
		for x := range 7 {
			img.SetGray(x, y, color.Gray{uint8(10*y + x)})
		}
	}
	equal(t, fill(t, small(t, "NHWC", 1), asPNG(t, img)), 0, 2, 4, 20, 22, 24)
}

func TestAlphaIsDropped(t *testing.T) {
	img := image.NewNRGBA(image.Rect(0, 0, 3, 2))
	for i := range 6 {
		img.SetNRGBA(i%3, i/3, color.NRGBA{100, 100, 100, uint8(50 * i)})
	}
	equal(t, fill(t, small(t, "NHWC", 1), asPNG(t, img)), 100, 100, 100, 100, 100, 100)
}

func TestSixteenBitsAreCutToTheUpperEight(t *testing.T) {
	img := image.NewGray16(image.Rect(0, 0, 3, 2))
	for i := range 6 {
		img.SetGray16(i%3, i/3, color.Gray16{uint16(i)<<8 | 0xff})
	}
	equal(t, fill(t, small(t, "NHWC", 1), asPNG(t, img)), 0, 1, 2, 3, 4, 5)
}

func TestColourModelsInBothLayouts(t *testing.T) {
	img := image.NewRGBA(image.Rect(0, 0, 3, 2))
	for i := range 6 {
		img.SetRGBA(i%3, i/3, color.RGBA{uint8(i), uint8(10 + i), uint8(20 + i), 255})
	}
	equal(t, fill(t, small(t, "NHWC", 3), asPNG(t, img)),
		0, 10, 20, 1, 11, 21, 2, 12, 22, 3, 13, 23, 4, 14, 24, 5, 15, 25)
	equal(t, fill(t, small(t, "NCHW", 3), asPNG(t, img)),
		0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15, 20, 21, 22, 23, 24, 25)
}

func TestJPEGGivesItsOwnLuma(t *testing.T) {
	img := image.NewGray(image.Rect(0, 0, 3, 2))
	for i := range img.Pix {
		img.Pix[i] = 77
	}
	var encoded bytes.Buffer
	if err := jpeg.Encode(&encoded, img, nil); err != nil {
		t.Fatal(err)
	}
	equal(t, fill(t, small(t, "NHWC", 1), encoded.Bytes()), 77, 77, 77, 77, 77, 77)
}

func TestWhatCannotBeDecodedIsRefused(t *testing.T) {
	good := asPNG(t, image.NewGray(image.Rect(0, 0, 30, 30)))
	for name, test := range map[string]struct {
		encoded []byte
		want    *Failure
	}{
		"text":      {[]byte("hello"), errUndecodable},
		"cut off":   {good[:len(good)-20], errUndecodable},
		"no pixels": {good[:33], errUndecodable},
		"too wide":  {asPNG(t, image.NewGray(image.Rect(0, 0, 4097, 1))), errTooManyPixels},
		"too high":  {asPNG(t, image.NewGray(image.Rect(0, 0, 1, 4097))), errTooManyPixels},
	} {
		if err := small(t, "NHWC", 1).fill(make([]float32, 6), test.encoded, DecodeImage); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
}

func TestSettingsNameTheVariableThatIsWrong(t *testing.T) {
	environment := map[string]string{"PORT": "8000", "MODEL_DIR": "m", "TEST_IMAGE": "i"}
	settings, err := readSettings(func(name string) string { return environment[name] })
	if err != nil || settings.Address != "127.0.0.1:8000" || settings.MaxBodyBytes != 1<<20 || settings.Stage != Full {
		t.Fatalf("%+v, %v", settings, err)
	}
	for name, value := range map[string]string{
		"PORT": "x", "WORKERS": "0", "THREADS": "1.5", "STAGE": "half", "RUNTIME": "other", "MAX_BODY_BYTES": "-1", "MODEL_DIR": "",
	} {
		_, err := readSettings(func(asked string) string {
			if asked == name {
				return value
			}
			return environment[asked]
		})
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s=%q: %v", name, value, err)
		}
	}
}

func TestTheContentTypeSaysHowTheImageIsSent(t *testing.T) {
	for contentType, want := range map[string]Sent{
		"multipart/form-data; boundary=b": Form,
		"multipart/form-data":             Form, // without a boundary: the form is broken, not its type
		"IMAGE/PNG; q=1":                  Raw,
		"application/octet-stream":        Raw,
		"image/gif":                       Unsupported,
		"multipart/form-data-like":        Unsupported,
		"":                                Unsupported,
	} {
		if got := SentAs(contentType); got != want {
			t.Errorf("%q: %v, want %v", contentType, got, want)
		}
	}
}
