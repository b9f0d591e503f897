use std::io::Cursor;

use png::Transformations;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::failure::Failure;
use crate::model::{Layout, Model, Resize};

const MAX_SIDE: usize = 4096; // pixels

/// 8-bit samples, row by row: 1 to 4 for a pixel, which are grey, grey and alpha, RGB, or RGBA.
struct Pixels {
    samples: Vec<u8>,
    per_pixel: usize,
    width: usize,
    height: usize,
}

impl Model {
    /// Decodes a JPEG or PNG and writes the model's input into `x`. Only the pixels that the
    /// resizing takes are converted.
    pub fn fill(&self, x: &mut [f32], encoded: &[u8]) -> Result<(), Failure> {
        let (height, width, channels) = (self.input.height, self.input.width, self.input.channels);
        let pixels = decode(encoded, channels)?;
        // Distances in x between neighbouring pixels, and channels.
        let (step, plane) = match self.input.layout {
            Layout::Nhwc => (channels, 1),
            Layout::Nchw => (1, height * width),
        };
        if self.input.resize == Resize::Bilinear {
            self.interpolate(x, &pixels, step, plane);
            return Ok(());
        }
        for r in 0..height {
            let row = r * pixels.height / height * pixels.width;
            for c in 0..width {
                let pixel = row + c * pixels.width / width;
                let at = (r * width + c) * step;
                if let [normal] = self.normal.as_slice() {
                    x[at] = normal[usize::from(pixels.luma(pixel))];
                } else {
                    for (channel, (normal, value)) in self.normal.iter().zip(pixels.rgb(pixel)).enumerate() {
                        x[at + channel * plane] = normal[usize::from(value)];
                    }
                }
            }
        }
        Ok(())
    }
}

impl Model {
    /// Bilinear between pixel centres: destination r takes (r + 1/2) H / height - 1/2, held to the
    /// image. `step` and `plane` are the distances in `x` between neighbouring pixels and channels.
    fn interpolate(&self, x: &mut [f32], pixels: &Pixels, step: usize, plane: usize) {
        let (height, width, channels) = (self.input.height, self.input.width, self.input.channels);
        let values = |row: usize, column: usize| {
            let pixel = row * pixels.width + column;
            let values = if channels == 1 { [pixels.luma(pixel); 3] } else { pixels.rgb(pixel) };
            values.map(f64::from)
        };
        for r in 0..height {
            let (above, below, down) = between(r, height, pixels.height);
            for c in 0..width {
                let (left, right, across) = between(c, width, pixels.width);
                let upper = [values(above, left), values(above, right)];
                let lower = [values(below, left), values(below, right)];
                for channel in 0..channels {
                    let mix = |line: &[[f64; 3]; 2]| {
                        line[0][channel] * (1.0 - across) + line[1][channel] * across
                    };
                    let value = (mix(&upper) * (1.0 - down) + mix(&lower) * down) as f32;
                    x[(r * width + c) * step + channel * plane] =
                        (value + self.input.offset[channel]) * self.input.scale[channel];
                }
            }
        }
    }
}

/// The two neighbours of a position, and how far it is from the first.
fn between(position: usize, count: usize, there: usize) -> (usize, usize, f64) {
    let at = (position as f64 + 0.5) * there as f64 / count as f64 - 0.5;
    let at = at.clamp(0.0, (there - 1) as f64);
    let first = at as usize;
    (first, (first + 1).min(there - 1), at - first as f64)
}

impl Pixels {
    fn luma(&self, pixel: usize) -> u8 {
        match self.per_pixel {
            1 | 2 => self.samples[pixel * self.per_pixel],
            _ => luma(self.rgb(pixel)),
        }
    }

    fn rgb(&self, pixel: usize) -> [u8; 3] {
        let at = pixel * self.per_pixel;
        match self.per_pixel {
            1 | 2 => [self.samples[at]; 3],
            _ => [self.samples[at], self.samples[at + 1], self.samples[at + 2]],
        }
    }
}

/// BT.601 to the nearest, with OpenCV's coefficients: 0.299, 0.587 and 0.114 in 2^-15, which sum
/// to 1.
fn luma([red, green, blue]: [u8; 3]) -> u8 {
    let sum = 9798 * u32::from(red) + 19_235 * u32::from(green) + 3735 * u32::from(blue);
    ((sum + (1 << 14)) >> 15) as u8
}

