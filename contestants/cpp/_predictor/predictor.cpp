#include "_predictor/predictor.hpp"

#include <chrono>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iostream>
#include <iterator>

#include <nlohmann/json.hpp>

#include "_predictor/failure.hpp"

namespace predictor {
namespace {

constexpr double stage_probability = 0.1234567890; // what the stages before the inference answer

Answer best(const Eigen::VectorXf& probabilities)
{
    Eigen::Index index = 0;
    const double probability = probabilities.maxCoeff(&index);
    return {static_cast<std::size_t>(index), probability};
}

// What all threads of this process have used.
std::int64_t cpu_ns()
{
    timespec used{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return used.tv_sec * 1'000'000'000LL + used.tv_nsec;
}

} // namespace

Predictor::Predictor(Settings read)
    : settings(std::move(read)), model_(settings.model_dir), answer_name_(nlohmann::json(model_.answer).dump()),
      test_image_(read_file(settings.test_image))
{
    try {
        infer(test_image_, Stage::full);
    } catch (const Failure& failure) {
        throw std::runtime_error("TEST_IMAGE " + settings.test_image.string() + " cannot be predicted: " + failure.what());
    }
}

Answer Predictor::infer(std::string_view image, Stage stage) const
{
    if (image.empty()) throw failures::empty;
    if (stage == Stage::receive) return {0, stage_probability};
    const auto& input = model_.decode(image);
    if (stage == Stage::full) return best(model_.infer(input));
    const double sum = input.cast<double>().sum(); // exact: double holds every sum of this many floats of this range
    const auto labels = static_cast<double>(model_.labels);
    return {static_cast<std::size_t>(std::fmod(std::fmod(std::floor(sum), labels) + labels, labels)), stage_probability};
}

std::string Predictor::body(Answer answer) const
{
    char probability[32];
    const auto length = std::snprintf(probability, sizeof probability, "%.10f", answer.probability);
    return R"({"data": {)" + answer_name_ + ": " + std::to_string(answer.index) + R"(, "probability": )"
        + std::string(probability, length) + "}}";
}

Ceiling Predictor::rounds(std::span<const std::string> images, double at_least_s) const
{
    using Clock = std::chrono::steady_clock;
    Ceiling found;
    const auto cpu_at_start = cpu_ns();
    const auto start = Clock::now();
    const auto elapsed_ns = [&] { return std::chrono::nanoseconds(Clock::now() - start).count(); };
    while (static_cast<double>(found.ns) < at_least_s * 1e9) {
        found.answers.clear();
        for (const auto& image : images) {
            const auto& input = model_.decode(image);
            const auto decoded = elapsed_ns();
            const auto answer = best(model_.infer(input));
            const auto inferred = elapsed_ns();
            found.answers.push_back(body(answer));
            found.decode_ns += decoded - found.ns;
            found.infer_ns += inferred - decoded;
            found.ns = elapsed_ns();
        }
        found.images += images.size();
    }
    found.cpu_ns = cpu_ns() - cpu_at_start;
    return found;
}

std::string read_file(const std::filesystem::path& path)
{
    std::ifstream file(path, std::ios::binary);
    std::string content{std::istreambuf_iterator<char>(file), {}};
    if (!file || std::filesystem::is_directory(path)) throw std::runtime_error(path.string() + " cannot be read");
    return content;
}

int run(void (*program)(std::span<char*> arguments), std::span<char*> arguments)
{
    try {
        program(arguments);
        return 0;
    } catch (const std::exception& error) {
        std::string line = error.what();
        for (char& c : line)
            if (c == '\n') c = ' ';
        std::cerr << "cannot start: " << line << '\n';
        return 1;
    }
}

} // namespace predictor
