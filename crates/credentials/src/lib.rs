//! The only code that sees secrets: passwords and their Argon2id hashes, TOTP secrets, tokens,
//! and the keys under which everything personal is sealed.
//!
//! Nothing here knows a database or a request. Time and randomness are arguments, a secret has a
//! type that cannot be printed, serialised or compared with `==`, and its memory is wiped.
//!
//! Read in this order: [`Random`], [`MasterKeys`] and [`Keyring`], [`DataKey`], [`Token`], then
//! [`NewPassword`] with [`HashingPool`], and [`TotpSecret`].

mod aead;
mod blocklist;
mod context;
mod form;
mod hashing;
mod keyring;
mod keys;
mod log_signing;
mod password;
mod phc;
mod pool;
pub mod qr;
mod random;
mod sealing;
mod token;
mod totp;

pub use aead::{SealError, Unsealable};
pub use context::PasswordContext;
pub use hashing::{HashingSettings, WeakHashing};
pub use keyring::{KeySource, Keyring, KeysLost, MacKey, Purpose, Sealed, UnknownKey};
pub use keys::{KeyFileError, KeyId, MasterKeys, NoFurtherKey, NotAKeyId};
pub use log_signing::{LogSigner, Unsignable};
pub use password::{
    NewPassword, PasswordRejection, PasswordRules, PresentedPassword, UNICODE_VERSION,
};
pub use phc::{MalformedPasswordHash, PasswordHash};
pub use pool::{HashingError, HashingPermit, HashingPool, HashingStatistics};
pub use random::{Random, RandomUnavailable, SystemRandom};
pub use sealing::{DataKey, Field, SealedSecret, SecretKind, WrappedKey};
pub use token::{DeviceNonce, Token, TokenHash, TokenKind};
pub use totp::{TotpCode, TotpSecret, WrongSecretLength};
