//! Who of the staff made a request, once that is proved; for the record of refused calls.

use std::sync::{Arc, OnceLock};

use axum::http::request::Parts;
use service::StaffMember;

#[derive(Clone, Debug, Default)]
pub struct Attendance(Arc<OnceLock<StaffMember>>);

impl Attendance {
    pub fn note(parts: &Parts, member: StaffMember) {
        if let Some(attendance) = parts.extensions.get::<Self>() {
            attendance.attended_by(member);
        }
    }

    pub fn attended_by(&self, member: StaffMember) {
        self.0.get_or_init(|| member);
    }

    pub fn member(&self) -> Option<&StaffMember> {
        self.0.get()
    }
}
