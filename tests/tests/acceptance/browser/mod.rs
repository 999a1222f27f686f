//! The pages in a real browser.

mod comforts;
mod every_page;
mod keyboard;
mod life;
mod secret;
