// The model behind template-name.
package main

import (
	"io"
	"net/http"

	"servemark/predictor"
)

func main() {
	p, err := predictor.Open()
	if err != nil {
		predictor.Exit(err)
	}
	if err := p.Serve(routes(p)); err != nil {
		predictor.Exit(err)
	}
}

func routes(p *predictor.Predictor) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		answer, err := p.PredictTestImage()
		p.Reply(w, answer, err)
	})
	mux.HandleFunc("POST /{$}", func(w http.ResponseWriter, r *http.Request) {
		image, err := p.Upload(w, r)
		if err != nil {
			p.Reply(w, predictor.Answer{}, err)
			return
		}
		answer, err := p.Predict(image)
		p.Reply(w, answer, err)
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, predictor.Health)
	})

	// ServeMux would answer these in plain text.
	refuse := func(failure *predictor.Failure, allow string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if allow != "" {
				w.Header().Set("Allow", allow)
			}
			p.Reply(w, predictor.Answer{}, failure)
		}
	}
	mux.HandleFunc("/{$}", refuse(predictor.ErrMethodNotAllowed, "GET, HEAD, POST"))
	mux.HandleFunc("/healthz", refuse(predictor.ErrMethodNotAllowed, "GET, HEAD"))
	mux.HandleFunc("/", refuse(predictor.ErrNotFound, ""))
	return mux
}
