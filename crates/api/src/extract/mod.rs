//! What handlers take as arguments. Each refuses what it does not understand as a problem, and
//! authority is a type: a handler that needs a support agent takes a [`SupportAgent`].

mod body;
mod explain;
mod filter;
mod headers;
mod id;
mod owner;
mod query;
mod staff;
#[cfg(test)]
mod tests;
mod visitor;

pub(crate) use body::JsonBody;
pub(crate) use filter::{AskedActor, AskedInstant, AskedTypes};
pub(crate) use headers::{
    EPOCH, EventsForm, IdempotencyKey, KnownDevice, LastEventId, LogEpoch, WantsJson,
};
pub(crate) use id::{AccountPath, PositionPath, SessionPath, TilePath};
pub(crate) use owner::SignedIn;
pub(crate) use query::{PageLimit, Params, Point, Position};
pub(crate) use staff::{Auditor, SupportAgent};
pub(crate) use visitor::Visitor;
