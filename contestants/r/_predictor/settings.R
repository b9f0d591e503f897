# The contract's variables, checked. An error names the variable that is wrong.
read_settings <- function() {
  text <- function(name, otherwise = "") {
    value <- Sys.getenv(name)
    if (!nzchar(value)) value <- otherwise
    if (!nzchar(value)) stop(name, " is not set", call. = FALSE)
    value
  }
  number <- function(name, otherwise = "", most) {
    value <- text(name, otherwise)
    if (!grepl("^[0-9]{1,15}$", value) || as.numeric(value) < 1 || as.numeric(value) > most) {
      stop(sprintf("%s must be a whole number from 1 to %.0f, not \"%s\"", name, most, value), call. = FALSE)
    }
    as.numeric(value)
  }
  one_of <- function(name, choices, otherwise) {
    value <- text(name, otherwise)
    if (!value %in% choices) {
      stop(sprintf("%s must be one of %s, not \"%s\"", name, toString(choices), value), call. = FALSE)
    }
    value
  }
  settings <- list(
    host = text("HOST", "127.0.0.1"),
    port = as.integer(number("PORT", most = 65535)),
    workers = number("WORKERS", "1", most = 1024),
    threads = number("THREADS", "1", most = 1024), # runtime.toml tells the BLAS
    model_dir = text("MODEL_DIR"),
    test_image = text("TEST_IMAGE"),
    runtime = one_of("RUNTIME", "base-r", "base-r"),
    stage = one_of("STAGE", c("receive", "decode", "full"), "full"),
    max_body_bytes = number("MAX_BODY_BYTES", "1048576", most = 2^40)
  )
  if (settings$workers > 1) {
    stop("WORKERS must be 1: R runs one request at a time, and its server cannot share a port", call. = FALSE)
  }
  settings
}
