//! Distinct response bodies, each kept once.

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_128;

/// A distinct response body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// The bytes; `None` when the limits were reached before this body was first seen.
    pub bytes: Option<Box<[u8]>>,
    /// XXH3, 128 bits, seed 0, of the bytes.
    pub digest: u128,
    /// Length of the body.
    pub length: usize,
}

/// Numbers distinct bodies in the order of their first appearance.
pub(crate) struct BodyStore {
    bodies: Vec<Body>,
    index: HashTable<u32>,
    free_bodies: usize,
    free_bytes: usize,
}

impl BodyStore {
    /// A store that keeps at most so many bodies, and so many bytes of them; of others it keeps the digest.
    pub fn new(max_bodies: usize, max_bytes: usize) -> Self {
        Self { bodies: Vec::new(), index: HashTable::new(), free_bodies: max_bodies, free_bytes: max_bytes }
    }

    /// The number of `body`.
    pub fn intern(&mut self, body: &[u8]) -> u32 {
        let digest = xxh3_128(body);
        let bodies = &self.bodies;
        let known = self.index.find(low_bits(digest), |&number| {
            let candidate = &bodies[number as usize];
            candidate.digest == digest && candidate.bytes.as_deref().is_none_or(|bytes| bytes == body)
        });
        if let Some(&number) = known {
            return number;
        }
        let keep = self.free_bodies > 0 && self.free_bytes >= body.len();
        if keep {
            self.free_bodies -= 1;
            self.free_bytes -= body.len();
        }
        self.push(Body { bytes: keep.then(|| body.into()), digest, length: body.len() })
    }

    /// Takes over another store's bodies, limits aside; returns the new number for each of its numbers.
    pub fn absorb(&mut self, other: Self) -> Vec<u32> {
        other.bodies.into_iter().map(|body| self.adopt(body)).collect()
    }

    /// The bodies, by number.
    pub fn into_bodies(self) -> Vec<Body> {
        self.bodies
    }

    fn adopt(&mut self, body: Body) -> u32 {
        let bodies = &self.bodies;
        let known = self.index.find(low_bits(body.digest), |&number| {
            let candidate = &bodies[number as usize];
            candidate.digest == body.digest
                && (candidate.bytes.is_none() || body.bytes.is_none() || candidate.bytes == body.bytes)
        });
        match known {
            Some(&number) => {
                let kept = &mut self.bodies[number as usize].bytes;
                if kept.is_none() {
                    *kept = body.bytes;
                }
                number
            }
            None => self.push(body),
        }
    }

    fn push(&mut self, body: Body) -> u32 {
        let number = u32::try_from(self.bodies.len()).expect("fewer distinct bodies than 32-bit numbers");
        let bodies = &self.bodies;
        self.index
            .insert_unique(low_bits(body.digest), number, |&number| low_bits(bodies[number as usize].digest));
        self.bodies.push(body);
        number
    }
}

#[allow(clippy::cast_possible_truncation, reason = "half of a digest is the table's hash")]
fn low_bits(digest: u128) -> u64 {
    digest as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_bodies_have_one_number() {
        let mut store = BodyStore::new(10, 100);
        assert_eq!([store.intern(b"one"), store.intern(b"two"), store.intern(b"one")], [0, 1, 0]);
        let bodies = store.into_bodies();
        assert_eq!(bodies[0].bytes.as_deref(), Some(&b"one"[..]));
        assert_eq!(bodies[1].bytes.as_deref(), Some(&b"two"[..]));
    }

    #[test]
    fn beyond_a_limit_only_digests_are_kept_and_still_tell_bodies_apart() {
        for mut store in [BodyStore::new(1, 100), BodyStore::new(9, 4)] {
            let numbers = [&b"one"[..], b"two", b"six", b"two", b"one"].map(|body| store.intern(body));
            assert_eq!(numbers, [0, 1, 2, 1, 0]);
            let bodies = store.into_bodies();
            assert_eq!(bodies.iter().filter(|body| body.bytes.is_some()).count(), 1);
            assert_eq!(bodies[1].length, 3);
        }
    }

    #[test]
    fn the_digest_is_the_published_one() {
        // The value that the reference implementation gives for no bytes at all.
        let mut store = BodyStore::new(0, 0);
        store.intern(b"");
        assert_eq!(store.into_bodies()[0].digest, 0x99aa_06d3_0147_98d8_6001_c324_468d_497f);
    }

    #[test]
    fn merging_keeps_what_either_side_had_kept() {
        let mut first = BodyStore::new(1, 100);
        first.intern(b"a");
        first.intern(b"b");
        let mut second = BodyStore::new(2, 100);
        second.intern(b"b");
        second.intern(b"c");
        assert_eq!(first.absorb(second), [1, 2]);
        let kept: Vec<_> = first.into_bodies().into_iter().map(|body| body.bytes.unwrap()).collect();
        assert_eq!(kept, [b"a"[..].into(), b"b"[..].into(), b"c"[..].into()]);
    }
}
