// What the C++ contestants share: from an image's bytes to the answer of the model in MODEL_DIR,
// and the contract's settings and failures.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "_predictor/model.hpp"

namespace predictor {

// How far a request is taken.
enum class Stage { receive, decode, full };

// The contract's variables.
struct Settings {
    std::string host;
    std::uint16_t port;
    int workers;
    std::filesystem::path model_dir;
    std::filesystem::path test_image;
    std::size_t max_body_bytes;
    Stage stage;

    // From the environment. Throws std::runtime_error with the variable that is missing or wrong.
    static Settings read();
};

// How a POST carries the image.
enum class Upload { form, body };

// Throws failures::unsupported for every other content type, or none.
Upload upload_of(std::string_view content_type);

struct Answer {
    std::size_t index; // of the model's largest output
    double probability;
};

// What the predictor does with no server around it, in ns.
struct Ceiling {
    std::size_t images = 0;
    std::int64_t ns = 0, cpu_ns = 0, decode_ns = 0, infer_ns = 0;
    std::vector<std::string> answers; // of the last round
};

// Answers for one model. Any number of threads may use it, each with buffers of its own.
class Predictor {
public:
    // Loads the model, and has answered TEST_IMAGE once when it returns. Throws std::exception with
    // what the user has to put right.
    explicit Predictor(Settings settings);

    // The answer for the image that GET / stands for, as JSON.
    std::string predict_test_image() const { return predict(test_image_); }

    // The answer for one JPEG or PNG, as JSON. Throws Failure with what is wrong with the image.
    std::string predict(std::string_view image) const { return body(infer(image, settings.stage)); }

    // Decodes and infers the images round after round: as many whole rounds as begin within that time.
    Ceiling rounds(std::span<const std::string> images, double at_least_s) const;

    const Settings settings;

private:
    Answer infer(std::string_view image, Stage stage) const;
    std::string body(Answer answer) const;

    Model model_;
    std::string answer_name_; // quoted for JSON
    std::string test_image_;
};

std::string read_file(const std::filesystem::path& path);

// Runs a program; ends it with one line on stderr and status 1 where it throws.
int run(void (*program)(std::span<char*> arguments), std::span<char*> arguments);

inline constexpr std::string_view health = R"({"status":"ok"})";
inline constexpr std::string_view json = "application/json";

} // namespace predictor
