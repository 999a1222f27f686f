//! How far long work has come, shown to whoever looks at a terminal, and to nobody else.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use store::Progress;

const LOOK: &str = "{msg} {wide_bar} {percent}%, {eta} to go";

/// A bar on standard error, which is gone when it is dropped.
pub(crate) struct Bar(ProgressBar);

impl Bar {
    /// `work` says what is done, such as "Checking".
    pub(crate) fn new(work: &'static str) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template(LOOK) {
            bar.set_style(style);
        }
        Self(bar.with_message(work))
    }

    pub(crate) fn show(&self, progress: Progress) {
        self.0.set_length(progress.of);
        self.0.set_position(progress.done);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
