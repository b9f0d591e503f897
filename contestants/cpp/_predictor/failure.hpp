#pragma once

#include <exception>
#include <string>

namespace predictor {

// A request that is refused, with the HTTP status that says why.
class Failure : public std::exception {
public:
    Failure(int status, const char* message) : status(status), message_(message) {}

    const char* what() const noexcept override { return message_; }

    // The response, as JSON. The messages need no escapes.
    std::string body() const { return R"({"data": null, "error": ")" + std::string(message_) + "\"}"; }

    int status;

private:
    const char* message_;
};

namespace failures {

inline const Failure no_image{400, "The form has no file field 'image'."};
inline const Failure empty{400, "The request carries no image: it is empty."};
inline const Failure multipart{400, "The multipart body cannot be read."};
inline const Failure unreadable{400, "The request cannot be read."};
inline const Failure not_found{404, "There is nothing at this path."};
inline const Failure method_not_allowed{405, "This method is not allowed here."};
inline const Failure too_large{413, "The request body is too large."};
inline const Failure unsupported{
    415, "Send multipart/form-data, image/jpeg, image/png or application/octet-stream."};
inline const Failure undecodable{422, "The image cannot be decoded as JPEG or PNG."};
inline const Failure too_many_pixels{422, "The image is wider or higher than 4096 pixels."};
inline const Failure internal{500, "The server failed to answer."};

} // namespace failures
} // namespace predictor
