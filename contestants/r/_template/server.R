# The model behind template-name.
for (file in list.files("../_predictor", "[.]R$", full.names = TRUE)) source(file)

starting(function() {
  respond <- function(body, status = 200L, allow = NULL) {
    list(status = status, headers = c(list("Content-Type" = "application/json"), Allow = allow), body = body)
  }
  refuse <- function(error, allow = NULL) {
    failure <- failure_of(error)
    respond(failure_body(failure), failure$status, allow)
  }

  serve(function(predictor) {
    upload <- function(req) {
      req$bodyRaw <- req$rook.input$read()
      uploaded_image(req, predictor$max_body_bytes)
    }
    answer <- function(req) {
      switch(paste(req$REQUEST_METHOD, req$PATH_INFO),
        "GET /" = respond(predictor$predict_test_image()),
        "POST /" = respond(predictor$predict(upload(req))),
        "GET /healthz" = respond('{"status":"ok"}'),
        switch(req$PATH_INFO,
          "/" = refuse(failures$method_not_allowed, "GET, POST"),
          "/healthz" = refuse(failures$method_not_allowed, "GET"),
          refuse(failures$not_found)
        )
      )
    }
    list(call = function(req) tryCatch(answer(req), error = refuse))
  })
})
