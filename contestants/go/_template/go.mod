module servemark/template-name

go 1.25

require servemark/predictor v0.0.0

require github.com/yalue/onnxruntime_go v1.27.0 // indirect

replace servemark/predictor => ../_predictor
