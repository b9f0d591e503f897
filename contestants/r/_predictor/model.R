# model.json, checked, with its dense layers and the table that normalises pixels.
read_model <- function(folder) {
  path <- file.path(folder, "model.json")
  if (!file.exists(path)) stop("MODEL_DIR has no model.json: ", path, call. = FALSE)
  model <- tryCatch(jsonlite::read_json(path), error = function(e) {
    stop(path, " is not JSON", call. = FALSE)
  })
  problem <- tryCatch(model_problem(model), error = function(e) "it is not a model description")
  if (!is.null(problem)) stop(path, ": ", problem, call. = FALSE)
  input <- model$input
  # Per channel (column) and 8-bit value (row): (value + offset) * scale, in float32.
  input$normal <- mapply(
    function(offset, scale) as_float32((0:255 + as_float32(offset)) * as_float32(scale)),
    input$offset, input$scale
  )
  list(
    input = input,
    logits = model$output$activation == "logits",
    answer = model$answer,
    labels = length(model$labels),
    layers = lapply(model$formats$dense, read_layer, folder = folder)
  )
}

# Why base R cannot serve the model, or NULL.
model_problem <- function(model) {
  input <- model$input
  if (!identical(model$schema, 1L)) return("schema is not 1, which is what is understood")
  if (!isTRUE(input$layout %in% c("NHWC", "NCHW"))) return("input.layout must be NHWC or NCHW")
  if (!identical(input$dtype, "float32")) return("input.dtype must be float32")
  if (!isTRUE(input$resize %in% c("nearest", "bilinear"))) return("input.resize must be nearest or bilinear")
  if (!isTRUE(model$output$activation %in% c("softmax", "logits", "none"))) {
    return("output.activation must be softmax, logits or none")
  }
  if (!isTRUE(input$channels %in% c(1L, 3L))) return("input.channels must be 1 or 3")
  if (length(input$offset) != input$channels || length(input$scale) != input$channels) {
    return("input.offset and input.scale must have one number per channel")
  }
  if (length(model$labels) == 0 || !is.character(model$answer)) return("answer or labels are missing")
  layers <- model$formats$dense
  if (length(layers) == 0) return("formats has no dense layers, which the runtime base-r needs")
  sizes <- c(input$height * input$width * input$channels, vapply(layers, function(l) l$shape[[2]], 0L))
  if (any(vapply(layers, function(l) l$shape[[1]], 0L) != head(sizes, -1)) || tail(sizes, 1) != length(model$labels)) {
    return("the sizes of input, dense layers and labels do not fit together")
  }
  unknown <- setdiff(vapply(layers, function(l) l$activation, ""), names(activations))
  if (length(unknown) > 0) return(paste("base R has no activation", unknown[1]))
  NULL
}

activations <- list(
  linear = identity,
  relu = function(y) y * (y > 0),
  softmax = function(y) {
    e <- exp(y - max(y))
    e / sum(e)
  }
)

read_layer <- function(layer, folder) {
  size <- unlist(layer$shape)
  kernel <- matrix(read_float32(file.path(folder, layer$kernel), prod(size)), size[1], size[2], byrow = TRUE)
  list(
    kernel = t(kernel), # out x in: a matrix times a vector is quicker in this order
    bias = read_float32(file.path(folder, layer$bias), size[2]),
    activate = activations[[layer$activation]]
  )
}

# n little-endian float32 numbers, which must be the whole file.
read_float32 <- function(path, n) {
  if (!isTRUE(file.size(path) == 4 * n)) stop("the weights ", path, " are missing or broken", call. = FALSE)
  readBin(path, "numeric", n, size = 4L, endian = "little")
}

# R's numbers are doubles; this rounds them to what float32 holds.
as_float32 <- function(x) readBin(writeBin(as.numeric(x), raw(), size = 4L), "numeric", length(x), size = 4L)

# The model's output for an input vector.
infer <- function(model, x) {
  for (layer in model$layers) x <- layer$activate(drop(layer$kernel %*% x) + layer$bias)
  x
}
