//! Tokens: what a browser, a mailed link or a member of staff presents. A token names its owner
//! and its row, which are no secrets, and proves itself with 256 random bits, of which only a
//! keyed hash is stored. The kind is part of the hash: no token is ever taken for another.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use subtle::ConstantTimeEq;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::keyring::{Keyring, Purpose, UnknownKey};
use crate::keys::KeyId;
use crate::random::{Random, RandomUnavailable};

const SECRET: usize = 32;
const BYTES: usize = 16 + 16 + SECRET;
const BASE64: usize = (BYTES * 8).div_ceil(6);

/// The prefixes are permanent: secret scanners know them, and tokens live in clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// Of a bearer client.
    Session,
    /// Of a browser, in its cookie.
    BrowserSession,
    Challenge,
    Reset,
    Verification,
    Unblock,
    Staff,
    /// Of a member of staff's browser, in its cookie.
    StaffSession,
    Device,
}

impl TokenKind {
    pub const ALL: [Self; 9] = [
        Self::Session,
        Self::BrowserSession,
        Self::Challenge,
        Self::Reset,
        Self::Verification,
        Self::Unblock,
        Self::Staff,
        Self::StaffSession,
        Self::Device,
    ];

    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Session => "cs_session_",
            Self::BrowserSession => "cs_browser_",
            Self::Challenge => "cs_challenge_",
            Self::Reset => "cs_reset_",
            Self::Verification => "cs_verify_",
            Self::Unblock => "cs_unblock_",
            Self::Staff => "cs_staff_",
            Self::StaffSession => "cs_staffsession_",
            Self::Device => "cs_device_",
        }
    }
}

/// A token as it was issued or presented. Owner and id are claims until its hash has matched.
pub struct Token {
    kind: TokenKind,
    owner: Uuid,
    id: Uuid,
    secret: Zeroizing<[u8; SECRET]>,
}

/// What is stored of a device: its token is made from this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceNonce {
    pub key_id: KeyId,
    pub bytes: [u8; 16],
}

/// What is stored of a token.
#[derive(Clone)]
pub struct TokenHash {
    pub key_id: KeyId,
    pub hash: [u8; 32],
}

impl Token {
    pub fn generate(
        kind: TokenKind,
        owner: Uuid,
        id: Uuid,
        random: &dyn Random,
    ) -> Result<Self, RandomUnavailable> {
        Ok(Self {
            kind,
            owner,
            id,
            secret: Zeroizing::new(random.bytes()?),
        })
    }

    /// Takes exactly what [`reveal`](Self::reveal) gives for this kind, nothing around it and no
    /// other spelling.
    pub fn parse(kind: TokenKind, text: &str) -> Option<Self> {
        let encoded = text.strip_prefix(kind.prefix())?;
        if encoded.len() != BASE64 {
            return None;
        }
        let bytes = BASE64URL_NOPAD
            .decode(encoded.as_bytes())
            .map(Zeroizing::new)
            .ok()?;
        let (owner, rest) = bytes.split_first_chunk()?;
        let (id, secret) = rest.split_first_chunk()?;
        Some(Self {
            kind,
            owner: Uuid::from_bytes(*owner),
            id: Uuid::from_bytes(*id),
            secret: Zeroizing::new(secret.try_into().ok()?),
        })
    }

    pub const fn kind(&self) -> TokenKind {
        self.kind
    }

    pub const fn owner(&self) -> Uuid {
        self.owner
    }

    pub const fn id(&self) -> Uuid {
        self.id
    }

    /// The text that is handed out, once.
    pub fn reveal(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new([0; BYTES]);
        let parts: [&[u8]; 3] = [
            self.owner.as_bytes(),
            self.id.as_bytes(),
            self.secret.as_slice(),
        ];
        for (to, from) in bytes.iter_mut().zip(parts.into_iter().flatten()) {
            *to = *from;
        }
        let mut text = Zeroizing::new(String::with_capacity(self.kind.prefix().len() + BASE64));
        text.push_str(self.kind.prefix());
        BASE64URL_NOPAD.encode_append(bytes.as_slice(), &mut text);
        text
    }

    fn parts(&self) -> [&[u8]; 4] {
        [
            self.kind.prefix().as_bytes(),
            self.owner.as_bytes(),
            self.id.as_bytes(),
            self.secret.as_slice(),
        ]
    }
}

impl Keyring {
    /// The hash under the current key.
    pub fn token_hash(&self, token: &Token) -> TokenHash {
        let (key_id, hash) = self.current_mac(Purpose::TokenHash, &token.parts());
        TokenHash { key_id, hash }
    }

    /// Takes the same time for every token. A hash under an unknown key matches nothing.
    pub fn token_matches(&self, token: &Token, hash: &TokenHash) -> bool {
        self.verify_mac(Purpose::TokenHash, hash.key_id, &token.parts(), &hash.hash)
    }

    /// For a new device.
    pub fn device_nonce(&self, random: &dyn Random) -> Result<DeviceNonce, RandomUnavailable> {
        Ok(DeviceNonce {
            key_id: self.current(),
            bytes: random.bytes()?,
        })
    }

    /// A device token needs no hash in the database: its secret is an HMAC over account, device
    /// and the nonce of its row (an OWASP device cookie). A new nonce voids the old token.
    pub fn device_token(
        &self,
        account: Uuid,
        device: Uuid,
        nonce: &DeviceNonce,
    ) -> Result<Token, UnknownKey> {
        let parts: [&[u8]; 3] = [account.as_bytes(), device.as_bytes(), &nonce.bytes];
        let secret = Zeroizing::new(self.mac(Purpose::Device, nonce.key_id, &parts)?);
        Ok(Token {
            kind: TokenKind::Device,
            owner: account,
            id: device,
            secret,
        })
    }

    pub fn device_token_matches(&self, token: &Token, nonce: &DeviceNonce) -> bool {
        token.kind == TokenKind::Device
            && self
                .device_token(token.owner, token.id, nonce)
                .is_ok_and(|right| right.secret.ct_eq(token.secret.as_slice()).into())
    }

    /// A staff session stands in the member's history; as with a device token, nothing of its token is
    /// stored: the secret is an HMAC under the current key.
    pub fn staff_session_token(&self, staff: Uuid, session: Uuid) -> Token {
        let parts: [&[u8]; 2] = [staff.as_bytes(), session.as_bytes()];
        let (_, secret) = self.current_mac(Purpose::StaffSession, &parts);
        Token {
            kind: TokenKind::StaffSession,
            owner: staff,
            id: session,
            secret: Zeroizing::new(secret),
        }
    }

    pub fn staff_session_token_matches(&self, token: &Token) -> bool {
        let parts: [&[u8]; 2] = [token.owner.as_bytes(), token.id.as_bytes()];
        token.kind == TokenKind::StaffSession
            && self.any_mac_fits(Purpose::StaffSession, &parts, token.secret.as_slice())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenHash")
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
