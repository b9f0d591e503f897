// The model behind Echo.
package main

import (
	"net/http"

	"github.com/labstack/echo/v5"
	"github.com/labstack/echo/v5/middleware"

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
	e := echo.New()
	e.HTTPErrorHandler = func(c *echo.Context, err error) { respond(p, c, predictor.Answer{}, contracted(err)) }
	e.Use(middleware.Recover())

	e.GET("/", func(c *echo.Context) error {
		answer, err := p.PredictTestImage()
		return respond(p, c, answer, err)
	})
	e.POST("/", func(c *echo.Context) error {
		image, err := p.Upload(c.Response(), c.Request())
		if err != nil {
			return err
		}
		answer, err := p.Predict(image)
		return respond(p, c, answer, err)
	})
	e.GET("/healthz", func(c *echo.Context) error {
		return c.JSONBlob(http.StatusOK, []byte(predictor.Health))
	})
	return e
}

func respond(p *predictor.Predictor, c *echo.Context, answer predictor.Answer, err error) error {
	status, body := p.Body(answer, err)
	return c.JSONBlob(status, body)
}

// contracted puts the router's own errors into the contract's words.
func contracted(err error) error {
	switch echo.StatusCode(err) {
	case http.StatusNotFound:
		return predictor.ErrNotFound
	case http.StatusMethodNotAllowed:
		return predictor.ErrMethodNotAllowed
	}
	return err
}
