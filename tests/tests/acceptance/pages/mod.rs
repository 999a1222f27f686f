//! The pages, as what they are: HTML over HTTP, read without a browser.
mod addresses;
mod desks;
mod forms;
mod headers;
mod html;
mod languages;
mod parity;
mod return_to;
mod secrets;
mod staff;
mod tour;
mod visitor;
