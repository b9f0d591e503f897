# A request that is refused: a condition with the HTTP status and one sentence.
failure <- function(status, message) {
  structure(class = c("failure", "error", "condition"), list(status = status, message = message, call = NULL))
}

failures <- list(
  no_image = failure(400L, "The form has no file field named image."),
  empty = failure(400L, "The request carries no image: it is empty."),
  broken_form = failure(400L, "The multipart body cannot be read."),
  not_found = failure(404L, "There is nothing at this path."),
  method_not_allowed = failure(405L, "This method is not allowed here."),
  too_large = failure(413L, "The request body is too large."),
  unsupported = failure(415L, "Send multipart/form-data, image/jpeg, image/png or application/octet-stream."),
  undecodable = failure(422L, "The image cannot be decoded as JPEG or PNG."),
  too_many_pixels = failure(422L, "The image is wider or higher than 4096 pixels."),
  internal = failure(500L, "The server failed to answer."),
  stopping = failure(503L, "The server is stopping.")
)

# What a client is told of any error. The server's own faults go to the log.
failure_of <- function(error) {
  if (inherits(error, "failure")) return(error)
  message(conditionMessage(error))
  failures$internal
}

# JSON; the sentences above need no escaping.
failure_body <- function(failure) sprintf('{"data": null, "error": "%s"}', failure$message)
