# Rscript --vanilla predictor_test.R, in this folder. Silent where all is well.
for (file in list.files("..", "[.]R$", full.names = TRUE)) source(file)

input <- function(layout, channels, resize = "nearest") {
  list(
    height = 2L, width = 3L, layout = layout, channels = channels, resize = resize,
    normal = matrix(0:255, 256, channels), offset = as.list(rep(1, channels)), scale = as.list(rep(2, channels))
  )
}
status <- function(expression) tryCatch({ expression; 200L }, failure = function(f) f$status)
as_png <- function(values, ...) png::writePNG(array(values, c(...)) / 255, raw())

# luma is BT.601, rounded to the nearest
rgb <- expand.grid(seq(0L, 255L, 5L), 0:255, seq(0L, 255L, 3L))
exact <- 0.299 * rgb[[1]] + 0.587 * rgb[[2]] + 0.114 * rgb[[3]]
stopifnot(max(abs(luma(rgb[[1]], rgb[[2]], rgb[[3]]) - exact)) <= 0.51)

# nearest neighbour takes the floored pixel: of 5 x 7 the rows 0, 2 and the columns 0, 2, 4
grid <- as_png(outer(10 * 0:4, 0:6, "+"), 5, 7)
stopifnot(pixels_of(grid, input("NHWC", 1L)) == c(0, 2, 4, 20, 22, 24))

# bilinear mixes the neighbours: of 4 x 6 the rows 0 and 1, 2 and 3, the columns 0 and 1, 2 and 3, 4 and 5
even <- as_png(outer(10 * 0:3, 0:5, "+"), 4, 6)
stopifnot(abs(pixels_of(even, input("NHWC", 1L, "bilinear")) - c(13, 17, 21, 53, 57, 61)) < 1e-12)

# alpha is dropped, also where black with alpha 128 is R's NA
rgba <- as_png(c(rep(0, 3 * 6), rep(128, 6)), 2, 3, 4)
stopifnot(pixels_of(rgba, input("NHWC", 1L)) == 0)

# colour models, both layouts
colour <- as_png(c(outer(c(0, 3), 0:2, "+"), 10 + outer(c(0, 3), 0:2, "+"), 20 + outer(c(0, 3), 0:2, "+")), 2, 3, 3)
stopifnot(
  pixels_of(colour, input("NHWC", 3L))[1:6] == c(0, 10, 20, 1, 11, 21),
  pixels_of(colour, input("NCHW", 3L)) == c(0:5, 10:15, 20:25)
)

# what cannot be decoded is refused, what is too large before it is decoded
jpeg_bytes <- jpeg::writeJPEG(matrix(0.5, 30, 30), raw())
stopifnot(
  size_of(jpeg_bytes) == c(30, 30),
  status(pixels_of(charToRaw("hello"), input("NHWC", 1L))) == 422,
  status(pixels_of(head(grid, -20), input("NHWC", 1L))) == 422,
  status(pixels_of(head(jpeg_bytes, -20), input("NHWC", 1L))) == 422,
  status(pixels_of(as_png(0, 1, 4097), input("NHWC", 1L))) == 422,
  as_float32(0.1) != 0.1
)

# multipart: the boundary counts at the start of a line only
form <- function(boundary, headers) {
  c(charToRaw(sprintf("--%s\r\n%s\r\n\r\n", boundary, headers)), as.raw(c(1, 0x62, 2)), charToRaw(sprintf("\r\n--%s--\r\n", boundary)))
}
file <- 'Content-Disposition: form-data; name="image"; filename="b.png"'
type <- "multipart/form-data; boundary=b"
stopifnot(
  form_file(form("b", file), type) == as.raw(c(1, 0x62, 2)),
  form_file(form("b", file), 'multipart/form-data; boundary="b"') == as.raw(c(1, 0x62, 2)),
  status(form_file(form("b", 'Content-Disposition: form-data; name="image"'), type)) == 400,
  status(form_file(head(form("b", file), -4), type)) == 400,
  status(form_file(raw(), type)) == 400
)

# a PNG that was cut off anywhere is refused, and ends nothing
for (length in seq(1, length(grid) - 5, 3)) stopifnot(status(pixels_of(grid[seq_len(length)], input("NHWC", 1L))) == 422L)
