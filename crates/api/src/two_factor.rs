//! Whether two-factor is on, as owners and support are told.

use chrono::{DateTime, Utc};
use serde::Serialize;
use service::TwoFactorView;
use utoipa::ToSchema;

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TwoFactor {
    status: TwoFactorStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    enabled_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enrollment_expires_at: Option<DateTime<Utc>>,
}

#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TwoFactorStatus {
    Disabled,
    Enrolling,
    Enabled,
}

impl From<TwoFactorView> for TwoFactor {
    fn from(view: TwoFactorView) -> Self {
        let (status, enabled_at, enrollment_expires_at) = match view {
            TwoFactorView::Disabled => (TwoFactorStatus::Disabled, None, None),
            TwoFactorView::Enrolling { expires_at } => {
                (TwoFactorStatus::Enrolling, None, Some(expires_at))
            }
            TwoFactorView::Enabled { since } => (TwoFactorStatus::Enabled, Some(since), None),
        };
        Self {
            status,
            enabled_at,
            enrollment_expires_at,
        }
    }
}
