//! What stands around every request, whether JSON or a page answers it: the layers, who calls and
//! with which credentials, our cookies, and the closed list of what can go wrong.

mod attendance;
pub mod cookies;
pub mod credentials;
mod event_stream;
pub mod layers;
mod lines;
mod metrics;
pub mod problem;
mod settings;
mod source;
mod staff_record;

pub use attendance::Attendance;
pub use event_stream::{Frame, event_stream};
pub use lines::lines;
pub use metrics::Metrics;
pub use settings::{Edge, HttpSettings};
pub use source::caller;
pub use staff_record::record_refusals;

/// Characters of the longest token that we would hand out, with room to spare.
pub const MAX_TOKEN: usize = 200;
