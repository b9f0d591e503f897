#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <Eigen/Core>

namespace predictor {

// A dense layer: activation(kernel · x + bias).
struct Dense {
    Eigen::MatrixXf kernel; // out × in
    Eigen::VectorXf bias;
    void (*activate)(Eigen::VectorXf&);
};

// What model.json says, with its dense layers.
class Model {
public:
    // Throws std::exception with what is missing, or why this predictor cannot serve the model.
    explicit Model(const std::filesystem::path& folder);

    // Decodes a JPEG or PNG to the model's input. Only the pixels that the resizing takes are converted.
    // The result is valid until this thread's next call. Throws Failure.
    const Eigen::VectorXf& decode(std::string_view encoded) const;

    // The model's outputs. Valid until this thread's next call.
    const Eigen::VectorXf& infer(const Eigen::VectorXf& input) const;

    std::string answer; // the name of the answer field
    std::size_t labels;

private:
    int height_, width_, channels_;
    bool channels_first_, bilinear_, logits_;
    std::vector<float> offset_, scale_; // per channel
    std::vector<std::array<float, 256>> normal_; // per channel and 8-bit value: (value + offset) · scale
    std::vector<Dense> layers_;
};

} // namespace predictor
