//! The file in a multipart form (RFC 7578), found in the whole body; nothing is copied.

use std::ops::Range;

use memchr::memmem::find;
use predictor::Failure;

const HEADERS_END: &[u8] = b"\r\n\r\n";
const MOST_HEADER_BYTES: usize = 8192; // of one part
const MOST_BOUNDARY_BYTES: usize = 70; // RFC 2046, 5.1.1

/// Where in `body` the first file of the field `image` lies.
///
/// # Errors
/// `Failure::Multipart` for what is not a whole form with this type's boundary, `Failure::NoImage`
/// for a form without that file.
pub fn find_image(content_type: &str, body: &[u8]) -> Result<Range<usize>, Failure> {
    let delimiter = delimiter(content_type).ok_or(Failure::Multipart)?;
    if !body.starts_with(&delimiter[2..]) {
        return Err(Failure::Multipart);
    }
    let mut image = None;
    let mut at = delimiter.len() - 2; // after a boundary
    while body[at..].starts_with(b"\r\n") {
        let part = &body[at..];
        // Of a part without headers, the first line break also belongs to the blank line.
        let headers = &part[..part.len().min(MOST_HEADER_BYTES)];
        let headers_end = find(headers, HEADERS_END).ok_or(Failure::Multipart)?;
        let start = headers_end + HEADERS_END.len();
        let end = find(part, &delimiter).ok_or(Failure::Multipart)?;
        if end < start {
            return Err(Failure::Multipart); // the blank line is the next part's
        }
        let is_image = is_image(&part[..headers_end]).ok_or(Failure::Multipart)?;
        if is_image && image.is_none() {
            image = Some(at + start..at + end);
        }
        at += end + delimiter.len();
    }
    if !body[at..].starts_with(b"--") {
        return Err(Failure::Multipart);
    }
    image.ok_or(Failure::NoImage)
}

/// What ends a part: a line break, two dashes and the boundary.
fn delimiter(content_type: &str) -> Option<Vec<u8>> {
    let (_, parameters) = content_type.split_once(';')?;
    let parameters = Parameters { rest: parameters.as_bytes(), begun: true };
    let mut boundary = None;
    for parameter in parameters {
        let (name, value) = parameter?;
        if boundary.is_none() && name.eq_ignore_ascii_case(b"boundary") {
            boundary = Some(value);
        }
    }
    let boundary = boundary.filter(|found| (1..=MOST_BOUNDARY_BYTES).contains(&found.len()))?;
    Some([b"\r\n--", boundary].concat())
}

/// Whether a part with those headers is a file of the field; None if they are no headers.
fn is_image(headers: &[u8]) -> Option<bool> {
    let mut disposition = None;
    for line in lines(headers).filter(|line| !line.is_empty()) {
        let colon = line.iter().position(|&byte| byte == b':')?;
        if disposition.is_none() && line[..colon].eq_ignore_ascii_case(b"content-disposition") {
            disposition = Some(&line[colon + 1..]);
        }
    }
    let Some(disposition) = disposition else { return Some(false) };
    let kind = disposition.split(|&byte| byte == b';').next()?;
    if !kind.trim_ascii().eq_ignore_ascii_case(b"form-data") {
        return Some(false);
    }
    let (mut is_named, mut is_file) = (None, false);
    for parameter in (Parameters { rest: &disposition[kind.len()..], begun: false }) {
        let (name, value) = parameter?;
        if name.eq_ignore_ascii_case(b"name") {
            is_named.get_or_insert(value == b"image");
        }
        is_file |= name.eq_ignore_ascii_case(b"filename") || name.eq_ignore_ascii_case(b"filename*");
    }
    Some(is_file && is_named == Some(true))
}

fn lines(mut text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut is_over = false;
    std::iter::from_fn(move || {
        if is_over {
            return None;
        }
        let end = find(text, b"\r\n");
        let line = &text[..end.unwrap_or(text.len())];
        is_over = end.is_none();
        text = &text[end.map_or(text.len(), |end| end + 2)..];
        Some(line)
    })
}

