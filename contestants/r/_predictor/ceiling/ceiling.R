# Rscript ceiling.R FOLDER WARM_UP_S MEASURE_S, in a contestant's folder: what
# the predictor does with no server. Decodes and infers the files of FOLDER round
# after round, one at a time, first to warm up, then to measure, and prints one
# JSON object: the images and times of the measured rounds, and the last answers.
for (file in list.files("../_predictor", "[.]R$", full.names = TRUE)) source(file)

# As many whole rounds as begin within that time: images differ in what they cost.
rounds <- function(model, images, seconds) {
  clock <- function() as.numeric(Sys.time())
  cpu <- function() sum(proc.time()[c("user.self", "sys.self")])
  answers <- character(length(images))
  count <- 0
  decode <- 0
  infer_time <- 0
  cpu_before <- cpu()
  start <- now <- clock()
  while (now - start < seconds) {
    for (i in seq_along(images)) {
      x <- pixels_of(images[[i]], model$input)
      decoded <- clock()
      output <- infer(model, x)
      inferred <- clock()
      answers[i] <- answer_for(model, output)
      decode <- decode + (decoded - now)
      infer_time <- infer_time + (inferred - decoded)
      now <- clock()
    }
    count <- count + length(images)
  }
  ns <- round(c(now - start, cpu() - cpu_before, decode, infer_time) * 1e9)
  sprintf(
    '{"images": %.0f, "ns": %.0f, "cpu_ns": %.0f, "decode_ns": %.0f, "infer_ns": %.0f, "answers": [%s]}',
    count, ns[1], ns[2], ns[3], ns[4], paste(answers, collapse = ", ")
  )
}

starting(function() {
  arguments <- commandArgs(trailingOnly = TRUE)
  settings <- read_settings()
  model <- read_model(settings$model_dir)
  files <- sort(list.files(arguments[1], full.names = TRUE), method = "radix") # by bytes, not by locale
  images <- lapply(files, function(file) readBin(file, "raw", file.size(file)))
  rounds(model, images, as.numeric(arguments[2]))
  cat(rounds(model, images, as.numeric(arguments[3])), "\n", sep = "")
})
