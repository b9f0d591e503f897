package main

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	standard "image/png"
	"math/rand/v2"
	"testing"
)

var kinds = map[int]byte{1: 0, 3: 2, 4: 6} // of colour, by samples a pixel

type chunk struct {
	kind    string
	content []byte
}

func file(chunks ...chunk) []byte {
	encoded := []byte(pngSignature)
	for _, c := range chunks {
		encoded = binary.BigEndian.AppendUint32(encoded, uint32(len(c.content)))
		summed := append([]byte(c.kind), c.content...)
		encoded = append(encoded, summed...)
		encoded = binary.BigEndian.AppendUint32(encoded, crc32.ChecksumIEEE(summed))
	}
	return encoded
}

func header(width, height, samples int) chunk {
	content := binary.BigEndian.AppendUint32(nil, uint32(width))
	content = binary.BigEndian.AppendUint32(content, uint32(height))
	return chunk{"IHDR", append(content, 8, kinds[samples], 0, 0, 0)}
}

func deflated(t *testing.T, rows []byte) []byte {
	t.Helper()
	var packed bytes.Buffer
	writer := zlib.NewWriter(&packed)
	writer.Write(rows)
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

// noise is rows of random samples, whose filters come in turn: any bytes are an
// image, whatever the filter.
func noise(width, height, samples int, filters ...byte) []byte {
	random := rand.New(rand.NewPCG(uint64(width), uint64(height)))
	var rows []byte
	for y := range height {
		rows = append(rows, filters[y%len(filters)])
		for range width * samples {
			rows = append(rows, byte(random.Uint32()))
		}
	}
	return rows
}

func end() chunk { return chunk{"IEND", nil} }

func TestEveryFilterGivesThePixelsOfTheStandardDecoder(t *testing.T) {
	for samples := range kinds {
		for _, filters := range [][]byte{{0}, {1}, {2}, {3}, {4}, {4, 3, 2, 1, 0}} {
			for _, size := range [][2]int{{1, 1}, {3, 2}, {5, 6}, {17, 13}, {64, 48}} { // smaller than the model, and larger
				name := fmt.Sprintf("%d samples, filters %v, %v", samples, filters, size)
				rows := deflated(t, noise(size[0], size[1], samples, filters...))
				encoded := file(header(size[0], size[1], samples), chunk{"IDAT", rows}, end())
				if !isSampled(encoded) {
					t.Fatalf("%s: left to the standard decoder", name)
				}
				same(t, name, encoded, 0)
			}
		}
	}
}

func TestDataInPiecesBetweenOtherChunks(t *testing.T) {
	rows := deflated(t, noise(9, 9, 3, 4))
	text := chunk{"tEXt", []byte("Comment\x00none")}
	encoded := file(header(9, 9, 3), text, chunk{"IDAT", rows[:1]}, chunk{"IDAT", nil}, chunk{"IDAT", rows[1:20]},
		chunk{"IDAT", rows[20:]}, text, end())
	if !isSampled(encoded) {
		t.Fatal("left to the standard decoder")
	}
	same(t, "pieces", encoded, 0)
	same(t, "what follows the end", append(encoded, "more"...), 0)
}

func TestWhatIsNotSampledIsReadAsBefore(t *testing.T) {
	bounds := image.Rect(0, 0, 9, 9)
	for name, img := range map[string]image.Image{
		"16 bits":   image.NewGray16(bounds),
		"a palette": image.NewPaletted(bounds, color.Palette{color.White, color.Black}),
	} {
		var encoded bytes.Buffer
		if err := standard.Encode(&encoded, img); err != nil {
			t.Fatal(err)
		}
		if isSampled(encoded.Bytes()) {
			t.Errorf("%s: sampled", name)
		}
		same(t, name, encoded.Bytes(), 0)
	}
	rows := chunk{"IDAT", deflated(t, noise(9, 9, 3, 1))}
	transparent := file(header(9, 9, 3), chunk{"tRNS", make([]byte, 6)}, rows, end())
	if isSampled(transparent) {
		t.Error("tRNS: sampled")
	}
	same(t, "tRNS", transparent, 0)
}

func TestWhatIsBrokenIsRefusedAsBefore(t *testing.T) {
	right := noise(9, 9, 3, 4)
	rows := deflated(t, right)
	head, data := header(9, 9, 3), chunk{"IDAT", rows}
	whole := file(head, data, end())
	spoil(t, whole, 0)
	for name, encoded := range map[string][]byte{
		"no data":                  file(head, end()),
		"empty data":               file(head, chunk{"IDAT", nil}, end()),
		"no header":                file(data, end()),
		"two headers":              file(head, head, data, end()),
		"a row too few":            file(head, chunk{"IDAT", deflated(t, right[:8*28])}, end()),
		"a row too many":           file(head, chunk{"IDAT", deflated(t, append(bytes.Clone(right), right[:28]...))}, end()),
		"a filter that is none":    file(head, chunk{"IDAT", deflated(t, noise(9, 9, 3, 0, 5))}, end()),
		"a sum is missing":         file(head, chunk{"IDAT", rows[:len(rows)-4]}, end()),
		"not deflated":             file(head, chunk{"IDAT", append([]byte{0x79, 1}, rows[2:]...)}, end()),
		"a dictionary":             file(head, chunk{"IDAT", append([]byte{0x78, 0x20}, rows[2:]...)}, end()),
		"data in two places":       file(head, chunk{"IDAT", rows[:9]}, chunk{"tEXt", nil}, chunk{"IDAT", rows[9:]}, end()),
		"an unknown critical kind": file(head, chunk{"ABCD", nil}, data, end()),
		"no pixels":                file(header(0, 9, 3), data, end()),
		"too wide":                 file(header(4097, 1, 1), chunk{"IDAT", deflated(t, make([]byte, 4098))}, end()),
	} {
		if isSampled(encoded) {
			t.Errorf("%s: sampled", name)
		}
		same(t, name, encoded, 0)
	}
}