/// `; name=value; name="value"` as (name, value), without the quotes. One that is none ends them
/// with None.
struct Parameters<'a> {
    rest: &'a [u8],
    begun: bool, // the first semicolon is gone
}

impl<'a> Iterator for Parameters<'a> {
    type Item = Option<(&'a [u8], &'a [u8])>;

    fn next(&mut self) -> Option<Self::Item> {
        self.rest = self.rest.trim_ascii_start();
        if !self.begun && self.rest.is_empty() {
            return None;
        }
        let found = self.parameter();
        if found.is_none() {
            (self.rest, self.begun) = (&[], false);
        }
        Some(found)
    }
}

impl<'a> Parameters<'a> {
    fn parameter(&mut self) -> Option<(&'a [u8], &'a [u8])> {
        if !std::mem::take(&mut self.begun) {
            self.rest = self.rest.strip_prefix(b";")?.trim_ascii_start();
        }
        let equals = self.rest.iter().position(|&byte| byte == b'=')?;
        let (name, rest) = (&self.rest[..equals], &self.rest[equals + 1..]);
        if name.is_empty() || !name.iter().all(is_token) {
            return None;
        }
        let (value, after) = match rest.strip_prefix(b"\"") {
            Some(quoted) => {
                let end = end_of_quoted(quoted)?;
                (&quoted[..end], &quoted[end + 1..])
            }
            None => rest.split_at(rest.iter().position(|byte| !is_token(byte)).unwrap_or(rest.len())),
        };
        self.rest = after;
        Some((name, value))
    }
}

/// What a name, or a value without quotes, is made of: no space, quote, separator or control.
fn is_token(byte: &u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b';' | b'=' | b',')
}

