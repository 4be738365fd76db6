//! DateTime values (RFC 7643 §2.3.5: a valid xsd:dateTime).

use jiff::{Timestamp, civil};

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
    // jiff takes more forms than xsd:dateTime (RFC 9557 annotations, basic format): only the
    // shape `YYYY-MM-DDThh:mm:ss…` is let through to it.
    let bytes = text.as_bytes();
    let shaped = bytes.len() >= 19
        && bytes[4] == b'-'
        && bytes[7] == b'-'
        && bytes[10] == b'T'
        && bytes[13] == b':'
        && bytes[16] == b':'
        && !text.contains('[');
    if !shaped {
        return None;
    }
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant.as_nanosecond());
    }
    let zoned = bytes[19..].iter().any(|byte| matches!(byte, b'Z' | b'z' | b'+' | b'-'));
    if zoned {
        return None;
    }
    let civil: civil::DateTime = text.parse().ok()?;
    let instant = jiff::tz::TimeZone::UTC.to_timestamp(civil).ok()?;
    Some(instant.as_nanosecond())
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
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        time.year(),
        time.month(),
        time.day(),
        time.hour(),
        time.minute(),
        time.second(),
        time.millisecond()
    )
}

#[cfg(test)]
mod tests {
    use super::{format_millis, parse};

    #[test]
    fn only_a_date_with_a_time_is_taken() {
        for good in ["2011-05-13T04:42:34Z", "2011-05-13T04:42:34.123456+02:00", "2011-05-13T04:42:34"] {
            assert!(parse(good).is_some(), "{good}");
        }
        for bad in [
            "2011-05-13",
            "13/05/2011",
            "20110513T044234Z",
            "2011-05-13T04:42:34Z[UTC]",
            "2011-13-13T04:42:34Z",
            "é011-05-13T04:42:34Z",
            "",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_written_can_be_read() {
        for millis in [0, 1, 999, 1_764_000_000_123, -1] {
            assert_eq!(parse(&format_millis(millis)), Some(i128::from(millis) * 1_000_000));
        }
    }
}
