// The model behind fasthttp.
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
	server := &fasthttp.Server{
		Handler:               routes(p),
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

func routes(p *predictor.Predictor) fasthttp.RequestHandler {
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
		respond(p, c, answer, err)
	}
}

// upload takes the image out of the body. It is valid until the handler returns.
func upload(c *fasthttp.RequestCtx) ([]byte, error) {
	if len(c.Request.Header.ContentEncoding()) > 0 {
		return nil, predictor.ErrUnsupported // FormFile would unpack gzip without a limit
	}
	switch predictor.SentAs(string(c.Request.Header.ContentType())) {
	case predictor.Form:
		file, err := c.FormFile("image")
		if errors.Is(err, fasthttp.ErrMissingFile) {
			return nil, predictor.ErrNoImage
		} else if err != nil {
			return nil, predictor.ErrMultipart
		}
		return predictor.Content(file)
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
