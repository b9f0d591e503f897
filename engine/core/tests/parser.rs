//! The response parser: what it accepts, what it refuses, and that it does not matter how the bytes arrive.

use proptest::prelude::*;
use servemark_engine::http::{ParseFailure, ResponseParser};

#[derive(Clone, Debug, PartialEq, Eq)]
struct Parsed {
    status: u16,
    body: Vec<u8>,
    keep_alive: bool,
}

const LIMIT: usize = 4096;

/// Feeds the pieces and then the end of the connection; gives the response and the bytes that follow it.
fn parse<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
    head: bool,
) -> Result<(Parsed, usize), ParseFailure> {
    let mut parser = ResponseParser::new(LIMIT, LIMIT);
    parser.begin(head);
    let mut pieces = pieces.into_iter();
    while let Some(piece) = pieces.next() {
        if let Some(response) = parser.feed(piece)? {
            let parsed = Parsed {
                status: response.status,
                body: parser.body(&response, piece).to_vec(),
                keep_alive: response.keep_alive,
            };
            return Ok((parsed, response.excess_bytes + pieces.map(<[u8]>::len).sum::<usize>()));
        }
    }
    let response = parser.end()?;
    let body = parser.body(&response, &[]).to_vec();
    Ok((Parsed { status: response.status, body, keep_alive: response.keep_alive }, 0))
}

fn whole(text: &str) -> Result<(Parsed, usize), ParseFailure> {
    parse([text.as_bytes()], false)
}

fn parsed(status: u16, body: &str, keep_alive: bool) -> Result<(Parsed, usize), ParseFailure> {
    Ok((Parsed { status, body: body.into(), keep_alive }, 0))
}

/// Responses that are accepted, with what they mean.
fn accepted() -> Vec<(&'static str, u16, &'static str, bool)> {
    vec![
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", true),
        ("HTTP/1.1 200 OK\r\ncontent-length:5 , 5\r\n\r\nhello", 200, "hello", true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, "", true),
        ("HTTP/1.1 404 Not Found\r\nConnection: Close\r\nContent-Length: 2\r\n\r\nno", 404, "no", false),
        ("HTTP/1.1 200\r\nConnection: upgrade, close\r\nContent-Length: 2\r\n\r\nno", 200, "no", false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "ok", false),
        ("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", 200, "ok", true),
        ("HTTP/1.1 200 OK\r\n\r\nuntil the end", 200, "until the end", false),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nraw", 200, "raw", false),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=\"y\"\r\n0123456789\r\n0\r\n\r\n",
            200,
            "abc0123456789",
            true,
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n1\r\nz\r\n0\r\nTrailer: t\r\nX: y\r\n\r\n",
            200,
            "z",
            true,
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n1\r\nz\r\n0\r\n\r\n",
            200,
            "z",
            false,
        ),
        ("HTTP/1.1 204 No Content\r\n\r\n", 204, "", true),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n", 304, "", true),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
            200,
            "x",
            true,
        ),
        ("HTTP/1.1 101 Switching Protocols\r\n\r\n", 101, "", false),
    ]
}

#[test]
fn responses_are_framed_as_rfc_9112_says() {
    for (text, status, body, keep_alive) in accepted() {
        assert_eq!(whole(text), parsed(status, body, keep_alive), "{text}");
    }
}

#[test]
fn every_split_into_two_or_three_packets_gives_the_same_response() {
    for (text, ..) in accepted() {
        let bytes = text.as_bytes();
        let expected = whole(text);
        for first in 0..=bytes.len() {
            for second in first..=bytes.len() {
                let pieces = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                assert_eq!(parse(pieces, false), expected, "{text} split at {first} and {second}");
            }
        }
        assert_eq!(parse(bytes.chunks(1), false), expected, "{text} byte by byte");
    }
}

#[test]
fn an_answer_to_head_has_no_body_whatever_it_says() {
    let text = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
    assert_eq!(parse([&text[..]], true), parsed(200, "", true));
    let text = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(parse([&text[..]], true), parsed(200, "", true));
}

#[test]
fn bytes_after_the_end_are_counted() {
    let (_, excess) = whole("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokmore").unwrap();
    assert_eq!(excess, 4);
    let (_, excess) = whole("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nmore").unwrap();
    assert_eq!(excess, 4);
}

#[test]
fn contradictions_and_garbage_are_malformed() {
    for text in [
        "SSH-2.0-OpenSSH_9.2\r\n",
        "\x00\x01\x02\x03",
        "HTTP/2 200 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 099 Low\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n11111111111111111\r\n",
    ] {
        assert_eq!(whole(text), Err(ParseFailure::Malformed), "{text}");
        assert_eq!(parse(text.as_bytes().chunks(1), false), Err(ParseFailure::Malformed), "{text} in bytes");
    }
}

#[test]
fn a_response_that_stops_in_the_middle_was_closed_early() {
    for (text, ..) in accepted() {
        let until_close =
            whole(text) == parse([text.as_bytes(), b""], false) && text.contains("\r\n\r\nuntil");
        let last = if until_close || text.contains(": gzip\r\n") {
            text.find("\r\n\r\n").unwrap()
        } else {
            text.len() - 1
        };
        for length in 0..=last {
            let cut = parse([&text.as_bytes()[..length]], false);
            assert_eq!(cut, Err(ParseFailure::ClosedEarly), "{text} cut at {length}");
        }
    }
}

