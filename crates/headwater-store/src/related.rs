//! The other side of a membership: as it is stored, and as clients see it.

use headwater_scim::Object;

use crate::{MemberId, Named, Related};

/// A membership from its columns: the id of the other side, its type and its display name.
pub(crate) fn of(id: &[u8], resource_type: Option<String>, display: Option<String>, direct: bool) -> Related {
    let id = MemberId::from_bytes(id);
    let named = match (id.resource_id(), resource_type) {
        (Some(id), Some(resource_type)) => Some(Named { id, resource_type, display }),
        _ => None,
    };
    Related { id, direct, named }
}

/// The other side of a membership as clients see it, but for `$ref`, which is added where the base
/// URL is known. Seen from the member (`inverse`), the type says how it belongs.
pub(crate) fn element(related: &Related, inverse: bool) -> Object {
    let mut element = Object::new();
    element.insert("value".to_owned(), related.id.to_text().into());
    if let Some(named) = &related.named {
        let shown = match (inverse, related.direct) {
            (false, _) => &*named.resource_type,
            (true, true) => "direct",
            (true, false) => "indirect",
        };
        element.insert("type".to_owned(), shown.into());
        if let Some(display) = &named.display {
            element.insert("display".to_owned(), display.as_str().into());
        }
    }
    element
}
