//! As much of HTTP/1.1 as a server without content needs: where a request ends, and whether to stay connected.

use std::mem::MaybeUninit;

use httparse::{Header, Request, Status};

/// A complete request at the start of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framed {
    /// Bytes of head and body.
    pub length_bytes: usize,
    /// What the answer says about the connection.
    pub persistence: Persistence,
}

/// What becomes of the connection after the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// HTTP/1.1: it stays, and nothing needs to be said.
    Stays,
    /// HTTP/1.0 with `Connection: keep-alive`, which is to be said back.
    StaysSaid,
    /// It is closed.
    Closes,
}

/// Frames the request at the start of `input`: `None` when it is not complete.
///
/// # Errors
/// When it is not a request that this server takes: not HTTP, or with a body of unstated length.
pub fn frame(input: &[u8]) -> Result<Option<Framed>, ()> {
    let mut headers = [const { MaybeUninit::<Header<'_>>::uninit() }; 64];
    let mut request = Request::new(&mut []);
    let head_bytes = match request.parse_with_uninit_headers(input, &mut headers) {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) => return Ok(None),
        Err(_) => return Err(()),
    };
    let mut body_bytes = 0_usize;
    let (mut close, mut keep_alive) = (false, false);
    for header in request.headers.iter() {
        if header.name.eq_ignore_ascii_case("content-length") {
            let digits = std::str::from_utf8(header.value).map_err(|_| ())?;
            body_bytes = digits.trim().parse().map_err(|_| ())?;
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(());
        } else if header.name.eq_ignore_ascii_case("connection") {
            close |= header.value.eq_ignore_ascii_case(b"close");
            keep_alive |= header.value.eq_ignore_ascii_case(b"keep-alive");
        }
    }
    let length_bytes = head_bytes.checked_add(body_bytes).ok_or(())?;
    let persistence = match request.version {
        Some(1) if !close => Persistence::Stays,
        Some(0) if keep_alive => Persistence::StaysSaid,
        _ => Persistence::Closes,
    };
    Ok((length_bytes <= input.len()).then_some(Framed { length_bytes, persistence }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_ends_with_its_body() {
        let request = b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET";
        let framed = frame(request).unwrap().unwrap();
        assert_eq!(framed, Framed { length_bytes: request.len() - 3, persistence: Persistence::Stays });
        for length in 0..framed.length_bytes {
            assert_eq!(frame(&request[..length]), Ok(None));
        }
    }

    #[test]
    fn persistence_follows_version_and_header() {
        let persistence = |text: &str| frame(text.as_bytes()).unwrap().unwrap().persistence;
        assert_eq!(persistence("GET / HTTP/1.1\r\nConnection: close\r\n\r\n"), Persistence::Closes);
        assert_eq!(persistence("GET / HTTP/1.0\r\n\r\n"), Persistence::Closes);
        assert_eq!(persistence("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"), Persistence::StaysSaid);
    }

    #[test]
    fn what_it_does_not_take_is_an_error() {
        assert_eq!(frame(b"\x00\x01\x02\r\n\r\n"), Err(()));
        assert_eq!(frame(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"), Err(()));
        assert_eq!(frame(b"POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n"), Err(()));
    }
}
