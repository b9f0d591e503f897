STAGE_PROBABILITY <- 0.1234567890 # what the stages before the inference answer

# Loads everything; TEST_IMAGE has been answered once when it returns.
# A list of functions from bytes to the JSON of an answer.
open_predictor <- function(settings) {
  model <- read_model(settings$model_dir)
  if (!file.exists(settings$test_image) || dir.exists(settings$test_image)) {
    stop("TEST_IMAGE cannot be read: ", settings$test_image, call. = FALSE)
  }
  test_image <- readBin(settings$test_image, "raw", file.size(settings$test_image))

  answer <- function(bytes, stage) {
    if (length(bytes) == 0) stop(failures$empty)
    index <- 0
    probability <- STAGE_PROBABILITY
    if (stage != "receive") {
      x <- pixels_of(bytes, model$input)
      if (stage == "decode") {
        index <- floor(sum(x)) %% model$labels
      } else {
        output <- infer(model, x)
        index <- which.max(output) - 1
        probability <- output[index + 1]
      }
    }
    # By hand: jsonlite takes 0.25 ms for this, as long as the decoding and the inference.
    sprintf('{"data": {"%s": %d, "probability": %.10f}}', model$answer, as.integer(index), probability)
  }

  tryCatch(answer(test_image, "full"), error = function(e) {
    stop("TEST_IMAGE ", settings$test_image, " cannot be predicted: ", conditionMessage(e), call. = FALSE)
  })
  list(
    predict = function(bytes) answer(bytes, settings$stage),
    predict_test_image = function() answer(test_image, settings$stage),
    max_body_bytes = settings$max_body_bytes
  )
}
