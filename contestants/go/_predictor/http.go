package predictor

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

// Sent is how the body of a POST carries the image.
type Sent int

const (
	Unsupported Sent = iota
	Form             // multipart/form-data
	Raw              // the image and nothing else
)

// SentAs tells it from the Content-Type header.
func SentAs(contentType string) Sent {
	mediaType, _, _ := mime.ParseMediaType(contentType)
	switch mediaType {
	case "multipart/form-data":
		return Form
	case "image/jpeg", "image/png", "application/octet-stream":
		return Raw
	}
	return Unsupported
}

// Upload takes the image out of a POST to net/http, whichever way it was sent.
// An error is a *Failure.
func (p *Predictor) Upload(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength > p.MaxBodyBytes { // refused before "100 Continue" invites the body
		return nil, ErrTooLarge
	}
	r.Body = http.MaxBytesReader(w, r.Body, p.MaxBodyBytes)
	switch SentAs(r.Header.Get("Content-Type")) {
	case Form:
		return formFile(r)
	case Raw:
		return readAll(r.Body, r.ContentLength, ErrBody)
	}
	return nil, ErrUnsupported
}

// formFile reads the form part by part, without r.FormFile's temporary files.
func formFile(r *http.Request) (image []byte, err error) {
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, ErrMultipart
	}
	found := false
	for {
		part, err := parts.NextPart()
		if err == io.EOF { // bare at the end, wrapped where the body was cut off
			break
		}
		if err != nil {
			return nil, bodyFailure(err, ErrMultipart)
		}
		if found || part.FormName() != "image" || part.FileName() == "" {
			continue // the next NextPart skips it
		}
		if image, err = readAll(part, r.ContentLength, ErrMultipart); err != nil {
			return nil, err
		}
		found = true
	}
	if _, err := io.Copy(io.Discard, r.Body); err != nil { // what follows the last part counts too
		return nil, bodyFailure(err, ErrMultipart)
	}
	if !found {
		return nil, ErrNoImage
	}
	return image, nil
}

// Content is the file of a form that a framework has parsed.
func Content(header *multipart.FileHeader) ([]byte, error) {
	file, err := header.Open()
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readAll(file, header.Size, ErrMultipart)
}

// readAll reads to the end, into a buffer made for the size if it is known.
func readAll(from io.Reader, size int64, otherwise *Failure) ([]byte, error) {
	var buffer bytes.Buffer
	if size > 0 {
		buffer.Grow(int(size) + bytes.MinRead)
	}
	if _, err := buffer.ReadFrom(from); err != nil {
		return nil, bodyFailure(err, otherwise)
	}
	return buffer.Bytes(), nil
}

func bodyFailure(err error, otherwise *Failure) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return ErrTooLarge
	}
	return otherwise
}

// Reply writes the answer or, where err is not nil, the failure.
func (p *Predictor) Reply(w http.ResponseWriter, answer Answer, err error) {
	status, body := p.Body(answer, err)
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	w.Write(body)
}

// Serve listens with net/http and serves until it is stopped.
func (p *Predictor) Serve(handler http.Handler) error {
	server := &http.Server{
		Addr:              p.Address,
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
	}
	return Run(server.ListenAndServe, server.Shutdown)
}

// Run serves until SIGTERM or SIGINT, then lets the requests in flight finish.
// An error is why serve could not.
func Run(serve func() error, shutdown func(context.Context) error) error {
	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	failed := make(chan error, 1)
	go func() { failed <- serve() }()
	select {
	case err := <-failed:
		return err
	case <-stop.Done():
	}
	// Shorter than the 5 s that the contract gives: servers also wait for
	// connections on which nothing has been asked yet. They end with the process.
	deadline, cancel := context.WithTimeout(context.Background(), 4*time.Second)
	defer cancel()
	shutdown(deadline)
	return nil
}
