package main

import (
	"bytes"
	"encoding/binary"
	"math"

	"servemark/predictor"
)

const (
	blockSide  = 8 // pixels
	blockSize  = blockSide * blockSide
	lookupBits = 9
	mostDCBits = 11 // of the difference of two DC coefficients, with 8 bits a sample
	mostACBits = 10
)

// naturalOrder is where a block's coefficients stand in the file (T.81, figure A.6).
var naturalOrder = [blockSize]uint8{
	0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5,
	12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
	35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
	58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
}

// jpeg decodes the luma of a baseline JPEG in one scan, for one goroutine at a
// time. Coefficients are all read, as each begins where the one before ends,
// but only blocks with pixels that are taken are transformed.
type jpeg struct {
	width, height int
	components    []component
	quantizers    [4][blockSize]float32 // in the order of the file
	quantized     [4]bool
	tables        [2][4]huffman // of DC, and of AC
	bits          bitReader
	block         [blockSize]float32 // column by column
}

type component struct {
	id, across, down uint8 // blocks in each unit that the scan interleaves
	quantizer        uint8
	dc, ac           *huffman
	last             int32 // DC coefficient
}

// read takes the pixels of a whole file into t; false is for what this decoder
// leaves to others, and what is broken.
func (j *jpeg) read(encoded []byte, t func(width, height int) *taken) (*taken, bool) {
	rest, ok := bytes.CutPrefix(encoded, []byte("\xff\xd8"))
	j.width, j.components, j.quantized = 0, j.components[:0], [4]bool{}
	for i := range j.tables[0] {
		j.tables[0][i].known, j.tables[1][i].known = false, false
	}
	for ok {
		if len(rest) < 4 || rest[0] != 0xff {
			return nil, false
		}
		marker, size := rest[1], int(binary.BigEndian.Uint16(rest[2:]))
		if size < 2 || size > len(rest)-2 {
			return nil, false
		}
		content := rest[4 : 2+size]
		rest = rest[2+size:]
		switch {
		case marker == 0xdb:
			ok = j.readQuantizers(content)
		case marker == 0xc4:
			ok = j.readTables(content)
		case marker == 0xc0:
			ok = j.readFrame(content)
		case marker == 0xda:
			if !j.readScan(content) {
				return nil, false
			}
			taken := t(j.width, j.height)
			return taken, j.scan(rest, taken)
		case marker == 0xee: // Adobe's: the components may be others than YCbCr
			return nil, false
		case marker < 0xe0 || marker == 0xff: // neither an application's nor a comment
			return nil, false
		}
	}
	return nil, false
}

func (j *jpeg) readQuantizers(content []byte) bool {
	for len(content) > 0 {
		id := content[0] // the upper half is 0 for values of 8 bits
		if id > 3 || len(content) < 1+blockSize {
			return false
		}
		for i, value := range content[1 : 1+blockSize] {
			j.quantizers[id][i] = float32(value)
		}
		j.quantized[id] = true
		content = content[1+blockSize:]
	}
	return true
}

func (j *jpeg) readTables(content []byte) bool {
	for len(content) > 0 {
		if len(content) < 17 || content[0]&^0x13 != 0 {
			return false
		}
		values := 0
		for _, count := range content[1:17] {
			values += int(count)
		}
		if values > 256 || len(content) < 17+values {
			return false
		}
		if !j.tables[content[0]>>4][content[0]&3].define(content[1 : 17+values]) {
			return false
		}
		content = content[17+values:]
	}
	return true
}

func (j *jpeg) readFrame(content []byte) bool {
	if j.width != 0 || len(content) < 6 || content[0] != 8 {
		return false
	}
	j.height, j.width = int(binary.BigEndian.Uint16(content[1:])), int(binary.BigEndian.Uint16(content[3:]))
	count := int(content[5])
	if j.width < 1 || j.width > predictor.MaxSide || j.height < 1 || j.height > predictor.MaxSide ||
		count != 1 && count != 3 || len(content) != 6+3*count {
		return false
	}
	for i := range count {
		c := content[6+3*i:]
		one := component{id: c[0], across: c[1] >> 4, down: c[1] & 15, quantizer: c[2]}
		switch {
		case one.quantizer > 3:
			return false
		case count == 1: // then it is not interleaved, whatever it says
			one.across, one.down = 1, 1
		case i == 0 && (one.across < 1 || one.across > 2 || one.down < 1 || one.down > 2):
			return false
		case i > 0 && (one.across != 1 || one.down != 1):
			return false
		}
		j.components = append(j.components, one)
	}
	return count == 1 || string([]byte{content[6], content[9], content[12]}) != "RGB"
}

