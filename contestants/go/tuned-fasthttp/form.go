package main

import (
	"bytes"
	"mime"

	"servemark/predictor"
)

const (
	mostBoundaryBytes = 70   // RFC 2046, 5.1.1
	mostHeaderBytes   = 8192 // of one part
)

// findImage gives the first file of the field "image" in a multipart form (RFC
// 7578), as it lies in the body: nothing is copied. An error is a *Failure.
func findImage(contentType string, body []byte) ([]byte, error) {
	_, parameters, err := mime.ParseMediaType(contentType)
	boundary := parameters["boundary"]
	if err != nil || boundary == "" || len(boundary) > mostBoundaryBytes {
		return nil, predictor.ErrMultipart
	}
	delimiter := []byte("\r\n--" + boundary)
	rest, ok := bytes.CutPrefix(body, delimiter[2:])
	if !ok {
		return nil, predictor.ErrMultipart
	}
	var image []byte
	for !bytes.HasPrefix(rest, []byte("--")) {
		// Of a part without headers, the first line break also belongs to the blank line.
		part, after, whole := bytes.Cut(rest, delimiter)
		headers, content, headed := bytes.Cut(part, []byte("\r\n\r\n"))
		if !whole || !headed || !bytes.HasPrefix(part, []byte("\r\n")) || len(headers) > mostHeaderBytes {
			return nil, predictor.ErrMultipart
		}
		isImage, ok := hasImage(headers)
		if !ok {
			return nil, predictor.ErrMultipart
		}
		if isImage && image == nil {
			image = content
		}
		rest = after
	}
	if image == nil {
		return nil, predictor.ErrNoImage
	}
	return image, nil
}

// hasImage tells whether a part with those headers is a file of the field; not
// ok if they are no headers.
func hasImage(headers []byte) (found, ok bool) {
	disposition := ""
	for line := range bytes.SplitSeq(headers, []byte("\r\n")) {
		if len(line) == 0 {
			continue
		}
		name, value, headed := bytes.Cut(line, []byte(":"))
		if !headed {
			return false, false
		}
		if disposition == "" && bytes.EqualFold(name, []byte("Content-Disposition")) {
			disposition = string(value)
		}
	}
	if len(bytes.TrimSpace([]byte(disposition))) == 0 {
		return false, true
	}
	kind, parameters, err := mime.ParseMediaType(disposition)
	_, isFile := parameters["filename"] // and filename*
	return isFile && kind == "form-data" && parameters["name"] == "image", err == nil
}
