package main

import (
	"bytes"
	"image"
	"sync"

	"servemark/predictor"
)

// sampler decodes for a model that takes the nearest pixels, and leaves out
// what is not taken. What most files are not is for Go's own decoders: PNG with
// palettes, 16 bits or interlaced rows; JPEG that are progressive, and all where
// the model takes colours; and what is broken.
type sampler struct {
	height, width, channels int // of the model
	pngs, jpegs             sync.Pool
}

func newSampler(height, width, channels int) *sampler {
	s := &sampler{height: height, width: width, channels: channels}
	s.pngs.New = func() any { return newLines() }
	s.jpegs.New = func() any { return &jpeg{} }
	return s
}

// decode is a predictor.Decoder.
func (s *sampler) decode(encoded []byte) (image.Image, error) {
	if img, ok := s.sample(encoded); ok {
		return img, nil
	}
	return predictor.DecodeImage(encoded)
}

// sample gives the image at the model's size, or false for what it leaves to others.
func (s *sampler) sample(encoded []byte) (image.Image, bool) {
	if file, ok := openPNG(encoded); ok {
		lines := s.pngs.Get().(*lines)
		defer s.pngs.Put(lines)
		taken := s.taken(file.width, file.height)
		return taken.image, lines.read(file, taken)
	}
	if s.channels != 1 || !bytes.HasPrefix(encoded, []byte("\xff\xd8\xff")) {
		return nil, false
	}
	decoder := s.jpegs.Get().(*jpeg)
	defer s.jpegs.Put(decoder)
	if taken, ok := decoder.read(encoded, s.taken); ok {
		return taken.image, true
	}
	return nil, false
}

// taken is an image of the model's size that is being filled.
type taken struct {
	image         image.Image
	pixels        []byte
	stride        int
	grey          bool
	rows, columns nearest
}

// taken is for an image of that size.
func (s *sampler) taken(width, height int) *taken {
	t := &taken{rows: nearestOf(height, s.height), columns: nearestOf(width, s.width), grey: s.channels == 1}
	bounds := image.Rect(0, 0, s.width, s.height)
	if t.grey {
		img := image.NewGray(bounds)
		t.image, t.pixels, t.stride = img, img.Pix, img.Stride
	} else {
		img := image.NewNRGBA(bounds)
		t.image, t.pixels, t.stride = img, img.Pix, img.Stride
	}
	return t
}

// nearest is which of the rows, or columns, of a file a model's are taken from.
type nearest struct {
	of    []int    // by the model's; from the first to the last
	block []bounds // the model's, by block of the file's
}

// bounds are numbers from one to before another.
type bounds struct{ from, to int }

func nearestOf(there, wanted int) nearest {
	n := nearest{make([]int, wanted), make([]bounds, (there+blockSide-1)/blockSide)}
	for i := range n.of {
		n.of[i] = i * there / wanted
		b := &n.block[n.of[i]/blockSide]
		if b.to == 0 {
			b.from = i
		}
		b.to = i + 1
	}
	return n
}

// in gives the model's in the block at that position, none beyond the image.
func (n *nearest) in(position int) bounds {
	if block := position / blockSide; block < len(n.block) {
		return n.block[block]
	}
	return bounds{}
}
