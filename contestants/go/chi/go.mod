module servemark/chi

go 1.25

require (
	github.com/go-chi/chi/v5 v5.5.0
	servemark/predictor v0.0.0
)

require github.com/yalue/onnxruntime_go v1.27.0 // indirect

replace servemark/predictor => ../_predictor
