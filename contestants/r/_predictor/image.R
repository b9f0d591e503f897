MAX_SIDE <- 4096 # pixels
PNG_MAGIC <- as.raw(c(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a))

# The model's input, a vector, for the bytes of a JPEG or PNG.
pixels_of <- function(bytes, input) {
  size <- size_of(bytes) # before any pixel is decoded
  if (any(size > MAX_SIDE)) stop(failures$too_many_pixels)
  sample_pixels(decode(bytes), input)
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

# Nearest neighbour: destination (r, c) takes source (floor(r H / height), floor(c W / width)).
sample_pixels <- function(image, input) {
  height <- input$height
  width <- input$width
  rows <- (0:(height - 1L) * nrow(image)) %/% height
  columns <- (0:(width - 1L) * ncol(image)) %/% width
  picked <- unclass(image)[rep(rows * ncol(image), each = width) + columns + 1L]
  picked[is.na(picked)] <- 0L # black with alpha 128 is R's NA
  red <- bitwAnd(picked, 255L)
  green <- bitwAnd(picked, 65280L) %/% 256L
  blue <- bitwAnd(picked, 16711680L) %/% 65536L
  if (input$channels == 1L) return(input$normal[luma(red, green, blue) + 1L, 1L])
  planes <- cbind(input$normal[red + 1L, 1L], input$normal[green + 1L, 2L], input$normal[blue + 1L, 3L])
  if (input$layout == "NHWC") as.vector(t(planes)) else as.vector(planes)
}

# BT.601, with OpenCV's coefficients: 0.299, 0.587 and 0.114 in 2^-15, which sum to 1.
luma <- function(red, green, blue) (9798L * red + 19235L * green + 3735L * blue + 16384L) %/% 32768L
