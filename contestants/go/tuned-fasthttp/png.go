package main

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/flate"

	"servemark/predictor"
)

const pngSignature = "\x89PNG\r\n\x1a\n"

// lines is what the decoding of one PNG needs, for one goroutine at a time.
type lines struct {
	source     bytes.Reader
	inflate    io.ReadCloser
	row, above []byte // the first byte is the filter of the row
}

func newLines() *lines { return &lines{inflate: flate.NewReader(bytes.NewReader(nil))} }

// png is a file of 8 bits a sample: 1 (grey), 3 (RGB) or 4 (RGBA) for a pixel.
type png struct {
	width, height, samples int
	deflated               []byte
}

// openPNG reads the chunks and checks their sums; false is for what this
// decoder leaves to others.
func openPNG(encoded []byte) (p png, ok bool) {
	rest, ok := bytes.CutPrefix(encoded, []byte(pngSignature))
	if !ok {
		return p, false
	}
	last := ""
	for last != "IEND" {
		if len(rest) < 12 {
			return p, false
		}
		size := int64(binary.BigEndian.Uint32(rest))
		if size > int64(len(rest)-12) {
			return p, false
		}
		kind, content := string(rest[4:8]), rest[8:8+size]
		if crc32.ChecksumIEEE(rest[4:8+size]) != binary.BigEndian.Uint32(rest[8+size:]) {
			return p, false
		}
		switch {
		case (kind == "IHDR") != (last == ""):
			return p, false
		case kind == "IHDR":
			if !p.readHeader(content) {
				return p, false
			}
		case kind == "IDAT" && last != "IDAT" && p.deflated != nil:
			return p, false
		case kind == "IDAT" && p.deflated == nil:
			p.deflated = content[:size:size] // appending copies it
		case kind == "IDAT":
			p.deflated = append(p.deflated, content...)
		case kind != "IEND" && (kind[0]&0x20 == 0 || kind == "tRNS"): // critical, or as good as that
			return p, false
		}
		last, rest = kind, rest[12+size:]
	}
	return p, p.inZlib()
}

func (p *png) readHeader(content []byte) bool {
	if len(content) != 13 || string(content[10:]) != "\x00\x00\x00" { // deflated, filtered by row, not interlaced
		return false
	}
	width, height := binary.BigEndian.Uint32(content), binary.BigEndian.Uint32(content[4:])
	if width < 1 || width > predictor.MaxSide || height < 1 || height > predictor.MaxSide {
		return false
	}
	p.width, p.height = int(width), int(height)
	switch string(content[8:10]) { // bits a sample, and the kind of colour
	case "\x08\x00":
		p.samples = 1
	case "\x08\x02":
		p.samples = 3
	case "\x08\x06":
		p.samples = 4
	}
	return p.samples != 0
}

// inZlib tells whether the data has zlib's two bytes before the deflated ones
// and room for the sum of four behind them. That sum adds nothing to those of
// the chunks, and is not checked.
func (p *png) inZlib() bool {
	if len(p.deflated) < 6 {
		return false
	}
	head := binary.BigEndian.Uint16(p.deflated)
	return head>>8&0x0f == 8 && head&0x20 == 0 && head%31 == 0
}

// read takes the pixels of the whole file into t; false is for what is broken.
func (l *lines) read(p png, t *taken) bool {
	l.begin(1+p.width*p.samples, p.deflated[2:len(p.deflated)-4])
	next := 0 // row of the model
	for y := range p.height {
		l.row, l.above = l.above, l.row
		if _, err := io.ReadFull(l.inflate, l.row); err != nil || l.row[0] > 4 {
			return false
		}
		if next == len(t.rows.of) {
			continue // no row is taken any more, but all must be there
		}
		unfilter(l.row[0], l.row[1:], l.above[1:], p.samples)
		for ; next < len(t.rows.of) && t.rows.of[next] == y; next++ {
			t.put(next, l.row[1:], p.samples)
		}
	}
	var more [1]byte
	n, err := l.inflate.Read(more[:])
	return n == 0 && err == io.EOF && l.source.Len() == 0
}

func (l *lines) begin(size int, deflated []byte) {
	if cap(l.row) < size {
		l.row, l.above = make([]byte, size), make([]byte, size)
	}
	l.row, l.above = l.row[:size], l.above[:size]
	clear(l.row) // above the first
	l.source.Reset(deflated)
	l.inflate.(flate.Resetter).Reset(&l.source, nil) // has no error to give
}

// put takes the row's nearest pixels as row y, from so many samples each.
func (t *taken) put(y int, row []byte, samples int) {
	for x, from := range t.columns.of {
		pixel := row[from*samples:]
		red, green, blue := pixel[0], pixel[0], pixel[0]
		if samples > 1 {
			green, blue = pixel[1], pixel[2]
		}
		switch at := y * t.stride; {
		case !t.grey:
			copy(t.pixels[at+4*x:], []byte{red, green, blue, 255})
		case samples == 1:
			t.pixels[at+x] = red
		default:
			t.pixels[at+x] = predictor.Luma(red, green, blue)
		}
	}
}

// unfilter undoes one of the five filters of PNG (9.2); step is from a sample
// to that of the pixel before.
func unfilter(filter byte, row, above []byte, step int) {
	switch filter {
	case 1:
		for i := step; i < len(row); i++ {
			row[i] += row[i-step]
		}
	case 2:
		add(row, above)
	case 3:
		for i := range step {
			row[i] += above[i] / 2
		}
		for i := step; i < len(row); i++ {
			row[i] += byte((int(row[i-step]) + int(above[i])) / 2)
		}
	case 4:
		for channel := range step {
			paeth(row, above, channel, step)
		}
	}
}

// add adds the bytes of above to those of row, eight at once.
func add(row, above []byte) {
	const low = 0x7f7f7f7f7f7f7f7f
	whole := len(row) &^ 7
	for i := 0; i < whole; i += 8 {
		a, b := binary.LittleEndian.Uint64(row[i:]), binary.LittleEndian.Uint64(above[i:])
		binary.LittleEndian.PutUint64(row[i:], (a&low+b&low)^(a^b)&^low)
	}
	for i := whole; i < len(row); i++ {
		row[i] += above[i]
	}
}

// paeth adds to each sample of a channel whichever is nearest to left + up -
// corner of those three.
func paeth(row, above []byte, channel, step int) {
	left, corner := 0, 0
	for i := channel; i < len(row); i += step {
		up := int(above[i])
		fromLeft, fromUp := up-corner, left-corner
		fromCorner := abs(fromLeft + fromUp)
		fromLeft, fromUp = abs(fromLeft), abs(fromUp)
		nearest := corner
		if fromUp <= fromCorner {
			nearest = up
		}
		if fromLeft <= fromUp && fromLeft <= fromCorner {
			nearest = left
		}
		row[i] += byte(nearest)
		left, corner = int(row[i]), up
	}
}

func abs(x int) int { return max(x, -x) }
