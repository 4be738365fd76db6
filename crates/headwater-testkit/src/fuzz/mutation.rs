//! New inputs out of old ones.

use super::MAX_LENGTH;

/// Makes inputs; which ones follows from its seed.
pub(super) struct Mutator {
    state: u64,
    words: &'static [&'static str],
}

/// What has gone wrong in parsers before.
const INTERESTING: [&str; 24] = [
    "0",
    "-1",
    "1e400",
    "-0.0",
    "1E-400",
    "9223372036854775808",
    "18446744073709551616",
    "0x1",
    "NaN",
    "null",
    "true",
    "\"\"",
    "\\",
    "\\u0000",
    "\\ud800",
    "\u{0}",
    "\u{a0}",
    "\u{2028}",
    "\u{feff}",
    "İ",
    "ß",
    "e\u{301}",
    "😀",
    "%00",
];

impl Mutator {
    pub(super) fn new(seed: u64, words: &'static [&'static str]) -> Self {
        Self { state: seed, words }
    }

    /// SplitMix64.
    fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.random() % bound).unwrap_or(0)
    }

    fn one_of<'a, T: ?Sized>(&mut self, among: &[&'a T]) -> Option<&'a T> {
        let position = self.below(among.len());
        among.get(position).copied()
    }

    /// A new input: one of the pool, changed in one to five places.
    pub(super) fn mutate(&mut self, pool: &[Vec<u8>]) -> Vec<u8> {
        let chosen = self.below(pool.len());
        let mut input = pool.get(chosen).cloned().unwrap_or_default();
        for _ in 0..=self.below(5) {
            self.change(&mut input, pool);
        }
        input.truncate(MAX_LENGTH);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, pool: &[Vec<u8>]) {
        let (start, end) = self.range(input);
        match self.below(12) {
            0 => drop(input.drain(start..end)),
            // Something twice, at times very often.
            1 => {
                let part = input[start..end].to_vec();
                let times = if self.below(20) == 0 { 1 << self.below(10) } else { 1 };
                let times = times.min(MAX_LENGTH / part.len().max(1));
                input.splice(end..end, part.repeat(times));
            }
            2 if !input.is_empty() => {
                let position = self.below(input.len());
                input[position] ^= 1 << self.below(8);
            }
            3 => {
                let byte = self.random().to_le_bytes()[0];
                input.insert(start, byte);
            }
            4 => {
                let word = self.one_of(&INTERESTING).unwrap_or_default();
                input.splice(start..end, word.bytes());
            }
            5 | 6 => {
                let word = self.one_of(self.words).unwrap_or_default();
                input.splice(start..start, word.bytes());
            }
            7 | 8 => {
                let word = self.one_of(self.words).unwrap_or_default();
                input.splice(start..end, word.bytes());
            }
            // A part of another one.
            9 | 10 => {
                let other = self.below(pool.len());
                let other = pool.get(other).map_or(&[][..], Vec::as_slice);
                let (from, to) = self.range(other);
                let part = other[from..to].to_vec();
                input.splice(start..end, part);
            }
            // Two parts change places.
            _ => input[start..].rotate_left(end - start),
        }
    }

    /// A part of the input, mostly a short one, that begins and ends where a word does if it can.
    fn range(&mut self, input: &[u8]) -> (usize, usize) {
        let start = self.below(input.len() + 1);
        let most = if self.below(4) == 0 { input.len() } else { 24 };
        let end = (start + self.below(most)).min(input.len());
        if self.below(2) == 0 {
            return (start, end);
        }
        let boundary = |position: usize| {
            let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte >= 0x80;
            input[position..].iter().position(|byte| !is_word(byte)).map_or(input.len(), |at| position + at)
        };
        (boundary(start), boundary(end))
    }
}
