//! The form of index keys, which follows from the build: which attributes are searchable, and how
//! values are compared, down to its tables of Unicode. A store says in which form its keys are; a
//! program that makes them in another one makes the index anew, before anybody searches in it.

use headwater_scim::registry::Registry;

/// The number of the form that this program makes: raised whenever the same resource has other keys
/// than before. A test below tells when that is.
pub(crate) const FORM: i64 = 4;

/// A number for the form (FNV-1a); never 0, which is that of a new file.
pub(crate) fn fingerprint() -> i32 {
    let registry = Registry::built_in();
    let paths = registry.resource_types.iter().flat_map(|resource_type| {
        resource_type
            .searchable
            .iter()
            .map(|searchable| format!("{}:{}", resource_type.name, searchable.name))
    });
    let text = paths.fold(FORM.to_string(), |text, path| text + "\n" + &path);
    let hash =
        text.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    i32::try_from(hash >> 1).unwrap_or(i32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use headwater_scim::comparison;
    use sha2::{Digest, Sha256};

    use super::{FORM, fingerprint};

    /// When this fails, keys are no longer what they were. Raise [`FORM`], write the new numbers down
    /// here, and say in the changelog that indexes are made anew.
    #[test]
    fn a_form_has_its_number() {
        let mut keys = Sha256::new();
        for character in '\0'..=char::MAX {
            let text = String::from(character);
            for case_exact in [false, true] {
                keys.update(comparison::key(&text, case_exact).as_bytes());
                keys.update([0xff]);
            }
        }
        let keys: [u8; 32] = keys.finalize().into();
        assert_eq!((FORM, fingerprint(), &keys[..4]), (4, 1_586_891_986, &[196, 187, 24, 167][..]));
    }
}
