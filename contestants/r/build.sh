# Nothing is built: the sources are run as they are, with Debian's packages. For reports: what there is, by name.
set -eu
Rscript --vanilla -e '
    names <- c("plumber", "httpuv", "jpeg", "png")
    versions <- c(R = paste(R.version$major, R.version$minor, sep = "."), sapply(names, function(n) as.character(packageVersion(n))))
    cat("{", paste0("\"", names(versions), "\": \"", versions, "\"", collapse = ", "), "}\n", sep = "")
' > "$1/versions.json"
