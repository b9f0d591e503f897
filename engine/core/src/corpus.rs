//! The requests of a trial, as the bytes that go over the wire.

use crate::error::EngineError;
use crate::http::RequestTraits;

/// Request buffers, built once and sent as they are. They lie in one block of memory, in order.
#[derive(Clone, Debug)]
pub struct Corpus {
    bytes: Vec<u8>,
    /// Request `i` is `bytes[ends[i - 1]..ends[i]]`.
    ends: Vec<usize>,
    traits: Vec<RequestTraits>,
}

impl Corpus {
    /// Copies the requests. They need not be valid HTTP, but none may be empty.
    ///
    /// # Errors
    /// When there is no request, or one of them has no bytes.
    pub fn new<R: AsRef<[u8]>>(requests: impl IntoIterator<Item = R>) -> Result<Self, EngineError> {
        let mut corpus = Self { bytes: Vec::new(), ends: Vec::new(), traits: Vec::new() };
        for request in requests {
            let request = request.as_ref();
            if request.is_empty() {
                let index = corpus.ends.len();
                return Err(EngineError::invalid(format!(
                    "request {index} of the corpus is empty; give it at least one byte"
                )));
            }
            corpus.bytes.extend_from_slice(request);
            corpus.ends.push(corpus.bytes.len());
            corpus.traits.push(RequestTraits::of(request));
        }
        if corpus.ends.is_empty() {
            return Err(EngineError::invalid("the corpus is empty; give at least one request"));
        }
        Ok(corpus)
    }

    /// Number of requests; at least one.
    #[allow(clippy::len_without_is_empty, reason = "a corpus is never empty")]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// The bytes of request `index`.
    pub fn request(&self, index: u32) -> &[u8] {
        let index = index as usize;
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.bytes[start..self.ends[index]]
    }

    pub(crate) fn traits(&self, index: u32) -> RequestTraits {
        self.traits[index as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_come_back_as_they_were_given() {
        let corpus = Corpus::new(["GET / HTTP/1.1\r\n\r\n", "nonsense"]).unwrap();
        assert_eq!(corpus.len(), 2);
        assert_eq!(corpus.request(0), b"GET / HTTP/1.1\r\n\r\n");
        assert_eq!(corpus.request(1), b"nonsense");
    }

    #[test]
    fn head_and_close_are_read_from_the_request() {
        let corpus = Corpus::new([
            "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nConnection: foo, Close\r\n\r\n",
            "HEADER",
        ])
        .unwrap();
        assert_eq!(corpus.traits(0), RequestTraits { is_head: true, closes: false });
        assert_eq!(corpus.traits(1), RequestTraits { is_head: false, closes: true });
        assert_eq!(corpus.traits(2), RequestTraits::default());
    }

    #[test]
    fn an_empty_corpus_and_an_empty_request_are_refused() {
        assert!(Corpus::new(Vec::<Vec<u8>>::new()).is_err());
        assert!(Corpus::new([""]).unwrap_err().to_string().contains("request 0"));
    }
}
