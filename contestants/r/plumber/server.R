# The model behind plumber.
for (file in list.files("../_predictor", "[.]R$", full.names = TRUE)) source(file)

starting(function() {
  library(plumber)
  # A path that has other methods is told from one that has none below.
  options(plumber.methodNotAllowed = FALSE)

  serve(function(predictor) {
    refuse <- function(req, res, error) {
      failure <- failure_of(error)
      res$status <- failure$status
      failure_body(failure)
    }
    pr() |>
      # The answers are JSON already.
      pr_set_serializer(serializer_text(type = "application/json")) |>
      pr_get("/", function() predictor$predict_test_image()) |>
      # parsers: none, the body stays as it came (the parser "none" of plumber 1.2 has a broken pattern).
      pr_post("/", function(req) predictor$predict(uploaded_image(req, predictor$max_body_bytes)), parsers = character()) |>
      pr_get("/healthz", function() '{"status":"ok"}') |>
      pr_set_404(function(req, res) {
        known <- req$PATH_INFO %in% c("/", "/healthz")
        refuse(req, res, if (known) failures$method_not_allowed else failures$not_found)
      }) |>
      pr_set_error(refuse)
  })
})
