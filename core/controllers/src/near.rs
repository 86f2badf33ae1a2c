//! Reads for admission: from the nearest copy, without a round trip, because they are made for every
//! object that is created. What somebody has just stored elsewhere may count a moment later.

use quorate_resources::{Error, Object, Objects, PageRequest};
use quorate_store::Consistency;
use quorate_types::GroupKind;

/// All objects of a kind, of one namespace or of all; none if the kind is not registered.
pub(crate) async fn list(
    objects: &Objects,
    kind: GroupKind,
    namespace: Option<&str>,
) -> Result<Vec<Object>, Error> {
    if objects.registry().kind(&kind).is_none() {
        return Ok(Vec::new());
    }
    let mut request = PageRequest::new(kind, namespace);
    request.consistency = Consistency::Serializable;
    Ok(objects.page(request).await?.items)
}
