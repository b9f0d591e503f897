#include "_predictor/model.hpp"

#include <bit>
#include <cstring>
#include <map>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include "_predictor/predictor.hpp"

namespace predictor {
namespace {

using nlohmann::json;

static_assert(std::endian::native == std::endian::little, "the weights are little-endian");

void softmax(Eigen::VectorXf& y)
{
    y = (y.array() - y.maxCoeff()).exp();
    y /= y.sum();
}

const std::map<std::string, void (*)(Eigen::VectorXf&)> activations{
    {"linear", [](Eigen::VectorXf&) {}},
    {"relu", [](Eigen::VectorXf& y) { y = y.cwiseMax(0.0F); }},
    {"softmax", softmax},
};

void require(bool holds, const std::string& otherwise)
{
    if (!holds) throw std::runtime_error(otherwise);
}

// Little-endian float32 numbers, which must be the whole file.
void read_weights(const std::filesystem::path& path, float* weights, Eigen::Index count)
{
    const auto bytes = read_file(path);
    require(bytes.size() == count * sizeof(float), "the weights " + path.string() + " are broken");
    std::memcpy(weights, bytes.data(), bytes.size());
}

Dense read_layer(const json& layer, const std::filesystem::path& folder)
{
    const auto in = layer.at("shape").at(0).get<Eigen::Index>();
    const auto out = layer.at("shape").at(1).get<Eigen::Index>();
    require(in > 0 && out > 0 && in * out < (1 << 28), "a dense layer has an impossible shape");
    const auto activation = activations.find(layer.at("activation").get<std::string>());
    require(activation != activations.end(), "a dense layer has an unknown activation");
    Dense dense{Eigen::MatrixXf(out, in), Eigen::VectorXf(out), activation->second};
    // The file's rows are inputs, one after the other: Eigen's columns.
    read_weights(folder / layer.at("kernel").get<std::string>(), dense.kernel.data(), dense.kernel.size());
    read_weights(folder / layer.at("bias").get<std::string>(), dense.bias.data(), dense.bias.size());
    return dense;
}

} // namespace

Model::Model(const std::filesystem::path& folder)
try {
    const auto model = json::parse(read_file(folder / "model.json"));
    const auto& input = model.at("input");
    const auto layout = input.at("layout").get<std::string>();
    require(model.at("schema") == 1, "schema must be 1");
    require(layout == "NHWC" || layout == "NCHW", "input.layout must be NHWC or NCHW");
    require(input.at("dtype") == "float32", "input.dtype must be float32");
    const auto resize = input.at("resize").get<std::string>();
    require(resize == "nearest" || resize == "bilinear", "input.resize must be nearest or bilinear");
    const auto activation = model.at("output").at("activation").get<std::string>();
    require(activation == "softmax" || activation == "logits" || activation == "none",
            "output.activation must be softmax, logits or none");
    bilinear_ = resize == "bilinear";
    logits_ = activation == "logits";
    channels_first_ = layout == "NCHW";
    input.at("height").get_to(height_);
    input.at("width").get_to(width_);
    input.at("channels").get_to(channels_);
    require(height_ > 0 && width_ > 0 && height_ <= 4096 && width_ <= 4096,
            "input.height and input.width must be from 1 to 4096");
    require(channels_ == 1 || channels_ == 3, "input.channels must be 1 or 3");
    input.at("offset").get_to(offset_);
    input.at("scale").get_to(scale_);
    const auto channels = static_cast<std::size_t>(channels_);
    require(offset_.size() == channels && scale_.size() == channels,
            "input.offset and input.scale must have one number per channel");
    normal_.resize(channels);
    for (std::size_t channel = 0; channel < channels; ++channel)
        for (int value = 0; value < 256; ++value)
            normal_[channel][value] = (static_cast<float>(value) + offset_[channel]) * scale_[channel];
    model.at("answer").get_to(answer);
    labels = model.at("labels").size();
    auto size = static_cast<Eigen::Index>(height_) * width_ * channels_;
    require(model.at("formats").contains("dense"), "formats has no dense layers, which the runtime eigen needs");
    for (const auto& layer : model.at("formats").at("dense")) {
        layers_.push_back(read_layer(layer, folder));
        require(layers_.back().kernel.cols() == size, "the dense layers do not fit together");
        size = layers_.back().kernel.rows();
    }
    require(labels > 0 && !layers_.empty() && size == static_cast<Eigen::Index>(labels),
            "the dense layers do not fit the labels");
} catch (const std::exception& error) {
    throw std::runtime_error("the model in " + folder.string() + " cannot be served: " + error.what());
}

const Eigen::VectorXf& Model::infer(const Eigen::VectorXf& input) const
{
    thread_local Eigen::VectorXf x, y;
    const auto* from = &input;
    for (const auto& layer : layers_) {
        y = layer.bias;
        y.noalias() += layer.kernel * *from;
        layer.activate(y);
        x.swap(y);
        from = &x;
    }
    if (logits_) softmax(x);
    return x;
}

} // namespace predictor
