package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"servemark/predictor"
)

const (
	formType = "multipart/form-data; boundary=a-boundary"
	aFile    = `Content-Disposition: form-data; name="image"; filename="a.png"`
	aText    = `Content-Disposition: form-data; name="image"`
	another  = `Content-Disposition: form-data; name="other"; filename="a.png"`
)

type part struct{ headers, content string }

func form(parts ...part) []byte {
	var body bytes.Buffer
	for _, p := range parts {
		fmt.Fprintf(&body, "--a-boundary\r\n%s\r\n\r\n%s\r\n", p.headers, p.content)
	}
	body.WriteString("--a-boundary--\r\n")
	return body.Bytes()
}

func finds(t *testing.T, name, contentType string, body []byte, want string) {
	t.Helper()
	if got, err := findImage(contentType, body); err != nil || string(got) != want {
		t.Errorf("%s: %q, %v, want %q", name, got, err, want)
	}
}

func fails(t *testing.T, name, contentType string, body []byte, want *predictor.Failure) {
	t.Helper()
	if got, err := findImage(contentType, body); err != want {
		t.Errorf("%s: %q, %v, want %v", name, got, err, want)
	}
}

func TestAnyContentComesBackWholeWhereverItsPartStands(t *testing.T) {
	// Every three pieces of what could be taken for the end of a part.
	pieces := []string{"", "\r", "\n", "\r\n", "--", "\r\n--a-boundar", "\r\n\r\n", "\x00\xff"}
	for _, first := range pieces {
		for _, second := range pieces {
			for _, third := range pieces {
				content := first + second + third
				parts := []part{{aText, "!"}, {another, content}, {aFile, content}}
				for range parts {
					parts = append(parts[1:], parts[0])
					finds(t, "rotated", formType, form(parts...), content)
				}
			}
		}
	}
}

func TestTheFirstOfTwoFilesIsTaken(t *testing.T) {
	finds(t, "two", formType, form(part{aFile, "1"}, part{aFile, "2"}), "1")
	finds(t, "the first is empty", formType, form(part{aFile, ""}, part{aFile, "2"}), "")
}

func TestAFormThatBreaksOffIsRefused(t *testing.T) {
	whole := form(part{aFile, "\r\n!"}, part{another, "!"})
	for end := range len(whole) - len("--\r\n") {
		fails(t, fmt.Sprintf("cut at %d", end), formType, whole[:end], predictor.ErrMultipart)
	}
}

func TestWhatIsNotTheFileOfTheFieldIsNotTakenForIt(t *testing.T) {
	for _, headers := range []string{
		aText,
		another,
		`Content-Disposition: attachment; name="image"; filename="a.png"`,
		`Content-Disposition: form-data; filename="image"`,
		`Content-Disposition: form-data; xname="image"; filename="a.png"`,
		`Content-Disposition: form-data; name="x\"; name=\"image"; filename="a.png"`,
		"Content-Disposition:",
		`X-Content-Disposition: form-data; name="image"; filename="a.png"`,
		"Content-Type: image/png",
	} {
		fails(t, headers, formType, form(part{headers, "!"}), predictor.ErrNoImage)
	}
	fails(t, "no headers", formType, []byte("--a-boundary\r\n\r\n!\r\n--a-boundary--"), predictor.ErrNoImage)
	fails(t, "no parts", formType, []byte("--a-boundary--"), predictor.ErrNoImage)
}

func TestTheWaysToWriteADisposition(t *testing.T) {
	for _, headers := range []string{
		"content-disposition:form-data;name=image;filename=a.png",
		"Content-Type: image/png\r\nContent-Disposition: form-data; filename=\"\"; name=\"image\"",
		`Content-Disposition: form-data; name="image"; filename*=UTF-8''%e2%82%ac.png`,
		`Content-Disposition: form-data; name="image"; filename="a;b=c.png"`,
		`Content-Disposition: form-data; name="image"; filename="a\"b.png"`,
		`Content-Disposition: form-data; name="image"; filename="é.png"`,
	} {
		finds(t, headers, formType, form(part{headers, "!"}), "!")
	}
}

func TestHeadersThatAreNoneAreRefused(t *testing.T) {
	for _, headers := range []string{
		"no colon",
		`Content-Disposition: form-data; name="image"; filename="a.png`,
		`Content-Disposition: form-data; name="image" filename="a.png"`,
		"X: " + strings.Repeat("x", mostHeaderBytes) + "\r\n" + aFile,
	} {
		fails(t, headers, formType, form(part{headers, "!"}), predictor.ErrMultipart)
	}
}

func TestABoundaryThatIsNotTheBodysIsRefused(t *testing.T) {
	body := form(part{aFile, "!"})
	for _, parameters := range []string{"", ";", "; boundary=", `; boundary=""`, "; boundary=b", "; charset=utf-8"} {
		fails(t, parameters, "multipart/form-data"+parameters, body, predictor.ErrMultipart)
	}
	long := strings.Repeat("b", mostBoundaryBytes+1)
	body = bytes.ReplaceAll(body, []byte("a-boundary"), []byte(long))
	fails(t, "long", "multipart/form-data; boundary="+long, body, predictor.ErrMultipart)
	fails(t, "one that goes on", formType, form(part{aFile, "!\r\n--a-boundary2\r\n"}), predictor.ErrMultipart)
}

func TestAQuotedBoundaryAfterOtherParameters(t *testing.T) {
	contentType := `multipart/form-data; charset=utf-8; Boundary="a-boundary"`
	finds(t, contentType, contentType, form(part{aFile, "!"}), "!")
}

func TestAPartWithoutABlankLineDoesNotBorrowTheNextOnes(t *testing.T) {
	body := append([]byte("--a-boundary\r\n"+aFile+"\r\n"), form(part{another, "!"})...)
	fails(t, "borrowed", formType, body, predictor.ErrMultipart)
}
