package main

import (
	"runtime"
	"sync"

	"servemark/predictor"
)

const mostImages = 32 // in a batch: more gain little, and the first waits for the last

// batcher joins the images that wait at the same time into one run of ONNX
// Runtime, and nobody waits for a timer: one image on an idle server.
type batcher struct {
	*predictor.Predictor
	lock    sync.Mutex
	waiting []*asker
}

// asker waits for the answer to one image.
type asker struct {
	input  []float32
	answer predictor.Answer
	err    error
	done   chan struct{}
}

// Predict takes the place of the predictor's.
func (b *batcher) Predict(image []byte) (predictor.Answer, error) {
	if !b.TakesBatches() {
		return b.Predictor.Predict(image)
	}
	input, err := b.Values(image)
	if err != nil {
		return predictor.Answer{}, err
	}
	one := &asker{input: input, done: make(chan struct{})}
	switch b.push(one) {
	case 1:
		runtime.Gosched() // the others that can go on come first
		b.run()
	case mostImages:
		b.run()
	}
	<-one.done
	return one.answer, one.err
}

// push gives how many wait now.
func (b *batcher) push(one *asker) int {
	b.lock.Lock()
	defer b.lock.Unlock()
	b.waiting = append(b.waiting, one)
	return len(b.waiting)
}

func (b *batcher) run() {
	b.lock.Lock()
	waiting := b.waiting
	b.waiting = nil
	b.lock.Unlock()
	if len(waiting) == 0 {
		return // a full batch did not wait for this turn
	}
	inputs := make([][]float32, len(waiting))
	for i, one := range waiting {
		inputs[i] = one.input
	}
	answers, err := b.PredictAll(inputs)
	for i, one := range waiting {
		if one.err = err; err == nil {
			one.answer = answers[i]
		}
		close(one.done)
	}
}
