//! What may stand in a request: each field has a type, a bound and one rule. A rule never repeats
//! the value that it refuses.

use std::fmt;

use account::{EmailAddress, UnlockReason, UnlockTicket};
use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use utoipa::openapi::schema::{KnownFormat, Object, SchemaFormat, Type};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use zeroize::Zeroizing;

/// RFC 5321 allows 254 bytes; `EmailAddress` has the last word.
const MAX_EMAIL: usize = 254;
/// Characters. Far above what a password rule takes, so that a rule can say why it refuses.
const MAX_PASSWORD: usize = 4096;
pub(crate) const MAX_TOKEN: usize = edge::MAX_TOKEN;
const MAX_CODE: usize = 64;

/// Takes a JSON string and nothing else. Serde's own messages would repeat the value.
struct Text {
    max_characters: usize,
}

macro_rules! not_a_string {
    ($($method:ident: $type:ty),*) => {
        $(fn $method<E: Error>(self, _: $type) -> Result<Self::Value, E> {
            Err(E::custom("must be a string"))
        })*
    };
}

impl<'de> Visitor<'de> for Text {
    type Value = Zeroizing<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        self.visit_string(text.to_owned())
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Self::Value, E> {
        let text = Zeroizing::new(text);
        let max = self.max_characters;
        if text.len() > max && text.chars().count() > max {
            return Err(E::custom(format_args!("is longer than {max} characters")));
        }
        Ok(text)
    }

    not_a_string!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64);

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Err(E::custom("must be a string"))
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
        Err(A::Error::custom("must be a string"))
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
        Err(A::Error::custom("must be a string"))
    }
}

fn text<'de, D: Deserializer<'de>>(
    from: D,
    max_characters: usize,
) -> Result<Zeroizing<String>, D::Error> {
    from.deserialize_any(Text { max_characters })
}

fn string_schema(max_length: usize, description: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .max_length(Some(max_length))
        .description(Some(description))
}

macro_rules! secret_text {
    ($(#[$doc:meta])* $name:ident, $max:expr, $description:literal) => {
        $(#[$doc])*
        pub(crate) struct $name(Zeroizing<String>);

        impl std::ops::Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                text(from, $max).map(Self)
            }
        }

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                string_schema($max, $description)
                    .format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)))
                    .write_only(true)
                    .into()
            }
        }

        impl ToSchema for $name {}
    };
}

secret_text!(
    Password,
    MAX_PASSWORD,
    "A password, taken as it is: nothing is trimmed or cut."
);
secret_text!(Token, MAX_TOKEN, "A token as it was handed out.");
secret_text!(
    Code,
    MAX_CODE,
    "Six digits from the authenticator app. Spaces are ignored."
);

impl Password {
    pub(crate) fn into_inner(self) -> Zeroizing<String> {
        self.0
    }
}

impl Token {
    pub(crate) fn into_inner(self) -> Zeroizing<String> {
        self.0
    }
}

pub(crate) struct Email(pub(crate) EmailAddress);

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(…)")
    }
}

impl<'de> Deserialize<'de> for Email {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = text(from, MAX_EMAIL)?;
        text.parse().map(Self).map_err(D::Error::custom)
    }
}

impl PartialSchema for Email {
    fn schema() -> RefOr<Schema> {
        string_schema(MAX_EMAIL, "A mail address, without a quoted local part.")
            .min_length(Some(3))
            .format(Some(SchemaFormat::Custom("email".to_owned())))
            .into()
    }
}

impl ToSchema for Email {}

macro_rules! prose {
    ($name:ident, $prose:ty, $description:literal) => {
        #[derive(Debug)]
        pub(crate) struct $name(pub(crate) $prose);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = text(from, <$prose>::MAX)?;
                text.parse().map(Self).map_err(D::Error::custom)
            }
        }

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                string_schema(<$prose>::MAX, $description)
                    .min_length(Some(1))
                    .pattern(Some(
                        r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*$",
                    ))
                    .into()
            }
        }

        impl ToSchema for $name {}
    };
}

prose!(
    Reason,
    UnlockReason,
    "Why, in words that a later reader understands. Not blank."
);
prose!(
    Ticket,
    UnlockTicket,
    "The case in the helpdesk that this belongs to."
);

/// How a session or device token comes back: in a cookie, or in the answer's body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Transport {
    #[default]
    Cookie,
    Bearer,
}

impl<'de> Deserialize<'de> for Transport {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match text(from, usize::MAX)?.as_str() {
            "cookie" => Ok(Self::Cookie),
            "bearer" => Ok(Self::Bearer),
            _ => Err(D::Error::custom("must be cookie or bearer")),
        }
    }
}

impl From<Transport> for service::Transport {
    fn from(transport: Transport) -> Self {
        match transport {
            Transport::Cookie => Self::Cookie,
            Transport::Bearer => Self::Bearer,
        }
    }
}

impl PartialSchema for Transport {
    fn schema() -> RefOr<Schema> {
        Object::builder()
            .schema_type(Type::String)
            .enum_values(Some(["cookie", "bearer"]))
            .default(Some("cookie".into()))
            .description(Some(
                "How the token comes back: in a cookie, or in the body.",
            ))
            .into()
    }
}

impl ToSchema for Transport {}

/// A secret on its way out: the one type here that writes one, for the answer that issues it.
pub(crate) struct Issued(pub(crate) Zeroizing<String>);

impl Serialize for Issued {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0)
    }
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Issued(…)")
    }
}
