# Nothing is built: the sources are run as they are, with Debian's packages. For reports: what there is, by name.
set -eu
Rscript --vanilla -e '
    names <- c("plumber", "httpuv", "jpeg", "png")
    versions <- c(R = paste(R.version$major, R.version$minor, sep = "."), sapply(names, function(n) as.character(packageVersion(n))))
    cat("{", paste0("\"", names(versions), "\": \"", versions, "\"", collapse = ", "), "}\n", sep = "")
' > "$1/versions.json"
# What the installed size counts, as nothing of it is in the environment: the package that the contestant is named after,
# those of the predictor and those that they import, without the ones that are part of R.
Rscript --vanilla -e '
    known <- installed.packages()
    names <- intersect(c(basename(getwd()), "httpuv", "jpeg", "png", "jsonlite"), rownames(known))
    names <- c(names, unlist(tools::package_dependencies(names, known, c("Depends", "Imports"), recursive = TRUE)))
    writeLines(find.package(setdiff(names, rownames(known)[!is.na(known[, "Priority"])])))
' > "$1/installed.txt"
