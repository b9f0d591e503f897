//! The head of a response: status, how the body is framed, whether the connection stays open.

use std::mem::MaybeUninit;

use httparse::{Header, ParserConfig, Status};

use super::failure::ParseFailure;

/// Header lines that a response may have; more is treated as malformed.
const MAX_HEADERS: usize = 100;

/// Where the body ends (RFC 9112, section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Length(u64),
    Chunked,
    UntilClose,
}

/// What the engine needs to know of a response head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub status: u16,
    pub framing: Framing,
    /// Whether another request may follow on the same connection.
    pub keep_alive: bool,
    /// Bytes from the first of the head to the empty line that ends it, inclusive.
    pub length_bytes: usize,
}

impl Head {
    /// 1xx: another head follows for the same request. 101 is final: the engine never asks for an upgrade.
    pub fn is_interim(&self) -> bool {
        (100..200).contains(&self.status) && self.status != 101
    }
}

/// Parses a head at the start of `input`; `None` when it is not complete yet.
pub(super) fn parse(input: &[u8], answers_head: bool) -> Result<Option<Head>, ParseFailure> {
    let mut headers = [const { MaybeUninit::<Header<'_>>::uninit() }; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut []);
    let parsed =
        ParserConfig::default().parse_response_with_uninit_headers(&mut response, input, &mut headers);
    let length_bytes = match parsed {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) => return Ok(None),
        Err(_) => return Err(ParseFailure::Malformed),
    };
    let status = response.code.ok_or(ParseFailure::Malformed)?;
    if !(100..1000).contains(&status) {
        return Err(ParseFailure::Malformed);
    }
    let fields = Fields::read(response.headers)?;
    let http_1_1 = response.version == Some(1);
    let without_body = answers_head || matches!(status, 100..=199 | 204 | 304);
    let framing = if without_body { Framing::Length(0) } else { fields.framing() };
    let keep_alive = if http_1_1 { !fields.close } else { fields.keep_alive && !fields.close }
        && framing != Framing::UntilClose
        && !(fields.coded && fields.length.is_some())
        && status != 101;
    Ok(Some(Head { status, framing, keep_alive, length_bytes }))
}

/// The header fields that decide about framing and persistence.
#[derive(Default)]
struct Fields {
    length: Option<u64>,
    coded: bool,
    chunked: bool,
    close: bool,
    keep_alive: bool,
}

impl Fields {
    fn read(headers: &[Header<'_>]) -> Result<Self, ParseFailure> {
        let mut fields = Self::default();
        for header in headers {
            let name = header.name;
            if name.eq_ignore_ascii_case("content-length") {
                let length = parse_length(header.value).ok_or(ParseFailure::Malformed)?;
                if fields.length.is_some_and(|earlier| earlier != length) {
                    return Err(ParseFailure::Malformed);
                }
                fields.length = Some(length);
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                fields.coded = true;
                // Only the last coding frames the message.
                fields.chunked =
                    tokens(header.value).last().is_some_and(|token| token.eq_ignore_ascii_case(b"chunked"));
            } else if name.eq_ignore_ascii_case("connection") {
                for token in tokens(header.value) {
                    fields.close |= token.eq_ignore_ascii_case(b"close");
                    fields.keep_alive |= token.eq_ignore_ascii_case(b"keep-alive");
                }
            }
        }
        Ok(fields)
    }

    /// Transfer-Encoding overrides Content-Length; neither means that the body ends with the connection.
    fn framing(&self) -> Framing {
        match (self.coded, self.chunked, self.length) {
            (true, true, _) => Framing::Chunked,
            (false, _, Some(length)) => Framing::Length(length),
            _ => Framing::UntilClose,
        }
    }
}

/// The comma-separated tokens of a header value.
fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii)
}

/// A Content-Length: digits only, possibly the same number several times in a list (RFC 9112, section 6.3).
fn parse_length(value: &[u8]) -> Option<u64> {
    let mut agreed = None;
    for token in tokens(value) {
        if token.is_empty() || !token.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let length = std::str::from_utf8(token).ok()?.parse::<u64>().ok()?;
        if agreed.is_some_and(|earlier| earlier != length) {
            return None;
        }
        agreed = Some(length);
    }
    agreed
}
