#include "_predictor/form.hpp"

#include <optional>
#include <string>

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/rfc7230.hpp>

#include "_predictor/failure.hpp"

namespace {

namespace beast = boost::beast;
using namespace predictor::failures;
constexpr auto npos = std::string_view::npos;

// A parameter of a header's value, such as the boundary in `multipart/form-data; boundary=x`.
std::optional<std::string> parameter(std::string_view value, beast::string_view name)
{
    const auto parameters = value.substr(std::min(value.find(';'), value.size()));
    for (const auto& [found, content] : beast::http::param_list({parameters.data(), parameters.size()}))
        if (beast::iequals(found, name)) return std::string(content);
    return std::nullopt;
}

// Whether the lines `\r\nName: value…` of a part's head say that it is the file of that field.
bool is_file(std::string_view head, std::string_view field)
{
    constexpr std::string_view wanted = "\r\ncontent-disposition:";
    for (std::size_t at = 0; at < head.size();) {
        const auto end = std::min(head.find("\r\n", at + 2), head.size());
        const auto line = head.substr(at, end - at);
        const auto name = line.substr(0, wanted.size());
        if (beast::iequals({name.data(), name.size()}, {wanted.data(), wanted.size()}))
            return parameter(line, "name") == field && parameter(line, "filename").has_value();
        at = end;
    }
    return false;
}

} // namespace

std::string_view file_in_form(std::string_view content_type, std::string_view body, std::string_view name)
{
    const auto boundary = parameter(content_type, "boundary");
    if (!boundary || boundary->empty() || boundary->size() > 70) throw multipart;
    const auto delimiter = "\r\n--" + *boundary;
    std::optional<std::string_view> file;
    const auto first = std::string_view(delimiter).substr(2); // the body may begin with it
    const auto start = body.starts_with(first) ? 0 : body.find(delimiter);
    if (start == npos) throw multipart;
    auto at = body.find(first, start) + first.size();
    while (!body.substr(at).starts_with("--")) {
        at = body.find_first_not_of(" \t", at);
        const auto next = body.find(delimiter, at);
        if (at == npos || next == npos) throw multipart;
        const auto part = body.substr(at, next - at);
        const auto blank = part.find("\r\n\r\n");
        if (!part.starts_with("\r\n") || blank == npos) throw multipart;
        if (!file && is_file(part.substr(0, blank), name)) file = part.substr(blank + 4);
        at = next + delimiter.size();
    }
    if (!file) throw no_image;
    return *file;
}
