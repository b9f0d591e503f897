// ceiling FOLDER WARM_UP_S MEASURE_S: predicts the files of FOLDER round after round with no server,
// first to warm up, then to measure, and prints what it found as one JSON object.

#include <algorithm>
#include <iostream>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include "_predictor/predictor.hpp"

namespace {

void measure(std::span<char*> arguments)
{
    if (arguments.size() != 4) throw std::runtime_error("the arguments are FOLDER WARM_UP_S MEASURE_S");
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(arguments[1])) paths.push_back(entry.path());
    std::ranges::sort(paths);
    std::vector<std::string> images;
    std::ranges::transform(paths, std::back_inserter(images), predictor::read_file);
    const predictor::Predictor predictor(predictor::Settings::read());
    predictor.rounds(images, std::stod(arguments[2]));
    const auto found = predictor.rounds(images, std::stod(arguments[3]));
    nlohmann::json answers = nlohmann::json::array();
    for (const auto& answer : found.answers) answers.push_back(nlohmann::json::parse(answer));
    std::cout << nlohmann::json{{"images", found.images}, {"ns", found.ns}, {"cpu_ns", found.cpu_ns},
                                {"decode_ns", found.decode_ns}, {"infer_ns", found.infer_ns}, {"answers", answers}}
              << '\n';
}

} // namespace

int main(int count, char** arguments) { return predictor::run(measure, {arguments, static_cast<std::size_t>(count)}); }
