// The model behind Fiber.
package main

import (
	"errors"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/recover"
	"github.com/valyala/fasthttp"

	"servemark/predictor"
)

func main() {
	p, err := predictor.Open()
	if err != nil {
		predictor.Exit(err)
	}
	app := routes(p)
	app.Server().CloseOnShutdown = true // tell clients that keep a connection alive
	serve := func() error {
		return app.Listen(p.Address, fiber.ListenConfig{ListenerNetwork: fiber.NetworkTCP, DisableStartupMessage: true})
	}
	if err := predictor.Run(serve, app.ShutdownWithContext); err != nil {
		predictor.Exit(err)
	}
}

func routes(p *predictor.Predictor) *fiber.App {
	app := fiber.New(fiber.Config{
		ErrorHandler:  func(c fiber.Ctx, err error) error { return respond(p, c, predictor.Answer{}, contracted(err)) },
		StrictRouting: true,
		BodyLimit:     int(p.MaxBodyBytes),
		ReadTimeout:   30 * time.Second,
		WriteTimeout:  30 * time.Second,
		IdleTimeout:   2 * time.Minute,
		// The limit is then one for the whole body, and what a form lacks is the handler's to say.
		DisablePreParseMultipartForm: true,
	})
	app.Use(recover.New())
	app.Get("/", func(c fiber.Ctx) error {
		answer, err := p.PredictTestImage()
		return respond(p, c, answer, err)
	})
	app.Post("/", func(c fiber.Ctx) error {
		image, err := upload(c)
		if err != nil {
			return err
		}
		answer, err := p.Predict(image)
		return respond(p, c, answer, err)
	})
	app.Get("/healthz", func(c fiber.Ctx) error {
		return c.Type("json").SendString(predictor.Health)
	})
	return app
}

// upload takes the image out of the body. It is valid until the handler returns.
func upload(c fiber.Ctx) ([]byte, error) {
	if c.Get(fiber.HeaderContentEncoding) != "" {
		return nil, predictor.ErrUnsupported // FormFile would unpack gzip without a limit
	}
	switch predictor.SentAs(c.Get(fiber.HeaderContentType)) {
	case predictor.Form:
		file, err := c.FormFile("image")
		if errors.Is(err, fasthttp.ErrMissingFile) {
			return nil, predictor.ErrNoImage
		} else if err != nil {
			return nil, predictor.ErrMultipart
		}
		return predictor.Content(file)
	case predictor.Raw:
		return c.BodyRaw(), nil
	}
	return nil, predictor.ErrUnsupported
}

func respond(p *predictor.Predictor, c fiber.Ctx, answer predictor.Answer, err error) error {
	status, body := p.Body(answer, err)
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.Status(status).Send(body)
}

// contracted puts Fiber's own errors into the contract's words.
func contracted(err error) error {
	var own *fiber.Error
	if !errors.As(err, &own) {
		return err
	}
	switch own.Code {
	case fiber.StatusNotFound:
		return predictor.ErrNotFound
	case fiber.StatusMethodNotAllowed:
		return predictor.ErrMethodNotAllowed
	case fiber.StatusRequestEntityTooLarge:
		return predictor.ErrTooLarge
	case fiber.StatusBadRequest:
		return predictor.ErrBody
	case fiber.StatusRequestHeaderFieldsTooLarge:
		return &predictor.Failure{Status: own.Code, Message: "The request's head is too large."}
	}
	return err
}
