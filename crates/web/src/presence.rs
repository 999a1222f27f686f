//! Who is at a page, once that is proved: a page that tells of a failure is framed for them as well.

use std::sync::{Arc, OnceLock};

use axum::extract::Request;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use service::{FormFor, Secret};

use crate::frame::Area;

/// An extension of each request, and of its answer.
#[derive(Clone, Default)]
pub(crate) struct Presence(Arc<OnceLock<Standing>>);

#[derive(Clone)]
pub(crate) struct Standing {
    pub(crate) whom: FormFor,
    pub(crate) area: Area,
    /// What only this browser holds.
    pub(crate) browser_key: Secret,
}

impl Presence {
    pub(crate) fn note(parts: &Parts, standing: Standing) {
        if let Some(Self(slot)) = parts.extensions.get() {
            slot.get_or_init(|| standing);
        }
    }

    pub(crate) fn standing(&self) -> Option<&Standing> {
        self.0.get()
    }
}

pub(crate) async fn note_presence(mut request: Request, next: Next) -> Response {
    let presence = Presence::default();
    request.extensions_mut().insert(presence.clone());
    let mut response = next.run(request).await;
    response.extensions_mut().insert(presence);
    response
}