fn decode(encoded: &[u8], channels: usize) -> Result<Pixels, Failure> {
    if encoded.starts_with(b"\x89PNG\r\n\x1a\n") {
        decode_png(encoded)
    } else if encoded.starts_with(b"\xff\xd8\xff") {
        decode_jpeg(encoded, channels)
    } else {
        Err(Failure::Undecodable)
    }
}

fn decode_png(encoded: &[u8]) -> Result<Pixels, Failure> {
    let undecodable = |_| Failure::Undecodable;
    let mut decoder = png::Decoder::new(Cursor::new(encoded));
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    // Palettes become colours, and of 16 bits the upper 8 are taken.
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    let header = decoder.read_header_info().map_err(undecodable)?;
    let (width, height) = checked(header.width as usize, header.height as usize)?;
    let mut reader = decoder.read_info().map_err(undecodable)?;
    let mut samples = vec![0; reader.output_buffer_size().ok_or(Failure::TooManyPixels)?];
    let frame = reader.next_frame(&mut samples).map_err(undecodable)?;
    Ok(Pixels { samples, per_pixel: frame.color_type.samples(), width, height })
}

fn decode_jpeg(encoded: &[u8], channels: usize) -> Result<Pixels, Failure> {
    let undecodable = |_| Failure::Undecodable;
    // Strict: pixels that are missing are not made up.
    let options = DecoderOptions::default().set_strict_mode(true);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(encoded), options);
    decoder.decode_headers().map_err(undecodable)?;
    let (width, height) = decoder.dimensions().ok_or(Failure::Undecodable)?;
    let (width, height) = checked(width, height)?;
    // For grey the stored Y is the luma, and the chroma planes are not even scaled up.
    let stores_luma = matches!(decoder.input_colorspace(), Some(ColorSpace::YCbCr | ColorSpace::Luma));
    let wanted = if channels == 1 && stores_luma { ColorSpace::Luma } else { ColorSpace::RGB };
    decoder.set_options(decoder.options().jpeg_set_out_colorspace(wanted));
    let samples = decoder.decode().map_err(undecodable)?;
    Ok(Pixels { samples, per_pixel: wanted.num_components(), width, height })
}

fn checked(width: usize, height: usize) -> Result<(usize, usize), Failure> {
    match (width, height) {
        (0, _) | (_, 0) => Err(Failure::Undecodable),
        (1..=MAX_SIDE, 1..=MAX_SIDE) => Ok((width, height)),
        _ => Err(Failure::TooManyPixels),
    }
}

#[cfg(test)]
mod tests {
    use png::{BitDepth, ColorType};

    use super::*;

    /// A model of 2 × 3 pixels that takes them as they are.
    fn small(layout: &str, channels: usize) -> Model {
        let (zeros, ones) = (vec![0; channels], vec![1; channels]);
        let mut model: Model = serde_json::from_value(serde_json::json!({
            "schema": 1,
            "input": {
                "name": "x", "shape": [null, 2, 3, channels], "layout": layout, "dtype": "float32",
                "height": 2, "width": 3, "channels": channels, "offset": zeros, "scale": ones,
                "resize": "nearest",
            },
            "output": {"name": "y", "activation": "softmax"},
            "answer": "label", "labels": ["one"], "formats": {"onnx": "model.onnx"},
        }))
        .unwrap();
        model.normalize();
        model
    }

    fn png(width: u32, height: u32, color: ColorType, depth: BitDepth, data: &[u8]) -> Vec<u8> {
        let mut encoded = Vec::new();
        let mut encoder = png::Encoder::new(&mut encoded, width, height);
        encoder.set_color(color);
        encoder.set_depth(depth);
        encoder.set_palette(vec![10, 20, 30, 200, 100, 0]);
        encoder.write_header().unwrap().write_image_data(data).unwrap();
        encoded
    }

    fn filled(layout: &str, channels: usize, encoded: &[u8]) -> Vec<f32> {
        let mut x = vec![-1.0; 6 * channels];
        small(layout, channels).fill(&mut x, encoded).unwrap();
        x
    }

    #[test]
    fn luma_is_bt601_rounded_to_the_nearest() {
        for red in (0..=255).step_by(5) {
            for green in 0..=255 {
                for blue in (0..=255).step_by(3) {
                    let exact = 0.299 * f64::from(red) + 0.587 * f64::from(green) + 0.114 * f64::from(blue);
                    let got = f64::from(luma([red, green, blue]));
                    assert!(
                        (got - exact).abs() < 0.51,
                        "luma({red}, {green}, {blue}) = {got}, exactly {exact}"
                    );
                }
            }
        }
    }

