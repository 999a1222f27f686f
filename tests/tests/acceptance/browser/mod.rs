//! The pages in a real browser.

mod every_page;
mod keyboard;
mod life;
mod secret;
