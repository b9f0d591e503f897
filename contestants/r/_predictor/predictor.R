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
    if (stage == "receive") return(answer_json(model, 0, STAGE_PROBABILITY))
    x <- pixels_of(bytes, model$input)
    if (stage == "decode") return(answer_json(model, floor(sum(x)) %% model$labels, STAGE_PROBABILITY))
    answer_for(model, infer(model, x))
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

# The JSON of the answer for a model's output.
answer_for <- function(model, output) {
  best <- which.max(output)
  largest <- output[best]
  if (model$logits) largest <- 1 / sum(exp(output - largest)) # softmax, of which one value is wanted
  answer_json(model, best - 1, largest)
}

# By hand: jsonlite takes 0.25 ms for this, as long as the decoding and the inference.
answer_json <- function(model, index, probability) {
  sprintf('{"data": {"%s": %d, "probability": %.10f}}', model$answer, as.integer(index), probability)
}
