//! Identifiers. All are UUIDv7, made by the caller from its clock and random source; none of
//! them is a secret or opens anything.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            pub const fn from_uuid(id: Uuid) -> Self {
                Self(id)
            }

            pub const fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

identifier!(
    /// An account, and the stream `account/<id>` that holds its history.
    AccountId
);
identifier!(
    /// A member of staff, and the stream `staff/<id>` that holds what they did.
    StaffId
);
identifier!(SessionId);
identifier!(
    /// A sign-in whose password was right and whose code is still awaited.
    ChallengeId
);
identifier!(
    /// One mailed reset link.
    ResetId
);
identifier!(
    /// One password hash or one TOTP secret; a new one at every change, so that a verdict about a
    /// replaced credential is recognised.
    CredentialId
);
identifier!(
    /// A browser in which a member of staff is signed in.
    StaffSessionId
);
identifier!(
    /// A browser or client that once completed a sign-in.
    DeviceId
);
