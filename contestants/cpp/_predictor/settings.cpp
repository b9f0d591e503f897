#include <charconv>
#include <cstdlib>
#include <stdexcept>

#include "_predictor/failure.hpp"
#include "_predictor/predictor.hpp"

namespace predictor {
namespace {

std::string text(const std::string& name, const char* otherwise)
{
    const char* value = std::getenv(name.c_str());
    if (value == nullptr || *value == '\0') value = otherwise;
    if (*value == '\0') throw std::runtime_error(name + " is not set");
    return value;
}

std::size_t number(const std::string& name, const char* otherwise, std::size_t most)
{
    const auto value = text(name, otherwise);
    std::size_t found = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), found);
    if (error != std::errc{} || end != value.data() + value.size() || found < 1 || found > most)
        throw std::runtime_error(name + " must be a whole number from 1 to " + std::to_string(most) + ", not \"" + value + '"');
    return found;
}

Stage read_stage()
{
    const auto value = text("STAGE", "full");
    if (value == "receive") return Stage::receive;
    if (value == "decode") return Stage::decode;
    if (value == "full") return Stage::full;
    throw std::runtime_error("STAGE must be receive, decode or full, not \"" + value + '"');
}

} // namespace

Settings Settings::read()
{
    if (const auto runtime = text("RUNTIME", "eigen"); runtime != "eigen")
        throw std::runtime_error("RUNTIME must be eigen, not \"" + runtime + '"');
    number("THREADS", "1", 1024); // Eigen multiplies a matrix by a vector on one thread
    return {
        .host = text("HOST", "127.0.0.1"),
        .port = static_cast<std::uint16_t>(number("PORT", "", 65535)),
        .workers = static_cast<int>(number("WORKERS", "1", 1024)),
        .model_dir = text("MODEL_DIR", ""),
        .test_image = text("TEST_IMAGE", ""),
        .max_body_bytes = number("MAX_BODY_BYTES", "1048576", std::size_t{1} << 40),
        .stage = read_stage(),
    };
}

Upload upload_of(std::string_view content_type)
{
    std::string essence(content_type.substr(0, content_type.find(';')));
    std::erase_if(essence, [](char c) { return c == ' ' || c == '\t'; });
    for (char& c : essence) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    if (essence == "multipart/form-data") return Upload::form;
    if (essence == "image/jpeg" || essence == "image/png" || essence == "application/octet-stream") return Upload::body;
    throw failures::unsupported;
}

} // namespace predictor
