// The model behind fasthttp, tuned: decoders leave out what the model does not
// take, the form is searched in place, and what waits is inferred at once.
package main

import (
	"errors"
	"io"
	"log"
	"time"

	"github.com/valyala/fasthttp"

	"servemark/predictor"
)

func main() {
	p, err := predictor.Open()
	if err != nil {
		predictor.Exit(err)
	}
	if height, width, channels, nearest := p.Input(); nearest {
		p.Decoder = newSampler(height, width, channels).decode
	}
	server := &fasthttp.Server{
		Handler:               routes(&batcher{Predictor: p}),
		ErrorHandler:          func(c *fasthttp.RequestCtx, err error) { respond(p, c, predictor.Answer{}, unreadable(err)) },
		MaxRequestBodySize:    int(p.MaxBodyBytes),
		ReadTimeout:           30 * time.Second,
		WriteTimeout:          30 * time.Second,
		IdleTimeout:           2 * time.Minute,
		CloseOnShutdown:       true, // tell clients that keep a connection alive
		NoDefaultServerHeader: true,
		Logger:                log.New(io.Discard, "", 0), // it would log every request that is refused
		// The limit is then one for the whole body, and what a form lacks is the handler's to say.
		DisablePreParseMultipartForm: true,
	}
	serve := func() error { return server.ListenAndServe(p.Address) }
	if err := predictor.Run(serve, server.ShutdownWithContext); err != nil {
		predictor.Exit(err)
	}
}

func routes(p *batcher) fasthttp.RequestHandler {
	return func(c *fasthttp.RequestCtx) {
		var answer predictor.Answer
		var err error
		switch path, method := string(c.Path()), string(c.Method()); {
		case path == "/" && method == fasthttp.MethodGet:
			answer, err = p.PredictTestImage()
		case path == "/" && method == fasthttp.MethodPost:
			var image []byte
			if image, err = upload(c); err == nil {
				answer, err = p.Predict(image)
			}
		case path == "/healthz" && method == fasthttp.MethodGet:
			c.SetContentType("application/json")
			c.SetBodyString(predictor.Health)
			return
		case path == "/":
			c.Response.Header.Set(fasthttp.HeaderAllow, "GET, POST")
			err = predictor.ErrMethodNotAllowed
		case path == "/healthz":
			c.Response.Header.Set(fasthttp.HeaderAllow, "GET")
			err = predictor.ErrMethodNotAllowed
		default:
			err = predictor.ErrNotFound
		}
		respond(p.Predictor, c, answer, err)
	}
}

// upload takes the image out of the body. It is valid until the handler returns.
func upload(c *fasthttp.RequestCtx) ([]byte, error) {
	if len(c.Request.Header.ContentEncoding()) > 0 {
		return nil, predictor.ErrUnsupported // nothing is unpacked
	}
	switch predictor.SentAs(string(c.Request.Header.ContentType())) {
	case predictor.Form:
		return findImage(string(c.Request.Header.ContentType()), c.PostBody())
	case predictor.Raw:
		return c.PostBody(), nil
	}
	return nil, predictor.ErrUnsupported
}

func respond(p *predictor.Predictor, c *fasthttp.RequestCtx, answer predictor.Answer, err error) {
	status, body := p.Body(answer, err)
	c.SetStatusCode(status)
	c.SetContentType("application/json")
	c.SetBody(body)
}

// unreadable says what to answer to a request that could not be read.
func unreadable(err error) error {
	if errors.Is(err, fasthttp.ErrBodyTooLarge) {
		return predictor.ErrTooLarge
	}
	return predictor.ErrBody
}
