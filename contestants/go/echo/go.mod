module servemark/echo

go 1.25.0

require (
	github.com/labstack/echo/v5 v5.4.4
	servemark/predictor v0.0.0
)

require (
	github.com/yalue/onnxruntime_go v1.27.0 // indirect
	golang.org/x/time v0.15.0 // indirect
)

replace servemark/predictor => ../_predictor
