// The model behind chi.
package main

import (
	"io"
	"net/http"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

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
	r := chi.NewRouter()
	r.Use(middleware.Recoverer)
	r.Get("/", func(w http.ResponseWriter, r *http.Request) {
		answer, err := p.PredictTestImage()
		p.Reply(w, answer, err)
	})
	r.Post("/", func(w http.ResponseWriter, r *http.Request) {
		image, err := p.Upload(w, r)
		if err != nil {
			p.Reply(w, predictor.Answer{}, err)
			return
		}
		answer, err := p.Predict(image)
		p.Reply(w, answer, err)
	})
	r.Get("/healthz", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, predictor.Health)
	})
	r.NotFound(func(w http.ResponseWriter, r *http.Request) {
		p.Reply(w, predictor.Answer{}, predictor.ErrNotFound)
	})
	r.MethodNotAllowed(func(w http.ResponseWriter, request *http.Request) {
		for _, method := range []string{http.MethodGet, http.MethodPost} { // only chi's own handler gives Allow
			if r.Match(chi.NewRouteContext(), method, request.URL.Path) {
				w.Header().Add("Allow", method)
			}
		}
		p.Reply(w, predictor.Answer{}, predictor.ErrMethodNotAllowed)
	})
	return r
}
