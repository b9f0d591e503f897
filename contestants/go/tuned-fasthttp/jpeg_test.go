package main

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	standard "image/jpeg"
	"os"
	"path/filepath"
	"testing"
)

// Sums in another order may be rounded another way.
const rounding = 1

func encoded(t *testing.T, img image.Image, quality int) []byte {
	t.Helper()
	var file bytes.Buffer
	if err := standard.Encode(&file, img, &standard.Options{Quality: quality}); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// drawn is an image with smooth and rough places.
func drawn(width, height int, grey bool) image.Image {
	colours := image.NewRGBA(image.Rect(0, 0, width, height))
	greys := image.NewGray(colours.Bounds())
	for y := range height {
		for x := range width {
			rough := uint8(x * y * 37)
			if x < width/2 {
				rough = uint8(3*x + 2*y)
			}
			colours.Set(x, y, color.RGBA{rough, uint8(5 * x), uint8(255 - 7*y), 255})
			greys.Set(x, y, color.Gray{rough})
		}
	}
	if grey {
		return greys
	}
	return colours
}

func TestBlocksAreThoseOfTheStandardDecoder(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {7, 9}, {8, 8}, {16, 17}, {33, 40}, {160, 120}} { // smaller than the model, and larger
		for _, quality := range []int{5, 50, 95, 100} {
			for _, isGrey := range []bool{true, false} {
				name := fmt.Sprintf("%v, quality %d, grey %v", size, quality, isGrey)
				file := encoded(t, drawn(size[0], size[1], isGrey), quality)
				if !isSampled(file) {
					t.Fatalf("%s: left to the standard decoder", name)
				}
				same(t, name, file, rounding)
				same(t, name+", what follows the end", append(file, "more"...), rounding)
			}
		}
	}
}

// The golden set has other encoders' files, with all ways to store colours.
func TestGoldenImages(t *testing.T) {
	names, err := filepath.Glob("../../../models/mnist/golden/images/*.jpg")
	if err != nil || len(names) == 0 {
		t.Fatalf("no images: %v", err)
	}
	sampled := 0
	for _, name := range names {
		file, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		same(t, name, file, rounding)
		if isSampled(file) {
			sampled++
		}
	}
	if 10*sampled < 9*len(names) {
		t.Errorf("%d of %d are sampled", sampled, len(names))
	}
}

func TestWhatIsBrokenInAJPEGIsReadAsBefore(t *testing.T) {
	// Coefficients that no encoder writes are clipped at other places in between.
	spoil(t, encoded(t, drawn(17, 9, false), 60), 255)
}

func TestWhatOnlyTheStandardDecoderReads(t *testing.T) {
	file := encoded(t, drawn(24, 24, false), 80)
	frame := bytes.Index(file, []byte("\xff\xc0"))
	scan := bytes.Index(file, []byte("\xff\xda"))
	insert := func(at int, segment string) []byte {
		return append(append(bytes.Clone(file[:at]), segment...), file[at:]...)
	}
	changed := func(at int, to byte) []byte {
		other := bytes.Clone(file)
		other[at] = to
		return other
	}
	for name, other := range map[string][]byte{
		"Adobe's RGB":         insert(frame, "\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"),
		"restart markers":     insert(scan, "\xff\xdd\x00\x04\x00\x01"),
		"a frame twice":       insert(scan, string(file[frame:frame+19])),
		"12 bits a sample":    changed(frame+4, 12),
		"progressive":         changed(frame+1, 0xc2),
		"too wide":            changed(frame+7, 0x20),
		"no width":            append(append(bytes.Clone(file[:frame+7]), 0, 0), file[frame+9:]...),
		"not all of the scan": changed(scan+12, 62),
		"an unknown table":    changed(scan+6, 0x33),
		"no scan":             append(bytes.Clone(file[:scan]), 0xff, 0xd9),
		"not the end":         append(bytes.Clone(file[:len(file)-2]), 0xff, 0xd8),
	} {
		if isSampled(other) {
			t.Errorf("%s: sampled", name)
		}
		same(t, name, other, rounding)
	}
	if !isSampled(insert(frame, "\xff\xfe\x00\x05abc")) {
		t.Error("a comment: not sampled")
	}
}
