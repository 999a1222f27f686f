//! How values stand in columns.

use credentials::{KeyId, SecretKind};

pub(crate) fn key_column(key: KeyId) -> i32 {
    i32::try_from(key.0).unwrap_or(i32::MAX)
}

pub(crate) const fn kind_column(kind: SecretKind) -> &'static str {
    match kind {
        SecretKind::PasswordHash => "password",
        SecretKind::TotpSecret => "totp",
    }
}
