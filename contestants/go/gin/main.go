// The model behind Gin.
package main

import (
	"net/http"

	"github.com/gin-gonic/gin"

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
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()                  // gin.Default would log every request
	router.HandleMethodNotAllowed = true // 405 with Allow, where 404 is the default
	router.RedirectTrailingSlash = false
	router.Use(gin.Recovery(), failures(p))

	respond := func(c *gin.Context, answer predictor.Answer, err error) {
		if err != nil {
			c.Error(err)
			return
		}
		status, body := p.Body(answer, nil)
		c.Data(status, gin.MIMEJSON, body)
	}
	router.GET("/", func(c *gin.Context) {
		answer, err := p.PredictTestImage()
		respond(c, answer, err)
	})
	router.POST("/", func(c *gin.Context) {
		image, err := p.Upload(c.Writer, c.Request)
		if err != nil {
			c.Error(err)
			return
		}
		answer, err := p.Predict(image)
		respond(c, answer, err)
	})
	router.GET("/healthz", func(c *gin.Context) {
		c.Data(http.StatusOK, gin.MIMEJSON, []byte(predictor.Health))
	})
	router.NoRoute(func(c *gin.Context) { c.Error(predictor.ErrNotFound) })
	router.NoMethod(func(c *gin.Context) { c.Error(predictor.ErrMethodNotAllowed) })
	return router
}

// failures answers for the error that a handler has left.
func failures(p *predictor.Predictor) gin.HandlerFunc {
	return func(c *gin.Context) {
		c.Next()
		if err := c.Errors.Last(); err != nil {
			status, body := p.Body(predictor.Answer{}, err.Err)
			c.Data(status, gin.MIMEJSON, body)
		}
	}
}
