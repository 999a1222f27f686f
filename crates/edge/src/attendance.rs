//! Who of the staff made a request, once that is proved; for the record of refused calls.

use std::sync::{Arc, OnceLock};

use axum::http::request::Parts;
use service::{Caller, StaffMember};

#[derive(Clone, Debug, Default)]
pub struct Attendance(Arc<OnceLock<(Caller, StaffMember)>>);

impl Attendance {
    pub fn note(parts: &Parts, caller: &Caller, member: &StaffMember) {
        if let Some(attendance) = parts.extensions.get::<Self>() {
            attendance.attended_by(caller, member);
        }
    }

    pub fn attended_by(&self, caller: &Caller, member: &StaffMember) {
        self.0.get_or_init(|| (caller.clone(), member.clone()));
    }

    pub fn who(&self) -> Option<&(Caller, StaffMember)> {
        self.0.get()
    }
}
