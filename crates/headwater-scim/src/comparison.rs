//! One rule for comparing strings, used alike in uniqueness, filters and indexes (AMB-07).
//!
//! `caseExact` false: NFKC_Casefold of the Unicode Standard (§3.13): compatibility composition, full
//! case folding, and no characters that are not seen, so that `Straße` equals `STRASSE`, a full-width
//! `Ａda` equals `ada`, composed equals decomposed, and `bo<zero width space>b` equals `bob`. It is at
//! least as wide as the UsernameCaseMapped profile (RFC 8265 §3.3) that RFC 7644 §5 asks for.
//! `caseExact` true: NFC only.

use std::borrow::Cow;

use icu_casemap::CaseMapper;
use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::{CodePointSetData, props::DefaultIgnorableCodePoint};

/// The form of `text` in which two strings are equal exactly when SCIM holds them to be equal.
///
/// The result is stable for a given version of Unicode; stores keep it in their indexes.
pub fn key(text: &str, case_exact: bool) -> Cow<'_, str> {
    if text.is_ascii() {
        if case_exact || !text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Cow::Borrowed(text);
        }
        return Cow::Owned(text.to_ascii_lowercase());
    }
    if case_exact {
        return ComposingNormalizerBorrowed::new_nfc().normalize(text);
    }
    let nfkc = ComposingNormalizerBorrowed::new_nfkc();
    let compatible = nfkc.normalize(text);
    let ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>();
    let compatible: String = compatible.chars().filter(|c| !ignorable.contains(*c)).collect();
    let folded = CaseMapper::new().fold_string(&compatible).into_owned();
    Cow::Owned(nfkc.normalize(&folded).into_owned())
}

#[cfg(test)]
mod tests {
    use super::key;

    /// Shows AMB-07.
    #[test]
    fn strings_equal_under_the_rule_share_a_key() {
        let equal = [
            ("Bob@Example.COM", "bob@example.com"),
            ("STRASSE", "straße"),
            ("\u{ff21}da", "ada"),
            ("Zoe\u{308}", "ZO\u{cb}"),
            ("ΣΊΣΥΦΟΣ", "σίσυφος"),
            ("bo\u{200b}b", "bob"),
            ("\u{feff}soft\u{ad}ly", "softly"),
        ];
        for (left, right) in equal {
            assert_eq!(key(left, false), key(right, false), "{left} {right}");
        }
    }

    /// Shows AMB-07.
    #[test]
    fn case_exact_keeps_case_and_composes() {
        assert_ne!(key("Ab", true), key("ab", true));
        assert_eq!(key("Zoe\u{308}", true), key("Zo\u{eb}", true));
    }

    #[test]
    fn a_key_is_its_own_key() {
        for text in ["Straße", "İstanbul", "ﬁx", "ǅ", "Ａda", "ẞ", "ſ"] {
            let once = key(text, false).into_owned();
            assert_eq!(key(&once, false), once, "{text}");
        }
    }
}