// readScan takes one with all of the components, and all of their coefficients.
func (j *jpeg) readScan(content []byte) bool {
	count := len(j.components)
	if count == 0 || len(content) != 4+2*count || int(content[0]) != count {
		return false
	}
	if string(content[1+2*count:]) != "\x00\x3f\x00" {
		return false
	}
	for i := range j.components {
		c := &j.components[i]
		id, tables := content[1+2*i], content[2+2*i]
		if id != c.id || tables&^0x33 != 0 || !j.quantized[c.quantizer] {
			return false
		}
		c.dc, c.ac, c.last = &j.tables[0][tables>>4], &j.tables[1][tables&3], 0
		if !c.dc.known || !c.ac.known {
			return false
		}
	}
	return true
}

// scan decodes block after block, to the end of the image.
func (j *jpeg) scan(data []byte, t *taken) bool {
	j.bits = bitReader{data: data}
	luma := &j.components[0]
	across, down := blockSide*int(luma.across), blockSide*int(luma.down)
	for top := 0; top < j.height; top += down {
		for left := 0; left < j.width; left += across {
			for y := top; y < top+down; y += blockSide {
				for x := left; x < left+across; x += blockSide {
					if !j.lumaBlock(luma, x, y, t) {
						return false
					}
				}
			}
			for i := 1; i < len(j.components); i++ {
				if !j.skipBlock(&j.components[i]) {
					return false
				}
			}
		}
	}
	return j.bits.atEnd()
}

// lumaBlock decodes the block at those pixels and takes what is taken of it.
func (j *jpeg) lumaBlock(c *component, x, y int, t *taken) bool {
	rows, columns := t.rows.in(y), t.columns.in(x)
	if rows.from == rows.to || columns.from == columns.to {
		return j.skipBlock(c)
	}
	quantizer := &j.quantizers[c.quantizer]
	if !j.readDC(c) {
		return false
	}
	flat := true
	for k := 1; k < blockSize; {
		run, size, ok := j.readAC(c)
		switch {
		case !ok:
			return false
		case size == 0 && run == 0: // the rest is 0
			k = blockSize
		case size == 0:
			k += 16
		default:
			if k += run; k >= blockSize {
				return false
			}
			if flat {
				flat = false
				clear(j.block[:])
			}
			at := naturalOrder[k]
			j.block[at%blockSide*blockSide+at/blockSide] = float32(j.bits.signed(size)) * quantizer[k]
			k++
		}
	}
	dc := float32(c.last) * quantizer[0]
	if flat {
		grey := sample(dc / 8)
		for row := rows.from; row < rows.to; row++ {
			for column := columns.from; column < columns.to; column++ {
				t.pixels[row*t.stride+column] = grey
			}
		}
		return true
	}
	j.block[0] = dc
	for column := 0; column < blockSize; column += blockSide {
		inverseDCT((*[blockSide]float32)(j.block[column:]))
	}
	var line [blockSide]float32
	for row := rows.from; row < rows.to; row++ {
		if at := t.rows.of[row] - y; row == rows.from || t.rows.of[row] != t.rows.of[row-1] {
			for i := range line {
				line[i] = j.block[i*blockSide+at]
			}
			inverseDCT(&line)
		}
		for column := columns.from; column < columns.to; column++ {
			t.pixels[row*t.stride+column] = sample(line[t.columns.of[column]-x])
		}
	}
	return true
}

// skipBlock reads over a block; what follows needs its DC coefficient.
func (j *jpeg) skipBlock(c *component) bool {
	if !j.readDC(c) {
		return false
	}
	for k := 1; k < blockSize; {
		run, size, ok := j.readAC(c)
		switch {
		case !ok:
			return false
		case size == 0 && run == 0:
			return true
		case size == 0:
			k += 16
		default:
			if k += run + 1; k > blockSize {
				return false
			}
			j.bits.drop(size)
		}
	}
	return true
}

func (j *jpeg) readDC(c *component) bool {
	size, ok := c.dc.read(&j.bits)
	if !ok || size > mostDCBits || !j.bits.has(uint(size)) {
		return false
	}
	if size > 0 {
		c.last += j.bits.signed(uint(size))
	}
	return true
}

// readAC gives how many coefficients are 0, and the bits of the next one, which
// are there.
func (j *jpeg) readAC(c *component) (run int, size uint, ok bool) {
	value, ok := c.ac.read(&j.bits)
	run, size = int(value>>4), uint(value&15)
	isRun := size == 0 && (run == 0 || run == 15) // of zeros alone: to the end, or 16
	return run, size, ok && (isRun || size > 0 && size <= mostACBits && j.bits.has(size))
}

// sample is a pixel from what the transform gives.
func sample(value float32) uint8 {
	return uint8(min(max(value+128.5, 0), 255))
}

