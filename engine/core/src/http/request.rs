//! What a request's own bytes say about how its answer is to be read.

use httparse::{EMPTY_HEADER, Status};

/// Two facts about a request that change how its answer is framed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RequestTraits {
    /// The method is HEAD: the answer has no body whatever its header says.
    pub is_head: bool,
    /// The request says `Connection: close`.
    pub closes: bool,
}

impl RequestTraits {
    /// Reads the facts; a request that is not valid HTTP has neither (it is sent as it is: bad input is a
    /// legitimate thing to send).
    pub fn of(request: &[u8]) -> Self {
        let mut headers = [EMPTY_HEADER; 100];
        let mut parsed = httparse::Request::new(&mut headers);
        if !matches!(parsed.parse(request), Ok(Status::Complete(_))) {
            return Self::default();
        }
        let is_close = |token: &[u8]| token.trim_ascii().eq_ignore_ascii_case(b"close");
        Self {
            is_head: parsed.method == Some("HEAD"),
            closes: parsed.headers.iter().any(|header| {
                header.name.eq_ignore_ascii_case("connection")
                    && header.value.split(|&byte| byte == b',').any(is_close)
            }),
        }
    }
}
