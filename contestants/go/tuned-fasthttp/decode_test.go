package main

import (
	"fmt"
	"image"
	"image/color"
	"testing"

	"servemark/predictor"
)

const modelHeight, modelWidth = 6, 5

var (
	grey   = newSampler(modelHeight, modelWidth, 1)
	colour = newSampler(modelHeight, modelWidth, 3)
)

// isSampled tells whether the sampler reads the file by itself.
func isSampled(encoded []byte) bool {
	_, ok := grey.sample(encoded)
	return ok
}

// same compares what the samplers make of a file with the nearest pixels of
// what Go's decoder makes of it, which may differ by so much.
func same(t *testing.T, name string, encoded []byte, tolerance int) {
	t.Helper()
	whole, failure := predictor.DecodeImage(encoded)
	for _, s := range []*sampler{grey, colour} {
		sampled, err := s.decode(encoded)
		if err != failure {
			t.Fatalf("%s: %v, want %v", name, err, failure)
		}
		if failure != nil {
			continue
		}
		for y := range modelHeight {
			for x := range modelWidth {
				got, want := taking(sampled, x, y, s.channels), taking(whole, x, y, s.channels)
				for i := range got {
					if got[i] < want[i]-tolerance || got[i] > want[i]+tolerance {
						t.Fatalf("%s: %v at %d, %d, want %v", name, got, x, y, want)
					}
				}
			}
		}
	}
}

// taking is what the predictor takes of an image for one of the model's pixels.
func taking(img image.Image, x, y, channels int) [3]int {
	size := img.Bounds().Size()
	x, y = x*size.X/modelWidth, y*size.Y/modelHeight
	if img, ok := img.(*image.YCbCr); ok && channels == 1 {
		return [3]int{int(img.YCbCrAt(x, y).Y)}
	}
	c := color.NRGBAModel.Convert(img.At(x, y)).(color.NRGBA)
	if channels == 1 {
		return [3]int{int(predictor.Luma(c.R, c.G, c.B))}
	}
	return [3]int{int(c.R), int(c.G), int(c.B)}
}

// spoil tries a file cut off anywhere, and with any byte another.
func spoil(t *testing.T, whole []byte, tolerance int) {
	t.Helper()
	for cut := range len(whole) {
		same(t, fmt.Sprintf("cut at %d", cut), whole[:cut], tolerance)
	}
	for at := range whole {
		for _, other := range []byte{0x01, 0x55, 0xff} {
			spoilt := append([]byte{}, whole...)
			spoilt[at] ^= other
			same(t, fmt.Sprintf("byte %d ^ %#x", at, other), spoilt, tolerance)
		}
	}
}
