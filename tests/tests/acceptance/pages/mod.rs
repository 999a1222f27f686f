//! The pages, as what they are: HTML over HTTP, read without a browser.
mod addresses;
mod bodies;
mod cookies;
mod desks;
mod forms;
mod headers;
mod html;
mod inputs;
mod languages;
mod life;
mod parity;
mod return_to;
mod secrets;
mod staff;
mod tour;
pub(crate) mod visitor;