/// Where the closing quote is: one after a backslash is content.
fn end_of_quoted(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match *text.get(at)? {
            b'"' => return Some(at),
            b'\\' if matches!(text.get(at + 1), Some(b'"' | b'\\')) => at += 2,
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &str = "multipart/form-data; boundary=a-boundary";
    const FILE: &str = r#"Content-Disposition: form-data; name="image"; filename="a.png""#;
    const TEXT: &str = r#"Content-Disposition: form-data; name="image""#;
    const OTHER: &str = r#"Content-Disposition: form-data; name="other"; filename="a.png""#;

    fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
        let mut body = Vec::new();
        for (headers, content) in parts {
            body.extend(format!("--a-boundary\r\n{headers}\r\n\r\n").bytes());
            body.extend(*content);
            body.extend(b"\r\n");
        }
        body.extend(b"--a-boundary--\r\n");
        body
    }

    fn found<'a>(content_type: &str, body: &'a [u8]) -> Result<&'a [u8], Failure> {
        find_image(content_type, body).map(|place| &body[place])
    }

    #[test]
    fn any_content_comes_back_whole_wherever_its_part_stands() {
        // Every three pieces of what could be taken for the end of a part.
        let pieces: [&[u8]; 8] =
            [b"", b"\r", b"\n", b"\r\n", b"--", b"\r\n--a-boundar", b"\r\n\r\n", b"\x00\xff"];
        for first in pieces {
            for second in pieces {
                for third in pieces {
                    let content = [first, second, third].concat();
                    let mut parts: [(&str, &[u8]); 3] = [(TEXT, b"!"), (OTHER, &content), (FILE, &content)];
                    for _ in 0..parts.len() {
                        parts.rotate_left(1);
                        assert_eq!(found(TYPE, &form(&parts)), Ok(&content[..]));
                    }
                }
            }
        }
    }

    #[test]
    fn the_first_of_two_files_is_taken() {
        assert_eq!(found(TYPE, &form(&[(FILE, b"1"), (FILE, b"2")])), Ok(&b"1"[..]));
    }

    #[test]
    fn a_form_that_breaks_off_is_refused() {
        let whole = form(&[(FILE, b"\r\n!"), (OTHER, b"!")]);
        for end in 0..whole.len() - "--\r\n".len() {
            assert_eq!(found(TYPE, &whole[..end]), Err(Failure::Multipart), "cut at {end}");
        }
    }

    #[test]
    fn what_is_not_the_file_of_the_field_is_not_taken_for_it() {
        for headers in [
            TEXT,
            OTHER,
            r#"Content-Disposition: attachment; name="image"; filename="a.png""#,
            r#"Content-Disposition: form-data; filename="image""#,
            r#"Content-Disposition: form-data; xname="image"; filename="a.png""#,
            r#"Content-Disposition: form-data; name="other"; name="image"; filename="a.png""#,
            r#"Content-Disposition: form-data; name="x\"; name=\"image"; filename="a.png""#,
            "Content-Disposition:",
            r#"X-Content-Disposition: form-data; name="image"; filename="a.png""#,
            "Content-Type: image/png",
        ] {
            assert_eq!(found(TYPE, &form(&[(headers, b"!")])), Err(Failure::NoImage), "{headers}");
        }
        assert_eq!(found(TYPE, b"--a-boundary\r\n\r\n!\r\n--a-boundary--"), Err(Failure::NoImage));
        assert_eq!(found(TYPE, b"--a-boundary--"), Err(Failure::NoImage));
    }

    #[test]
    fn the_ways_to_write_a_disposition() {
        for headers in [
            "content-disposition:form-data;name=image;filename=a.png",
            "Content-Type: image/png\r\nContent-Disposition: form-data; filename=\"\"; name=\"image\"",
            r#"Content-Disposition: form-data; name="image"; filename*=UTF-8''%e2%82%ac.png"#,
            r#"Content-Disposition: form-data; name="image"; filename="a;b=c.png""#,
            r#"Content-Disposition: form-data; name="image"; filename="a\"b.png""#,
            r#"Content-Disposition: form-data; name="image"; filename="é.png""#,
        ] {
            assert_eq!(found(TYPE, &form(&[(headers, b"!")])), Ok(&b"!"[..]), "{headers}");
        }
    }

    #[test]
    fn headers_that_are_none_are_refused() {
        let long = format!("X: {}\r\n{FILE}", "x".repeat(MOST_HEADER_BYTES));
        for headers in [
            "no colon",
            r#"Content-Disposition: form-data; name="image"; filename="a.png"#,
            r#"Content-Disposition: form-data; name="image" filename="a.png""#,
            r#"Content-Disposition: form-data; name; filename="a.png""#,
            r#"Content-Disposition: form-data; name="image"; filename="a.png";"#,
            &long,
        ] {
            assert_eq!(found(TYPE, &form(&[(headers, b"!")])), Err(Failure::Multipart), "{headers}");
        }
    }

    #[test]
    fn a_boundary_that_is_not_the_bodys_is_refused() {
        let body = form(&[(FILE, b"!")]);
        for parameters in ["", ";", "; boundary=", "; boundary=\"\"", "; boundary=b", "; charset=utf-8"] {
            let content_type = format!("multipart/form-data{parameters}");
            assert_eq!(found(&content_type, &body), Err(Failure::Multipart), "{content_type}");
        }
        let long = "b".repeat(MOST_BOUNDARY_BYTES + 1);
        let body = format!("--{long}\r\n{FILE}\r\n\r\n!\r\n--{long}--");
        let content_type = format!("multipart/form-data; boundary={long}");
        assert_eq!(found(&content_type, body.as_bytes()), Err(Failure::Multipart));
    }

    #[test]
    fn a_quoted_boundary_after_other_parameters() {
        let content_type = r#"multipart/form-data; charset=utf-8; Boundary="a-boundary""#;
        assert_eq!(found(content_type, &form(&[(FILE, b"!")])), Ok(&b"!"[..]));
    }

    #[test]
    fn a_part_without_a_blank_line_does_not_borrow_the_next_ones() {
        let mut body = format!("--a-boundary\r\n{FILE}\r\n").into_bytes();
        body.extend(form(&[(OTHER, b"!")]));
        assert_eq!(found(TYPE, &body), Err(Failure::Multipart));
    }

    #[test]
    fn a_boundary_that_goes_on_is_refused() {
        let body = form(&[(FILE, b"!\r\n--a-boundary2\r\n")]);
        assert_eq!(found(TYPE, &body), Err(Failure::Multipart));
    }
}
