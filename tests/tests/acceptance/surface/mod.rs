//! What stands between the network and the use cases: headers, hostile input, who may call what,
//! the published description, staff and auditors, and the proxy in front.
mod authorization;
mod bad_input;
mod bad_requests;
pub(crate) mod contract;
mod cookies;
mod cross_site;
mod feed;
mod forward_auth;
mod headers;
mod history;
mod internal;
mod interpreters;
mod methods;
mod openapi;
mod problems;
pub(crate) mod raw;
mod request_ids;
mod safe_methods;
mod schemathesis;
mod staff_examine;
pub(crate) mod staff_record;
mod staff_revoke;
mod staff_unlock;
mod token_purposes;
pub(crate) mod world;