    #[test]
    fn nearest_neighbour_takes_the_floored_pixel() {
        let data: Vec<u8> = (0..5).flat_map(|y| (0..7).map(move |x| 10 * y + x)).collect();
        let encoded = png(7, 5, ColorType::Grayscale, BitDepth::Eight, &data);
        assert_eq!(filled("NHWC", 1, &encoded), [0.0, 2.0, 4.0, 20.0, 22.0, 24.0]); // rows 0 and 2
    }

    #[test]
    fn bilinear_mixes_the_neighbours() {
        let data: Vec<u8> = (0..4).flat_map(|y| (0..6).map(move |x| 10 * y + x)).collect();
        let encoded = png(6, 4, ColorType::Grayscale, BitDepth::Eight, &data);
        let mut model = small("NHWC", 1);
        (model.input.resize, model.input.offset, model.input.scale) = (Resize::Bilinear, vec![1.0], vec![2.0]);
        let mut x = vec![-1.0; 6];
        model.fill(&mut x, &encoded).unwrap();
        assert_eq!(x, [13.0, 17.0, 21.0, 53.0, 57.0, 61.0]);
    }

    #[test]
    fn alpha_is_dropped() {
        let data: Vec<u8> = (0..6).flat_map(|i| [100, 100, 100, 50 * i]).collect();
        let encoded = png(3, 2, ColorType::Rgba, BitDepth::Eight, &data);
        assert_eq!(filled("NHWC", 1, &encoded), [100.0; 6]);
        let data: Vec<u8> = (0..6).flat_map(|i| [i, 50 * i]).collect();
        let encoded = png(3, 2, ColorType::GrayscaleAlpha, BitDepth::Eight, &data);
        assert_eq!(filled("NHWC", 1, &encoded), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    }

    #[test]
    fn sixteen_bits_are_cut_to_the_upper_eight() {
        let data: Vec<u8> = (0..6).flat_map(|i| [i, 0xff]).collect();
        let encoded = png(3, 2, ColorType::Grayscale, BitDepth::Sixteen, &data);
        assert_eq!(filled("NHWC", 1, &encoded), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    }

    #[test]
    fn palettes_are_colours_and_few_bits_are_spread_over_all_of_grey() {
        let encoded = png(3, 2, ColorType::Indexed, BitDepth::One, &[0b0100_0000, 0b1010_0000]);
        assert_eq!(filled("NHWC", 3, &encoded)[..6], [10.0, 20.0, 30.0, 200.0, 100.0, 0.0]);
        let encoded = png(3, 2, ColorType::Grayscale, BitDepth::One, &[0b0100_0000, 0b1010_0000]);
        assert_eq!(filled("NHWC", 1, &encoded), [0.0, 255.0, 0.0, 255.0, 0.0, 255.0]);
    }

    #[test]
    fn colours_fill_both_layouts() {
        let data: Vec<u8> = (0..6).flat_map(|i| [i, 10 + i, 20 + i]).collect();
        let encoded = png(3, 2, ColorType::Rgb, BitDepth::Eight, &data);
        assert_eq!(filled("NHWC", 3, &encoded)[..6], [0.0, 10.0, 20.0, 1.0, 11.0, 21.0]);
        assert_eq!(filled("NCHW", 3, &encoded)[..7], [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 10.0]);
    }

    #[test]
    fn what_cannot_be_decoded_is_refused() {
        let good = png(30, 30, ColorType::Grayscale, BitDepth::Eight, &[7; 900]);
        let wide = png(4097, 1, ColorType::Grayscale, BitDepth::Eight, &[0; 4097]);
        let high = png(1, 4097, ColorType::Grayscale, BitDepth::Eight, &[0; 4097]);
        for (encoded, failure) in [
            (&b"hello"[..], Failure::Undecodable),
            (&b"\xff\xd8\xff\xe0\x00\x10JFIF\x00"[..], Failure::Undecodable),
            (&good[..good.len() - 20], Failure::Undecodable),
            (&good[..33], Failure::Undecodable),
            (&wide, Failure::TooManyPixels),
            (&high, Failure::TooManyPixels),
        ] {
            assert_eq!(small("NHWC", 1).fill(&mut [0.0; 6], encoded), Err(failure));
        }
    }
}
