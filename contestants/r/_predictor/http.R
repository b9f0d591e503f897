RAW_TYPES <- c("image/jpeg", "image/png", "application/octet-stream")

# The image's bytes out of a POST, whichever way it was sent.
uploaded_image <- function(req, max_body_bytes) {
  type <- tolower(trimws(sub(";.*", "", if (is.null(req$HTTP_CONTENT_TYPE)) "" else req$HTTP_CONTENT_TYPE)))
  if (!type %in% c("multipart/form-data", RAW_TYPES)) stop(failures$unsupported)
  if (length(req$bodyRaw) > max_body_bytes) stop(failures$too_large)
  if (type == "multipart/form-data") form_file(req$bodyRaw, req$HTTP_CONTENT_TYPE) else req$bodyRaw
}

# The content of the file field "image". (plumber's own multipart parser splits
# the body wherever the boundary's text occurs, and keeps the quotes of a quoted one.)
form_file <- function(body, content_type) {
  boundary <- regmatches(content_type, regexec('boundary="?([^";,]+)', content_type, ignore.case = TRUE))[[1]]
  if (length(boundary) < 2) stop(failures$broken_form)
  delimiter <- charToRaw(paste0("\r\n--", boundary[2]))
  body <- c(charToRaw("\r\n"), body) # the first delimiter too begins a line
  starts <- grepRaw(delimiter, body, all = TRUE, fixed = TRUE)
  ends <- starts + length(delimiter) # where what follows a delimiter begins
  last <- length(starts)
  if (last == 0 || !identical(body[ends[last] + 0:1], charToRaw("--"))) stop(failures$broken_form) # cut off
  for (i in seq_len(last - 1)) {
    part <- body[ends[i]:(starts[i + 1] - 1)]
    blank <- grepRaw("\r\n\r\n", part, fixed = TRUE)
    if (length(blank) == 0) stop(failures$broken_form)
    if (is_image_file(part[seq_len(blank - 1)])) return(part[-seq_len(blank + 3)])
  }
  stop(failures$no_image)
}

# Whether a part's headers say that it is a file, and the field "image".
is_image_file <- function(headers) {
  headers <- rawToChar(headers[headers != 0])
  says <- function(parameter) {
    grepl(paste0("content-disposition:[^\r\n]*;\\s*", parameter), headers, ignore.case = TRUE, perl = TRUE, useBytes = TRUE)
  }
  says('name="?image"?\\s*(;|\r|$)') && says('filename="[^"]')
}

# Runs a contestant: loads the model, listens, and stops when start.sh says so.
# make_router(predictor) gives a list with the function call(req): a plumber router, or an application of httpuv's.
serve <- function(make_router) {
  settings <- read_settings()
  predictor <- open_predictor(settings)
  router <- make_router(predictor)

  # httpuv closes the connection after refusing a body unread, and the reset can overtake the answer.
  # A body that is not much too large is therefore read, and its sender sees the 413.
  largest_read <- max(2^24, settings$max_body_bytes)
  refusing <- FALSE
  in_flight <- 0L
  refuse <- function(failure) {
    list(status = failure$status, headers = list("Content-Type" = "application/json"), body = failure_body(failure))
  }
  app <- list(
    # Called when the headers are there: a body that is far too large is refused unread.
    onHeaders = function(req) {
      if (refusing) return(refuse(failures$stopping))
      if (isTRUE(as.numeric(req$CONTENT_LENGTH) > largest_read)) return(refuse(failures$too_large))
      in_flight <<- in_flight + 1L
      reg.finalizer(req, abandoned)
      NULL
    },
    call = function(req) {
      on.exit({
        in_flight <<- in_flight - 1L
        req$answered <- TRUE
      })
      router$call(req)
    }
  )
  # A client that went away before its body was complete: there is no other sign of it.
  abandoned <- function(req) {
    if (is.null(req$answered)) in_flight <<- in_flight - 1L
  }
  server <- tryCatch(
    httpuv::startServer(settings$host, settings$port, app, quiet = TRUE),
    error = function(e) {
      stop(sprintf("cannot listen on %s:%d: in use, or no address of this machine", settings$host, settings$port), call. = FALSE)
    }
  )

  now <- function() proc.time()[["elapsed"]]
  run_until <- function(done) while (!done()) later::run_now(0.1, all = FALSE)
  told_to_stop <- watch_stdin()
  run_until(told_to_stop)
  stopped_at <- now()
  # httpuv cannot close the port alone. What was sent before the signal is
  # answered within half a second; what comes later is refused.
  run_until(function() now() > stopped_at + 0.5)
  refusing <- TRUE
  run_until(function() {
    gc()
    in_flight == 0L || now() > stopped_at + 4 # the contract gives 5 s
  })
  Sys.sleep(0.1) # a thread of httpuv's writes the last answers
  httpuv::stopServer(server)
}

# A function that says whether a line has come from the pipe that is standard
# input, or start.sh is gone. Both are looked at ten times a second.
watch_stdin <- function() {
  pipe <- fifo("/dev/stdin", "r", blocking = FALSE)
  shell <- as.integer(Sys.getenv("START_SH"))
  told <- FALSE
  look <- function() {
    told <<- length(readLines(pipe, 1L)) > 0 || !tools::pskill(shell, 0L)
    if (!told) later::later(look, 0.1)
  }
  look()
  function() told
}

# Runs main(); an error ends the program with one line on stderr and status 1.
starting <- function(main) {
  tryCatch(suppressPackageStartupMessages(main()), error = function(e) {
    message("cannot start: ", gsub("\\s*\n\\s*", "; ", trimws(conditionMessage(e))))
    quit(save = "no", status = 1)
  })
}
