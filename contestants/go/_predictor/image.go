package predictor

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
)

// MaxSide is how many pixels wide or high an image may be.
const MaxSide = 4096

// Decoder reads a JPEG or PNG. The image that it gives may be any that the
// model's resizing takes for that of the file. An error is a *Failure.
type Decoder func(encoded []byte) (image.Image, error)

// fill decodes a JPEG or PNG and writes the model's input into x. Only the
// pixels that the resizing takes are converted.
func (m *model) fill(x []float32, encoded []byte, decode Decoder) error {
	img, err := decode(encoded)
	if err != nil {
		return err
	}
	height, width, channels := m.Input.Height, m.Input.Width, m.Input.Channels
	pixel, channel := channels, 1 // distances in x between neighbouring pixels, and channels
	if m.Input.Layout == "NCHW" {
		pixel, channel = 1, height*width
	}
	size := img.Bounds().Size()
	if m.Input.Resize == "bilinear" {
		m.interpolate(x, img, pixel, channel)
		return nil
	}
	if channels == 1 {
		luma := lumaOf(img)
		for r := range height {
			y := r * size.Y / height
			for c := range width {
				x[r*width+c] = m.normal[0][luma(c*size.X/width, y)]
			}
		}
		return nil
	}
	rgb := rgbOf(img)
	for r := range height {
		y := r * size.Y / height
		for c := range width {
			red, green, blue := rgb(c*size.X/width, y)
			at := (r*width + c) * pixel
			x[at] = m.normal[0][red]
			x[at+channel] = m.normal[1][green]
			x[at+2*channel] = m.normal[2][blue]
		}
	}
	return nil
}

// interpolate is bilinear between pixel centres: destination r takes
// (r + 1/2) H / height - 1/2, held to the image. pixel and channel are the
// distances in x.
func (m *model) interpolate(x []float32, img image.Image, pixel, channel int) {
	size := img.Bounds().Size()
	luma, rgb := lumaOf(img), rgbOf(img)
	values := func(x, y int) [3]float64 {
		if m.Input.Channels == 1 {
			return [3]float64{float64(luma(x, y))}
		}
		red, green, blue := rgb(x, y)
		return [3]float64{float64(red), float64(green), float64(blue)}
	}
	for r := range m.Input.Height {
		above, below, down := between(r, m.Input.Height, size.Y)
		for c := range m.Input.Width {
			left, right, across := between(c, m.Input.Width, size.X)
			corners := [4][3]float64{values(left, above), values(right, above), values(left, below), values(right, below)}
			for k := range m.Input.Channels {
				upper := corners[0][k]*(1-across) + corners[1][k]*across
				lower := corners[2][k]*(1-across) + corners[3][k]*across
				mixed := float32(upper*(1-down) + lower*down)
				x[(r*m.Input.Width+c)*pixel+k*channel] = (mixed + m.Input.Offset[k]) * m.Input.Scale[k]
			}
		}
	}
}

// between gives the two neighbours of a position, and how far it is from the first.
func between(position, count, there int) (first, second int, part float64) {
	at := (float64(position)+0.5)*float64(there)/float64(count) - 0.5
	at = min(max(at, 0), float64(there-1))
	first = int(at)
	return first, min(first+1, there-1), at - float64(first)
}

// DecodeImage is the Decoder of Go's standard library.
func DecodeImage(encoded []byte) (image.Image, error) {
	var readHeader func(io.Reader) (image.Config, error)
	var readPixels func(io.Reader) (image.Image, error)
	switch {
	case bytes.HasPrefix(encoded, []byte("\x89PNG\r\n\x1a\n")):
		readHeader, readPixels = png.DecodeConfig, png.Decode
	case bytes.HasPrefix(encoded, []byte("\xff\xd8\xff")):
		readHeader, readPixels = jpeg.DecodeConfig, jpeg.Decode
	default:
		return nil, errUndecodable
	}
	header, err := readHeader(bytes.NewReader(encoded))
	if err != nil || header.Width < 1 || header.Height < 1 {
		return nil, errUndecodable
	}
	if header.Width > MaxSide || header.Height > MaxSide {
		return nil, errTooManyPixels
	}
	img, err := readPixels(bytes.NewReader(encoded))
	if err != nil {
		return nil, errUndecodable
	}
	return img, nil
}

// lumaOf gives the 8-bit BT.601 luma of a pixel: what the file stores where it
// stores luma, else computed from its colours.
func lumaOf(img image.Image) func(x, y int) uint8 {
	switch img := img.(type) {
	case *image.YCbCr:
		return func(x, y int) uint8 { return img.Y[y*img.YStride+x] }
	case *image.Gray:
		return func(x, y int) uint8 { return img.Pix[y*img.Stride+x] }
	case *image.Gray16:
		return func(x, y int) uint8 { return img.Pix[y*img.Stride+2*x] }
	}
	rgb := rgbOf(img)
	return func(x, y int) uint8 { return Luma(rgb(x, y)) }
}

// Luma is BT.601 to the nearest, with OpenCV's coefficients: 0.299, 0.587 and
// 0.114 in 2^-15, which sum to 1. (color.GrayModel rounds down.)
func Luma(red, green, blue uint8) uint8 {
	return uint8((9798*uint32(red) + 19235*uint32(green) + 3735*uint32(blue) + 1<<14) >> 15)
}

// rgbOf gives the 8-bit colours of a pixel as the file stores them: alpha is
// dropped, not blended, and of 16 bits the upper 8 are taken.
func rgbOf(img image.Image) func(x, y int) (red, green, blue uint8) {
	switch img := img.(type) {
	case *image.RGBA: // an opaque PNG: nothing is premultiplied
		return func(x, y int) (uint8, uint8, uint8) { return first3(img.Pix[y*img.Stride+4*x:], 1) }
	case *image.NRGBA:
		return func(x, y int) (uint8, uint8, uint8) { return first3(img.Pix[y*img.Stride+4*x:], 1) }
	case *image.RGBA64:
		return func(x, y int) (uint8, uint8, uint8) { return first3(img.Pix[y*img.Stride+8*x:], 2) }
	case *image.NRGBA64:
		return func(x, y int) (uint8, uint8, uint8) { return first3(img.Pix[y*img.Stride+8*x:], 2) }
	case *image.YCbCr:
		return func(x, y int) (uint8, uint8, uint8) {
			c := img.YCbCrAt(x, y)
			return color.YCbCrToRGB(c.Y, c.Cb, c.Cr)
		}
	}
	return func(x, y int) (uint8, uint8, uint8) { // palettes and CMYK
		c := color.NRGBAModel.Convert(img.At(x, y)).(color.NRGBA)
		return c.R, c.G, c.B
	}
}

func first3(pix []uint8, step int) (red, green, blue uint8) {
	return pix[0], pix[step], pix[2*step]
}
