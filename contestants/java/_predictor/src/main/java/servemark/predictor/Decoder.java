package servemark.predictor;

import java.awt.image.BufferedImage;
import java.awt.image.IndexColorModel;
import java.awt.image.Raster;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.util.Arrays;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.stream.ImageInputStream;
import javax.imageio.stream.MemoryCacheImageInputStream;

/** Turns an image file into the model's input with the JDK's Image I/O. For one thread at a time. */
final class Decoder {
    private static final int MAX_SIDE = 4096; // pixels
    private static final byte[] PNG = {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    private static final byte[] JPEG = {(byte) 0xff, (byte) 0xd8, (byte) 0xff};

    private final ImageReader png = ImageIO.getImageReadersByFormatName("png").next();
    private final ImageReader jpeg = ImageIO.getImageReadersByFormatName("jpeg").next();
    private final Model.Input input;
    private final float[][] normal; // per channel and 8-bit value: (value + offset) * scale

    /** The 8-bit colours of a pixel, as 0xRRGGBB; where the image is grey all three are the luma. */
    private interface Pixels {
        int at(int x, int y);
    }

    Decoder(Model.Input input) {
        this.input = input;
        normal = new float[input.channels()][256];
        for (int channel = 0; channel < normal.length; channel++) {
            for (int value = 0; value < 256; value++) {
                normal[channel][value] = (value + input.offset()[channel]) * input.scale()[channel];
            }
        }
    }

    /** Decodes a JPEG or PNG and writes the model's input. Only pixels that the resizing takes are converted. */
    void fill(FloatBuffer x, byte[] encoded) {
        ImageReader reader;
        if (startsWith(encoded, PNG)) {
            reader = png;
        } else if (startsWith(encoded, JPEG)) {
            reader = jpeg;
        } else {
            throw new Refusal(Failure.UNDECODABLE);
        }
        try (ImageInputStream stream = new MemoryCacheImageInputStream(new ByteArrayInputStream(encoded))) {
            reader.setInput(stream, true, true);
            int width = reader.getWidth(0);
            int height = reader.getHeight(0);
            if (width > MAX_SIDE || height > MAX_SIDE) {
                throw new Refusal(Failure.TOO_MANY_PIXELS);
            }
            fill(x, reader == jpeg ? decodeJpeg(encoded) : pixelsOf(png.read(0)), width, height);
        } catch (Refusal e) {
            throw e;
        } catch (IOException | RuntimeException e) { // the readers throw either for a broken file
            throw new Refusal(Failure.UNDECODABLE);
        } finally {
            reader.reset();
        }
    }

    private void fill(FloatBuffer x, Pixels pixels, int imageWidth, int imageHeight) {
        int height = input.height();
        int width = input.width();
        boolean planes = input.layout().equals("NCHW");
        int pixel = planes ? 1 : normal.length; // distances between neighbouring pixels, and channels
        int channel = planes ? height * width : 1;
        if (input.resize().equals("bilinear")) {
            interpolate(x, pixels, imageWidth, imageHeight, pixel, channel);
            return;
        }
        for (int r = 0; r < height; r++) {
            for (int c = 0; c < width; c++) {
                int rgb = pixels.at(c * imageWidth / width, r * imageHeight / height);
                int at = (r * width + c) * pixel;
                if (normal.length == 1) {
                    x.put(at, normal[0][luma(rgb)]);
                } else {
                    x.put(at, normal[0][rgb >> 16]);
                    x.put(at + channel, normal[1][rgb >> 8 & 0xff]);
                    x.put(at + 2 * channel, normal[2][rgb & 0xff]);
                }
            }
        }
    }

    /**
     * Bilinear between pixel centres: destination r takes (r + 1/2) H / height - 1/2, held to the image.
     * pixel and channel are the distances in x.
     */
    private void interpolate(FloatBuffer x, Pixels pixels, int imageWidth, int imageHeight, int pixel, int channel) {
        for (int r = 0; r < input.height(); r++) {
            double y = between(r, input.height(), imageHeight);
            int above = (int) y;
            int below = Math.min(above + 1, imageHeight - 1);
            for (int c = 0; c < input.width(); c++) {
                double z = between(c, input.width(), imageWidth);
                int left = (int) z;
                int right = Math.min(left + 1, imageWidth - 1);
                int[] corners = {
                    pixels.at(left, above), pixels.at(right, above), pixels.at(left, below), pixels.at(right, below)
                };
                for (int k = 0; k < normal.length; k++) {
                    double upper = value(corners[0], k) * (1 - z + left) + value(corners[1], k) * (z - left);
                    double lower = value(corners[2], k) * (1 - z + left) + value(corners[3], k) * (z - left);
                    float mixed = (float) (upper * (1 - y + above) + lower * (y - above));
                    int at = (r * input.width() + c) * pixel + k * channel;
                    x.put(at, (mixed + input.offset()[k]) * input.scale()[k]);
                }
            }
        }
    }

    /** Where a position lies among the pixels that are there. */
    private static double between(int position, int count, int there) {
        return Math.min(Math.max((position + 0.5) * there / count - 0.5, 0), there - 1);
    }

    /** The value of a channel: of a model of grey, the luma. */
    private int value(int rgb, int channel) {
        return normal.length == 1 ? luma(rgb) : rgb >> 16 - 8 * channel & 0xff;
    }

    /**
     * For a model of grey, the raster as the file stores it: its first band is the luma, which a
     * conversion to RGB and back would blur. Where the file stores RGB it is converted.
     */
    private Pixels decodeJpeg(byte[] encoded) throws IOException {
        if (!hasEnd(encoded)) { // the reader would make up the pixels that are missing
            throw new Refusal(Failure.UNDECODABLE);
        }
        if (storesLuma(encoded) && normal.length == 1) {
            Raster raster = jpeg.readRaster(0, null);
            return (x, y) -> grey(raster.getSample(x, y, 0));
        }
        return pixelsOf(jpeg.read(0));
    }

    /** As libjpeg decides it: grey has one component; of three, the markers JFIF and Adobe tell, else their names. */
    private static boolean storesLuma(byte[] jpeg) {
        boolean jfif = false;
        int adobe = -1;
        int at = 2;
        while (at + 4 <= jpeg.length) {
            int marker = jpeg[at + 1] & 0xff;
            if (marker == 0xff) { // a fill byte
                at++;
                continue;
            }
            int size = (jpeg[at + 2] & 0xff) << 8 | jpeg[at + 3] & 0xff;
            if (marker == 0xe0 && size >= 7 && jpeg[at + 4] == 'J' && jpeg[at + 5] == 'F') {
                jfif = true;
            } else if (marker == 0xee && size >= 14 && jpeg[at + 4] == 'A' && jpeg[at + 5] == 'd') {
                adobe = jpeg[at + 15];
            } else if (marker >= 0xc0 && marker <= 0xc2) {
                int components = jpeg[at + 9];
                if (components == 4) { // CMYK, which Image I/O hands out without converting it
                    throw new Refusal(Failure.UNDECODABLE);
                }
                boolean named = components == 3 && jpeg[at + 10] == 'R' && jpeg[at + 13] == 'G' && jpeg[at + 16] == 'B';
                return components == 1 || components == 3 && (jfif || (adobe < 0 ? !named : adobe == 1));
            }
            at += 2 + size;
        }
        throw new Refusal(Failure.UNDECODABLE);
    }

    /** Whether the marker EOI is there, which other bytes may follow. */
    private static boolean hasEnd(byte[] jpeg) {
        int at = jpeg.length - 2;
        while (at > 0 && !(jpeg[at] == (byte) 0xff && jpeg[at + 1] == (byte) 0xd9)) {
            at--;
        }
        return at > 0;
    }

    /** The colours as the file stores them: alpha is dropped, not blended, and of 16 bits the upper 8 are taken. */
    private static Pixels pixelsOf(BufferedImage image) {
        Raster raster = image.getRaster();
        if (image.getColorModel() instanceof IndexColorModel palette) { // grey of less than 8 bits is one, too
            return (x, y) -> palette.getRGB(raster.getSample(x, y, 0)) & 0xffffff;
        }
        int shift = raster.getSampleModel().getSampleSize(0) - 8;
        if (raster.getNumBands() < 3) {
            return (x, y) -> grey(raster.getSample(x, y, 0) >> shift);
        }
        return (x, y) -> raster.getSample(x, y, 0) >> shift << 16
                | raster.getSample(x, y, 1) >> shift << 8
                | raster.getSample(x, y, 2) >> shift;
    }

    private static int grey(int luma) {
        return luma * 0x010101;
    }

    /** BT.601 to the nearest, with OpenCV's coefficients: 0.299, 0.587 and 0.114 in 2^-15, which sum to 1. */
    private static int luma(int rgb) {
        return 9798 * (rgb >> 16) + 19235 * (rgb >> 8 & 0xff) + 3735 * (rgb & 0xff) + (1 << 14) >> 15;
    }

    private static boolean startsWith(byte[] bytes, byte[] prefix) {
        return bytes.length >= prefix.length && Arrays.equals(bytes, 0, prefix.length, prefix, 0, prefix.length);
    }
}
