//! What a table holds, as one number that doesn't depend on the order of the rows.

use sha2::{Digest, Sha256};

use crate::sql::Value;

/// How many rows there are, and the sum of their SHA-256 hashes, modulo 2^256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Checksum {
    /// How many rows.
    pub(super) rows: u64,
    sum: [u8; 32],
}

impl Checksum {
    /// Adds a row.
    pub(super) fn add(&mut self, row: &[Value]) {
        let mut hash = Sha256::new();
        for value in row {
            match value {
                Value::Null => hash.update([0]),
                Value::Integer(integer) => {
                    hash.update([1]);
                    hash.update(integer.to_be_bytes());
                }
                Value::Text(text) => add_bytes(&mut hash, 2, text.as_bytes()),
                Value::Bytes(bytes) => add_bytes(&mut hash, 3, bytes),
            }
        }
        let mut carry = 0;
        for (digit, other) in self.sum.iter_mut().zip(hash.finalize()).rev() {
            let [high, low] = (u16::from(*digit) + u16::from(other) + carry).to_be_bytes();
            *digit = low;
            carry = high.into();
        }
        self.rows += 1;
    }

    /// The sum in hexadecimal digits.
    pub(super) fn digits(&self) -> String {
        use std::fmt::Write;
        self.sum.iter().fold(String::with_capacity(64), |mut digits, byte| {
            // Nothing can go wrong with a text.
            let _ = write!(digits, "{byte:02x}");
            digits
        })
    }

    /// What [`Self::digits`] has written.
    pub(super) fn read(rows: u64, digits: &str) -> Option<Self> {
        let digit = |at: usize| u8::from_str_radix(digits.get(2 * at..2 * at + 2)?, 16).ok();
        let bytes: Vec<u8> = (0..32).map(digit).collect::<Option<_>>()?;
        Some(Self { rows, sum: bytes.try_into().ok()? })
    }
}

/// Texts and bytes with their length before them: no two rows are the same one behind the other.
fn add_bytes(hash: &mut Sha256, kind: u8, bytes: &[u8]) {
    hash.update([kind]);
    hash.update((bytes.len() as u64).to_be_bytes());
    hash.update(bytes);
}

#[cfg(test)]
mod tests {
    use super::Checksum;
    use crate::sql::{Value, values};

    fn of(rows: &[&[Value]]) -> Checksum {
        rows.iter().fold(Checksum::default(), |mut sum, row| {
            sum.add(row);
            sum
        })
    }

    #[test]
    fn the_order_of_rows_doesnt_count_and_everything_else_does() {
        let (one, other) = (values![1_i64, "a", vec![1_u8]], values![2_i64, None::<i64>, "b"]);
        let sum = of(&[&one, &other]);
        assert_eq!(sum, of(&[&other, &one]));
        assert_eq!(Checksum::read(sum.rows, &sum.digits()), Some(sum));
        assert_eq!(Checksum::read(1, "00"), None);
        let others: [&[&[Value]]; 7] = [
            &[],
            &[&one],
            &[&one, &one],
            &[&one, &other, &other],
            &[&values![1_i64, "a", "\u{1}"], &other],
            &[&values![1_i64, "a\u{3}", Vec::<u8>::new()], &other],
            &[&one, &values![2_i64, "b", None::<i64>]],
        ];
        for rows in others {
            assert_ne!(of(rows), sum, "{rows:?}");
        }
    }
}