#[test]
fn an_endless_head_is_refused_at_the_limit() {
    let line = "X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n";
    let text = format!("HTTP/1.1 200 OK\r\n{}", line.repeat(60));
    assert_eq!(whole(&text), Err(ParseFailure::HeadTooLarge));
    assert_eq!(parse(text.as_bytes().chunks(7), false), Err(ParseFailure::HeadTooLarge));
    assert_eq!(whole(&format!("{text}\r\n")), Err(ParseFailure::HeadTooLarge));
    let one_line = format!("HTTP/1.1 200 {}", "O".repeat(5000));
    assert_eq!(parse(one_line.as_bytes().chunks(1), false), Err(ParseFailure::HeadTooLarge));
}

#[test]
fn interim_heads_count_towards_the_limit_of_the_final_one() {
    let interim = "HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n";
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(whole(&format!("{}{answer}", interim.repeat(3))), parsed(200, "", true));
    let endless = interim.repeat(100) + answer;
    assert_eq!(whole(&endless), Err(ParseFailure::HeadTooLarge));
    assert_eq!(parse(endless.as_bytes().chunks(7), false), Err(ParseFailure::HeadTooLarge));
}

#[test]
fn chunk_extensions_are_refused_when_they_outgrow_any_use() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = format!("1;{}\r\nx\r\n", "e".repeat(1000));
    assert_eq!(whole(&format!("{head}{}0\r\n\r\n", chunk.repeat(10))), parsed(200, "xxxxxxxxxx", true));
    assert_eq!(whole(&format!("{head}{}", chunk.repeat(20))), Err(ParseFailure::HeadTooLarge));
}

#[test]
fn a_body_over_the_limit_is_refused_as_soon_as_it_is_known() {
    let body = "x".repeat(LIMIT + 1);
    for text in [
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", LIMIT + 1),
        format!("HTTP/1.1 200 OK\r\n\r\n{body}"),
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFF\r\n".to_owned(),
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n{LIMIT:x}\r\n"),
    ] {
        assert_eq!(whole(&text), Err(ParseFailure::BodyTooLarge));
    }
    let fits = "x".repeat(LIMIT);
    let text = format!("HTTP/1.1 200 OK\r\nContent-Length: {LIMIT}\r\n\r\n{fits}");
    assert_eq!(whole(&text), parsed(200, &fits, true));
}

/// Cuts `bytes` at the given places, which are taken modulo its length.
fn cut<'a>(bytes: &'a [u8], places: &[usize]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = places.iter().map(|place| place % (bytes.len() + 1)).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    places.windows(2).map(|ends| &bytes[ends[0]..ends[1]]).collect()
}

/// A response built from its parts, in any of the three framings.
fn any_response() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    let body = prop::collection::vec(any::<u8>(), 0..600);
    let headers = prop::collection::vec("[A-Z][a-z]{0,9}-[a-z]{1,5}: [ -~]{0,40}\r\n", 0..8);
    let chunks = prop::collection::vec(1_usize..100, 1..8);
    (200_u16..204, headers, body, 0..3_u8, chunks).prop_map(|(status, headers, body, framing, chunks)| {
        let mut text = format!("HTTP/1.1 {status} Fine\r\n{}", headers.concat()).into_bytes();
        match framing {
            0 => {
                text.extend(format!("Content-Length: {}\r\n\r\n", body.len()).bytes());
                text.extend(&body);
            }
            1 => {
                text.extend(b"Transfer-Encoding: chunked\r\n\r\n");
                let (mut rest, mut sizes) = (&body[..], chunks.iter().cycle());
                while !rest.is_empty() {
                    let (chunk, after) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
                    text.extend(format!("{:x}\r\n", chunk.len()).bytes());
                    text.extend(chunk);
                    text.extend(b"\r\n");
                    rest = after;
                }
                text.extend(b"0\r\n\r\n");
            }
            _ => {
                text.extend(b"\r\n");
                text.extend(&body);
            }
        }
        (text, body)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_response_in_any_pieces_gives_its_body(
        (text, body) in any_response(),
        places in prop::collection::vec(any::<usize>(), 0..12),
    ) {
        let (response, excess) = parse(cut(&text, &places), false).unwrap();
        prop_assert_eq!(response.body, body);
        prop_assert_eq!(excess, 0);
    }

    #[test]
    fn damaged_responses_end_the_same_way_however_they_arrive(
        (mut text, _) in any_response(),
        damage in prop::collection::vec((any::<usize>(), any::<u8>()), 1..6),
        places in prop::collection::vec(any::<usize>(), 0..12),
    ) {
        for (place, byte) in damage {
            let length = text.len();
            text[place % length] = byte;
        }
        prop_assert_eq!(parse(cut(&text, &places), false), parse([&text[..]], false));
    }

    #[test]
    fn arbitrary_bytes_never_panic_and_end_the_same_way_however_they_arrive(
        text in prop::collection::vec(any::<u8>(), 0..300),
        head in any::<bool>(),
        places in prop::collection::vec(any::<usize>(), 0..12),
    ) {
        prop_assert_eq!(parse(cut(&text, &places), head), parse([&text[..]], head));
    }
}
