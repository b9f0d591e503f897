// Reads names of JPEG files, one a line, and writes their luma planes one after the other.
// First argument: "y" takes the Y plane, "rgb" goes by way of RGB and BT.601, rounded.
package main

import (
	"bufio"
	"image"
	"image/color"
	"image/jpeg"
	"log"
	"os"
)

func main() {
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for names := bufio.NewScanner(os.Stdin); names.Scan(); {
		file, err := os.Open(names.Text())
		if err != nil {
			log.Fatal(err)
		}
		decoded, err := jpeg.Decode(bufio.NewReader(file))
		if err != nil {
			log.Fatal(err)
		}
		file.Close()
		bounds := decoded.Bounds()
		for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
			for x := bounds.Min.X; x < bounds.Max.X; x++ {
				out.WriteByte(luma(decoded, x, y, os.Args[1]))
			}
		}
	}
}

func luma(decoded image.Image, x, y int, way string) byte {
	switch decoded := decoded.(type) {
	case *image.Gray:
		return decoded.GrayAt(x, y).Y
	case *image.YCbCr:
		at := decoded.YCbCrAt(x, y)
		if way == "y" {
			return at.Y
		}
		r, g, b := color.YCbCrToRGB(at.Y, at.Cb, at.Cr)
		return byte((299*int(r) + 587*int(g) + 114*int(b) + 500) / 1000)
	}
	log.Fatalf("%T is neither grey nor YCbCr", decoded)
	return 0
}
