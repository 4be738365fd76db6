//! Moments as they are written: RFC 3339 in UTC, with milliseconds.

use headwater_store::Millis;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, schema::Type},
};

/// A moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(pub(super) Millis);

impl Moment {
    pub(super) fn maybe(millis: Option<Millis>) -> Option<Self> {
        millis.map(Self)
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let moment = jiff::Timestamp::from_millisecond(self.0).unwrap_or_default();
        serializer.collect_str(&format_args!("{moment:.3}"))
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let moment: jiff::Timestamp = match text.parse() {
            Ok(moment) => moment,
            // The last two days that RFC 3339 has, which many write for "never".
            Err(_) if is_never(&text) => jiff::Timestamp::MAX,
            Err(_) => {
                let detail = format!("{text:?} is not a moment such as 2027-01-31T00:00:00Z");
                return Err(D::Error::custom(detail));
            }
        };
        Ok(Self(moment.as_millisecond()))
    }
}

/// Whether a text is a moment of those days, which have one year fewer in what can be computed with.
fn is_never(text: &str) -> bool {
    let rest = text.strip_prefix("9999").filter(|rest| rest.starts_with("-12-3"));
    rest.is_some_and(|rest| format!("9998{rest}").parse::<jiff::Timestamp>().is_ok())
}

impl PartialSchema for Moment {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .description(Some("A moment: RFC 3339 in UTC, with milliseconds."))
            .examples(["2026-11-25T10:00:00.123Z"])
            .into()
    }
}

impl ToSchema for Moment {
    fn name() -> std::borrow::Cow<'static, str> {
        "Moment".into()
    }
}

#[cfg(test)]
mod tests {
    use super::Moment;

    #[test]
    fn moments_are_read() {
        let read = |text: &str| serde_json::from_value::<Moment>(text.into()).map(|moment| moment.0).ok();
        assert_eq!(read("1970-01-01T00:00:01.5Z"), Some(1_500));
        let never = Some(jiff::Timestamp::MAX.as_millisecond());
        for text in ["9999-12-30T23:00:00.1Z", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59.999Z"] {
            assert_eq!(read(text), never, "{text}");
        }
        for text in ["", "never", "9999-12-3", "9999-12-3 or so", "9999-12-31T25:00:00Z", "2026-12-01"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
