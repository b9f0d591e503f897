# Reads names of JPEG files, one a line, and writes their luma planes one after the other: RGB, BT.601, rounded.
names <- readLines(file("stdin"))
out <- pipe("cat", "wb")
for (name in names) {
  image <- jpeg::readJPEG(name)
  if (length(dim(image)) == 2) {
    plane <- round(image * 255)
  } else {
    rgb <- round(image * 255)
    plane <- (299 * rgb[, , 1] + 587 * rgb[, , 2] + 114 * rgb[, , 3] + 500) %/% 1000
  }
  writeBin(as.raw(t(plane)), out) # R goes down the columns, the planes along the rows
}
close(out)