// inverseDCT is that of T.81 (A.3.3) in one dimension, in place: the even
// coefficients give what is alike in both halves, the odd ones what is opposite.
func inverseDCT(x *[blockSide]float32) {
	even, odd := (x[0]+x[4])*cosines[4], (x[0]-x[4])*cosines[4]
	outer, inner := x[2]*cosines[2]+x[6]*cosines[6], x[2]*cosines[6]-x[6]*cosines[2]
	alike := [4]float32{even + outer, odd + inner, odd - inner, even - outer}
	opposite := [4]float32{
		x[1]*cosines[1] + x[3]*cosines[3] + x[5]*cosines[5] + x[7]*cosines[7],
		x[1]*cosines[3] - x[3]*cosines[7] - x[5]*cosines[1] - x[7]*cosines[5],
		x[1]*cosines[5] - x[3]*cosines[1] + x[5]*cosines[7] + x[7]*cosines[3],
		x[1]*cosines[7] - x[3]*cosines[5] + x[5]*cosines[3] - x[7]*cosines[1],
	}
	for i := range alike {
		x[i], x[7-i] = alike[i]+opposite[i], alike[i]-opposite[i]
	}
}

// cosines are cos(kπ/16)/2.
var cosines = func() (table [blockSide]float32) {
	for k := range table {
		table[k] = float32(math.Cos(float64(k)*math.Pi/16) / 2)
	}
	return table
}()

// huffman is a table of codes (T.81, annex C).
type huffman struct {
	known   bool
	defined []byte                  // as the file has it: most files have the same
	lookup  [1 << lookupBits]uint16 // value and bits of the code that these bits begin with; 0 for a longer one
	beyond  [17]int32               // the first that is no code of so many bits
	offset  [17]int32               // from a code to its value
	values  []byte
}

// define reads 16 numbers of codes of 1 to 16 bits, and their values.
func (h *huffman) define(content []byte) bool {
	h.known = true
	if bytes.Equal(h.defined, content) {
		return true
	}
	h.known, h.defined = false, append(h.defined[:0], content...)
	h.values = h.defined[16:]
	clear(h.lookup[:])
	code, seen := int32(0), int32(0)
	for size := 1; size <= 16; size++ {
		count := int32(content[size-1])
		if code+count > 1<<size {
			h.defined = h.defined[:0]
			return false
		}
		h.offset[size] = seen - code
		if size <= lookupBits {
			for i := range count {
				first := (code + i) << (lookupBits - size)
				entry := uint16(h.values[seen+i])<<8 | uint16(size)
				for each := first; each < first+1<<(lookupBits-size); each++ {
					h.lookup[each] = entry
				}
			}
		}
		code, seen = code+count, seen+count
		h.beyond[size] = code
		code <<= 1
	}
	h.known = true
	return true
}

func (h *huffman) read(b *bitReader) (value byte, ok bool) {
	b.fill()
	if entry := h.lookup[b.value>>(64-lookupBits)]; entry != 0 {
		size := uint(entry & 0xff)
		if size > b.count {
			return 0, false
		}
		b.drop(size)
		return byte(entry >> 8), true
	}
	for size := uint(lookupBits + 1); size <= min(16, b.count); size++ {
		if code := int32(b.value >> (64 - size)); code < h.beyond[size] {
			b.drop(size)
			return h.values[code+h.offset[size]], true
		}
	}
	return 0, false
}

// bitReader reads the bits of a scan, in which a byte of 0 follows each of 255.
type bitReader struct {
	data  []byte
	value uint64 // the next bits, from the highest
	count uint   // of them
}

// fill has at least 32 bits ready, or all up to a marker.
func (b *bitReader) fill() {
	if b.count >= 32 { // enough for a code and what it stands before
		return
	}
	for b.count <= 56 && len(b.data) > 0 {
		next := b.data[0]
		if next == 0xff {
			if len(b.data) < 2 || b.data[1] != 0 {
				return
			}
			b.data = b.data[1:]
		}
		b.data = b.data[1:]
		b.value |= uint64(next) << (56 - b.count)
		b.count += 8
	}
}

func (b *bitReader) has(count uint) bool { return b.count >= count }

func (b *bitReader) drop(count uint) {
	b.value <<= count
	b.count -= count
}

// signed reads a number of so many bits, at least one; the lower half of what
// they can hold is negative (T.81, table F.1).
func (b *bitReader) signed(count uint) int32 {
	found := int32(b.value >> (64 - count))
	b.drop(count)
	if found < 1<<(count-1) {
		found -= 1<<count - 1
	}
	return found
}

// atEnd tells whether less than a byte is left before the end of the image.
func (b *bitReader) atEnd() bool {
	b.fill()
	return b.count < 8 && bytes.HasPrefix(b.data, []byte("\xff\xd9"))
}
