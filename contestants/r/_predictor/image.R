MAX_SIDE <- 4096 # pixels
PNG_MAGIC <- as.raw(c(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a))

# The model's input, a vector, for the bytes of a JPEG or PNG.
pixels_of <- function(bytes, input) {
  size <- size_of(bytes) # before any pixel is decoded
  if (any(size > MAX_SIDE)) stop(failures$too_many_pixels)
  resize <- if (input$resize == "bilinear") interpolate_pixels else sample_pixels
  resize(decode(bytes), input)
}

is_png <- function(bytes) length(bytes) >= 24 && identical(bytes[1:8], PNG_MAGIC)
is_jpeg <- function(bytes) length(bytes) >= 4 && bytes[1] == 0xff && bytes[2] == 0xd8 && bytes[3] == 0xff

# Height and width, from the header alone.
size_of <- function(bytes) {
  size <- if (is_png(bytes)) {
    readBin(bytes[c(21:24, 17:20)], "integer", 2L, endian = "big") # IHDR comes first
  } else if (is_jpeg(bytes)) {
    jpeg_size(bytes)
  }
  if (is.null(size) || anyNA(size) || any(size < 1)) stop(failures$undecodable)
  size
}

# Goes from segment to segment to the start of frame (SOF0 to SOF15, without
# DHT, JPG and DAC).
jpeg_size <- function(bytes) {
  number <- function(at) 256L * as.integer(bytes[at]) + as.integer(bytes[at + 1L])
  at <- 3L
  while (at + 8L <= length(bytes) && bytes[at] == 0xff) {
    marker <- as.integer(bytes[at + 1L])
    if (marker == 0xff) {
      at <- at + 1L # a fill byte
    } else if (marker >= 0xc0 && marker <= 0xcf && !marker %in% c(0xc4, 0xc8, 0xcc)) {
      return(c(number(at + 5L), number(at + 7L)))
    } else {
      at <- at + 2L + number(at + 2L)
    }
  }
  NULL
}

# H x W integers, alpha << 24 | blue << 16 | green << 8 | red, row after row: the
# 8-bit values as the file stores them, in a sixth of the memory of R's numbers.
decode <- function(bytes) {
  tryCatch(
    if (is_png(bytes)) {
      if (!is_whole_png(bytes)) stop("cut off") # readPNG would write beyond its memory, and R would die
      suppressWarnings(png::readPNG(bytes, native = TRUE)) # it warns that 16 bits become 8
    } else {
      # libjpeg would fill what is missing of a file that was cut off with grey.
      if (length(grepRaw(JPEG_END, bytes, fixed = TRUE)) == 0) stop("cut off")
      jpeg::readJPEG(bytes, native = TRUE)
    },
    error = function(e) stop(failures$undecodable)
  )
}

JPEG_END <- as.raw(c(0xff, 0xd9))
PNG_END <- charToRaw("IEND")

# Goes from chunk to chunk to the last one: each is a length, a name, so much content and a checksum.
is_whole_png <- function(bytes) {
  at <- 9
  while (at + 11 <= length(bytes)) {
    if (identical(bytes[at + 4:7], PNG_END)) return(TRUE)
    at <- at + 12 + sum(as.integer(bytes[at + 0:3]) * 256^(3:0))
  }
  FALSE
}

# Nearest neighbour: destination (r, c) takes source (floor(r H / height), floor(c W / width)).
sample_pixels <- function(image, input) {
  height <- input$height
  width <- input$width
  rows <- (0:(height - 1L) * nrow(image)) %/% height
  columns <- (0:(width - 1L) * ncol(image)) %/% width
  values <- values_at(image, rows, columns, input$channels)
  in_layout(vapply(seq_len(input$channels), function(k) input$normal[values[, k] + 1L, k], double(height * width)), input)
}

# Bilinear between pixel centres: destination r takes (r + 1/2) H / height - 1/2, held to the image.
interpolate_pixels <- function(image, input) {
  y <- between(input$height, nrow(image))
  x <- between(input$width, ncol(image))
  mix <- function(rows) {
    left <- values_at(image, rows, x$first, input$channels)
    right <- values_at(image, rows, x$second, input$channels)
    left * (1 - x$part) + right * x$part # recycled: columns go fastest
  }
  down <- rep(y$part, each = input$width)
  values <- mix(y$first) * (1 - down) + mix(y$second) * down
  in_layout(sweep(sweep(values, 2, unlist(input$offset), "+"), 2, unlist(input$scale), "*"), input)
}

# For each of `count` positions the two neighbours, from 0, and how far it is from the first.
between <- function(count, there) {
  at <- pmin(pmax((seq_len(count) - 0.5) * there / count - 0.5, 0), there - 1)
  first <- floor(at)
  list(first = first, second = pmin(first + 1, there - 1), part = at - first)
}

# The values of the pixels in those rows and columns, from 0: one row a pixel, along the image's rows, one
# column a channel.
values_at <- function(image, rows, columns, channels) {
  picked <- unclass(image)[rep(rows * ncol(image), each = length(columns)) + columns + 1L]
  picked[is.na(picked)] <- 0L # black with alpha 128 is R's NA
  red <- bitwAnd(picked, 255L)
  green <- bitwAnd(picked, 65280L) %/% 256L
  blue <- bitwAnd(picked, 16711680L) %/% 65536L
  if (channels == 1L) cbind(luma(red, green, blue)) else cbind(red, green, blue)
}

in_layout <- function(planes, input) if (input$layout == "NHWC") as.vector(t(planes)) else as.vector(planes)

# BT.601, with OpenCV's coefficients: 0.299, 0.587 and 0.114 in 2^-15, which sum to 1.
luma <- function(red, green, blue) (9798L * red + 19235L * green + 3735L * blue + 16384L) %/% 32768L
