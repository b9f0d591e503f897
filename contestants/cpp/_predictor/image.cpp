#include <algorithm>
#include <cstdint>
#include <memory>

#include <spng.h>
#include <turbojpeg.h>

#include "_predictor/failure.hpp"
#include "_predictor/model.hpp"

namespace predictor {
namespace {

constexpr unsigned max_side = 4096; // pixels

// 8-bit samples, row by row: 1 (luma) or 3 (RGB) for a pixel.
struct Pixels {
    std::vector<std::uint8_t> samples;
    std::size_t per_pixel;
    std::size_t width;
    std::size_t height;
};

Pixels pixels_for(unsigned width, unsigned height, std::size_t per_pixel)
{
    if (width == 0 || height == 0) throw failures::undecodable;
    if (width > max_side || height > max_side) throw failures::too_many_pixels;
    return {std::vector<std::uint8_t>(per_pixel * width * height), per_pixel, width, height};
}

Pixels decode_png(std::string_view encoded)
{
    const std::unique_ptr<spng_ctx, decltype(&spng_ctx_free)> png(spng_ctx_new(0), spng_ctx_free);
    spng_ihdr header{};
    if (!png || spng_set_png_buffer(png.get(), encoded.data(), encoded.size()) != 0
        || spng_get_ihdr(png.get(), &header) != 0)
        throw failures::undecodable;
    auto pixels = pixels_for(header.width, header.height, 3);
    // Palettes become colours, alpha is dropped, and of 16 bits the upper 8 are taken.
    if (spng_decode_image(png.get(), pixels.samples.data(), pixels.samples.size(), SPNG_FMT_RGB8, 0) != 0)
        throw failures::undecodable;
    return pixels;
}

Pixels decode_jpeg(tjhandle jpeg, std::string_view encoded, int channels)
{
    const auto* bytes = reinterpret_cast<const unsigned char*>(encoded.data());
    int width = 0, height = 0, subsampling = 0, colours = 0;
    if (tjDecompressHeader3(jpeg, bytes, encoded.size(), &width, &height, &subsampling, &colours) != 0)
        throw failures::undecodable;
    // For grey the stored Y is the luma, and the chroma planes are left alone.
    const bool luma = channels == 1 && (colours == TJCS_YCbCr || colours == TJCS_GRAY);
    auto pixels = pixels_for(width, height, luma ? 1 : 3);
    // Pixels that are missing are not made up, and a progressive JPEG has at most 500 scans.
    if (tjDecompress2(jpeg, bytes, encoded.size(), pixels.samples.data(), width, 0, height,
                      luma ? TJPF_GRAY : TJPF_RGB, TJFLAG_STOPONWARNING | TJFLAG_LIMITSCANS) != 0)
        throw failures::undecodable;
    return pixels;
}

// With this thread's decoder, which is not used again once it has failed: it would go on where it stopped.
Pixels decode_jpeg(std::string_view encoded, int channels)
{
    thread_local std::unique_ptr<void, decltype(&tjDestroy)> jpeg(nullptr, tjDestroy);
    if (!jpeg) jpeg.reset(tjInitDecompress());
    try {
        return decode_jpeg(jpeg.get(), encoded, channels);
    } catch (...) {
        jpeg.reset();
        throw;
    }
}

Pixels decode_any(std::string_view encoded, int channels)
{
    using namespace std::string_view_literals;
    if (encoded.starts_with("\x89PNG\r\n\x1a\n"sv)) return decode_png(encoded);
    if (encoded.starts_with("\xff\xd8\xff"sv)) return decode_jpeg(encoded, channels);
    throw failures::undecodable;
}

// BT.601 to the nearest, with OpenCV's coefficients: 0.299, 0.587 and 0.114 in 2^-15, which sum to 1.
std::uint8_t luma(const std::uint8_t* rgb)
{
    return static_cast<std::uint8_t>((9798U * rgb[0] + 19235U * rgb[1] + 3735U * rgb[2] + (1U << 14)) >> 15);
}

// The two neighbours of a position, and how far it is from the first: destination r lies at
// (r + 1/2) there / count - 1/2, held to the image.
struct Between {
    std::size_t first, second;
    double part;

    Between(std::size_t position, std::size_t count, std::size_t there)
    {
        const auto last = static_cast<double>(there - 1);
        const double at = (static_cast<double>(position) + 0.5) * static_cast<double>(there) / static_cast<double>(count) - 0.5;
        first = static_cast<std::size_t>(std::clamp(at, 0.0, last));
        second = std::min(first + 1, there - 1);
        part = std::clamp(at, 0.0, last) - static_cast<double>(first);
    }
};

} // namespace

const Eigen::VectorXf& Model::decode(std::string_view encoded) const
{
    thread_local Eigen::VectorXf x;
    const auto pixels = decode_any(encoded, channels_);
    const std::size_t height = height_, width = width_, channels = channels_;
    const auto value = [&, grey = channels == 1](std::size_t row, std::size_t column, std::size_t channel) {
        const auto* pixel = &pixels.samples[(row * pixels.width + column) * pixels.per_pixel];
        if (pixels.per_pixel == 1) return *pixel;
        return grey ? luma(pixel) : pixel[channel];
    };
    const auto nearest = [&](std::size_t r, std::size_t c, std::size_t channel) {
        return normal_[channel][value(r * pixels.height / height, c * pixels.width / width, channel)];
    };
    const auto bilinear = [&](std::size_t r, std::size_t c, std::size_t channel) {
        const Between y(r, height, pixels.height), x(c, width, pixels.width);
        const auto mixed = [&](std::size_t row) {
            return value(row, x.first, channel) * (1 - x.part) + value(row, x.second, channel) * x.part;
        };
        const double found = mixed(y.first) * (1 - y.part) + mixed(y.second) * y.part;
        return (static_cast<float>(found) + offset_[channel]) * scale_[channel];
    };
    x.resize(static_cast<Eigen::Index>(height * width * channels));
    for (std::size_t r = 0; r < height; ++r)
        for (std::size_t c = 0; c < width; ++c)
            for (std::size_t k = 0; k < channels; ++k) {
                const auto at = channels_first_ ? (k * height + r) * width + c : (r * width + c) * channels + k;
                x[static_cast<Eigen::Index>(at)] = bilinear_ ? bilinear(r, c, k) : nearest(r, c, k);
            }
    return x;
}

} // namespace predictor
