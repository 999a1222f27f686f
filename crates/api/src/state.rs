//! What handlers share.

use axum::extract::FromRef;
use edge::Edge;
use service::Service;

#[derive(Clone, Debug)]
pub(crate) struct Api {
    pub(crate) service: Service,
    pub(crate) edge: Edge,
}

impl FromRef<Api> for Service {
    fn from_ref(api: &Api) -> Self {
        api.service.clone()
    }
}

impl FromRef<Api> for Edge {
    fn from_ref(api: &Api) -> Self {
        api.edge.clone()
    }
}
