package predictor

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

// What the contestants built on net/http share.

// Upload takes the image out of a POST, whichever way it was sent. An error is
// a *Failure.
func (p *Predictor) Upload(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength > p.MaxBodyBytes { // refused before "100 Continue" invites the body
		return nil, ErrTooLarge
	}
	r.Body = http.MaxBytesReader(w, r.Body, p.MaxBodyBytes)
	mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	var image []byte
	var err error
	switch mediaType {
	case "multipart/form-data":
		image, err = formFile(r)
	case "image/jpeg", "image/png", "application/octet-stream":
		image, err = readAll(r.Body, r.ContentLength, ErrBody)
	default:
		err = ErrUnsupported
	}
	if err == nil && len(image) == 0 {
		err = ErrEmpty
	}
	return image, err
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

// Serve listens and serves until SIGTERM or SIGINT, then lets the requests in
// flight finish.
func (p *Predictor) Serve(handler http.Handler) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
	}
	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	listener, err := net.Listen("tcp", p.Address)
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-stop.Done():
	}
	// Shorter than the 5 s that the contract gives: Shutdown would also wait
	// for connections on which nothing has been asked yet.
	deadline, cancel := context.WithTimeout(context.Background(), 4*time.Second)
	defer cancel()
	if err := server.Shutdown(deadline); err != nil {
		return server.Close()
	}
	return nil
}
