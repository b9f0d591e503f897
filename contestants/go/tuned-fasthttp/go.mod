module servemark/tuned-fasthttp

go 1.26.0

require (
	github.com/klauspost/compress v1.20.3
	github.com/valyala/fasthttp v1.77.0
	servemark/predictor v0.0.0
)

require (
	github.com/molecule-man/go-brrr v1.3.0 // indirect
	github.com/valyala/bytebufferpool v1.0.0 // indirect
	github.com/yalue/onnxruntime_go v1.27.0 // indirect
)

replace servemark/predictor => ../_predictor
