//! DateTime values (RFC 7643 §2.3.5: a valid xsd:dateTime).

use jiff::{Timestamp, ToSpan, civil};

/// The instant that an xsd:dateTime names, in nanoseconds since 1970-01-01T00:00:00Z.
///
/// A value without a zone is valid xsd:dateTime and is taken as UTC. `None` when `text` is not a
/// date **and** time.
///
/// ```
/// use headwater_scim::date_time::parse;
/// assert_eq!(parse("1970-01-01T02:00:00+02:00"), Some(0));
/// assert_eq!(parse("1970-01-01T00:00:00.5"), Some(500_000_000));
/// assert_eq!(parse("1970-01-01"), None);
/// ```
pub fn parse(text: &str) -> Option<i128> {
    // The civil part is jiff's to judge; the shape is checked here, as jiff takes other ones too.
    let bytes = text.as_bytes();
    let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if bytes.len() < 19 || separators.iter().any(|&(position, separator)| bytes[position] != separator) {
        return None;
    }
    let zone = bytes[19..].iter().position(|byte| !byte.is_ascii_digit() && *byte != b'.');
    let (civil, zone) = text.split_at_checked(zone.map_or(text.len(), |zone| zone + 19))?;
    // Fractions may be longer than the nanoseconds that we count.
    let civil = civil.get(..29).unwrap_or(civil);
    let civil: civil::DateTime = match civil.get(10..).and_then(|time| time.strip_prefix("T24:00:00")) {
        // XML Schema Part 2 §3.3.7: the end of a day is the first instant of the next.
        Some(rest) if rest.bytes().all(|byte| matches!(byte, b'.' | b'0')) => {
            let midnight: civil::DateTime = format!("{}T00:00:00{rest}", &civil[..10]).parse().ok()?;
            midnight.checked_add(1.day()).ok()?
        }
        _ => civil.parse().ok()?,
    };
    let since = civil.duration_since(civil::date(1970, 1, 1).at(0, 0, 0, 0));
    Some(since.as_nanos() - offset(zone)? * 1_000_000_000)
}

/// What a zone is ahead of UTC, in seconds: `Z`, `±hh:mm`, or nothing.
fn offset(zone: &str) -> Option<i128> {
    if matches!(zone, "" | "Z" | "z") {
        return Some(0);
    }
    let (sign, rest) = match zone.as_bytes().first()? {
        b'+' => (1, &zone[1..]),
        b'-' => (-1, &zone[1..]),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let two_digits = |text: &str| {
        (text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| text.parse::<i128>().ok())?
    };
    let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
    (hours <= 14 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60))
}

/// Writes milliseconds since 1970 as `YYYY-MM-DDThh:mm:ss.sssZ`.
///
/// Instants outside the years -9999 to 9999 are written as the nearest one inside.
pub fn format_millis(millis: i64) -> String {
    let instant = Timestamp::from_millisecond(millis).unwrap_or(if millis < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    });
    let time = jiff::tz::TimeZone::UTC.to_datetime(instant);
    if time.year() < 0 {
        return format!("{time:.3}Z");
    }
    // Each answer has two of them: this takes a tenth of what `format!` takes.
    let mut text = *b"0000-00-00T00:00:00.000Z";
    let mut write = |places: std::ops::Range<usize>, number: i16| {
        let mut rest = number.unsigned_abs();
        for place in places.rev() {
            text[place] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
            rest /= 10;
        }
    };
    write(0..4, time.year());
    write(5..7, time.month().into());
    write(8..10, time.day().into());
    write(11..13, time.hour().into());
    write(14..16, time.minute().into());
    write(17..19, time.second().into());
    write(20..23, time.millisecond());
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{format_millis, parse};

    /// Shows SCH-011.
    #[test]
    fn only_a_date_with_a_time_is_taken() {
        for good in [
            "9999-12-31T23:59:59Z",
            "2011-05-13T04:42:34.1234567891234Z",
            "0001-01-01T00:00:00+14:00",
            "2011-05-13T04:42:34Z",
            "2011-05-13T04:42:34.123456+02:00",
            "2011-05-13T04:42:34",
            "2011-05-13T24:00:00Z",
            "2011-12-31T24:00:00.000+01:00",
        ] {
            assert!(parse(good).is_some(), "{good}");
        }
        for bad in [
            "2011-05-13",
            "13/05/2011",
            "20110513T044234Z",
            "2011-05-13T04:42:34Z[UTC]",
            "2011-13-13T04:42:34Z",
            "2011-05-13T04:42:34+2:00",
            "2011-05-13T04:42:34+15:00",
            "2011-05-13T24:00:01Z",
            "2011-05-13T24:01:00Z",
            "2011-05-13T24:00:00.1Z",
            "2011-05-13T04:42:34 Z",
            "2011-05-13T04:42:34,5Z",
            "2011-05-13T04:42:34é",
            "é011-05-13T04:42:34Z",
            "",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_written_is_padded_and_stays_within_the_years() {
        assert_eq!(format_millis(1_764_000_000_007), "2025-11-24T16:00:00.007Z");
        assert_eq!(format_millis(-62_135_596_800_000), "0001-01-01T00:00:00.000Z");
        assert_eq!(format_millis(-62_167_219_200_001), "-000001-12-31T23:59:59.999Z");
        assert!(format_millis(i64::MAX).starts_with("9999-12-30T"));
        assert!(format_millis(i64::MIN).starts_with("-009999-01-02T"));
    }

    #[test]
    fn what_is_written_can_be_read() {
        assert_eq!(parse("2011-12-31T24:00:00Z"), parse("2012-01-01T00:00:00Z"));
        for millis in [0, 1, 999, 1_764_000_000_123, -1] {
            assert_eq!(parse(&format_millis(millis)), Some(i128::from(millis) * 1_000_000));
        }
    }
}
