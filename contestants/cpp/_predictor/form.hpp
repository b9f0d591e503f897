#pragma once

#include <string_view>

// The content of the file field `name` in a multipart/form-data body (RFC 7578): a view into the body.
// Throws Failure. Beast itself leaves forms to its user.
std::string_view file_in_form(std::string_view content_type, std::string_view body, std::string_view name);
