//! The results of credential checks, as facts for a decision. Only `credentials` can know them,
//! and each names the credential that it is about: a verdict about a replaced credential is
//! refused by the decision itself.

use crate::CredentialId;

/// Whether a presented password was the one behind `credential`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordVerdict {
    pub credential: CredentialId,
    pub matched: bool,
}

impl PasswordVerdict {
    pub const fn new(credential: CredentialId, matched: bool) -> Self {
        Self {
            credential,
            matched,
        }
    }
}

/// The RFC 6238 time steps within the window whose code equals the presented one: usually none or
/// one, two when two steps happen to share their digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeVerdict {
    pub authenticator: CredentialId,
    pub steps: Vec<u64>,
}

impl CodeVerdict {
    pub const fn new(authenticator: CredentialId, steps: Vec<u64>) -> Self {
        Self {
            authenticator,
            steps,
        }
    }

    /// The step that this code may still be accepted for: the first after the last one spent.
    pub fn fresh_step(&self, last_spent: Option<u64>) -> Option<u64> {
        self.steps
            .iter()
            .copied()
            .filter(|step| last_spent.is_none_or(|last| *step > last))
            .min()
    }
}
