//! Every way in which a call can fail, as a closed list, and its RFC 9457 document.
//!
//! A [`Problem`] travels as a response extension: a layer has it rendered, as a document or as a
//! page, with the request's id, and logs the cause, which never leaves the process.

use std::borrow::Cow;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// The `type` of a problem is this, followed by its code.
pub const TYPE_PREFIX: &str = "urn:countersign:problem:";

/// When a client may try again after a fault that is not its own.
const UNAVAILABLE_RETRY: Duration = Duration::from_secs(5);

macro_rules! problem_codes {
    ($($code:ident $name:literal $status:ident $title:literal $detail:literal;)*) => {
        /// A permanent name of a failure. Clients branch on it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code {
            $($code,)*
        }

        impl Code {
            pub const ALL: &[Self] = &[$(Self::$code,)*];

            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$code => $name,)*
                }
            }

            pub const fn status(self) -> StatusCode {
                match self {
                    $(Self::$code => StatusCode::$status,)*
                }
            }

            pub const fn title(self) -> &'static str {
                match self {
                    $(Self::$code => $title,)*
                }
            }

            /// What is said where nothing more particular can be.
            pub const fn detail(self) -> &'static str {
                match self {
                    $(Self::$code => $detail,)*
                }
            }
        }
    };
}

problem_codes! {
    InvalidRequest "invalid_request" BAD_REQUEST
        "Invalid request" "The request is not what this call takes.";
    Unauthenticated "unauthenticated" UNAUTHORIZED
        "Not signed in" "The call needs a session or a staff token that is in force.";
    InvalidCredentials "invalid_credentials" UNAUTHORIZED
        "Invalid credentials" "The credentials are not right.";
    InvalidCode "invalid_code" UNAUTHORIZED
        "Invalid code" "The code was not accepted. Wait for the next one.";
    ChallengeExpired "challenge_expired" UNAUTHORIZED
        "Challenge expired" "This sign-in can not be completed. Start again with the password.";
    Forbidden "forbidden" FORBIDDEN
        "Forbidden" "This caller may not do that.";
    CrossSiteRequest "cross_site_request" FORBIDDEN
        "Cross-site request" "A change with a cookie must come from our own pages.";
    NotFound "not_found" NOT_FOUND
        "Not found" "There is nothing here.";
    MethodNotAllowed "method_not_allowed" METHOD_NOT_ALLOWED
        "Method not allowed" "This path does not have that method.";
    TwoFactorAlreadyEnabled "two_factor_already_enabled" CONFLICT
        "Two-factor is on" "Two-factor authentication is already on. Turn it off first.";
    TwoFactorNotEnabled "two_factor_not_enabled" CONFLICT
        "Two-factor is off" "Two-factor authentication is not on.";
    NoEnrollment "no_enrollment" CONFLICT
        "No enrollment" "No enrollment is pending. Start one first.";
    NothingToUnlock "nothing_to_unlock" CONFLICT
        "Nothing to unlock" "The account is not locked and two-factor is off.";
    TokenExpired "token_expired" GONE
        "Token expired" "The link is unknown, used or too old. Ask for a new one.";
    PayloadTooLarge "payload_too_large" PAYLOAD_TOO_LARGE
        "Payload too large" "The body is longer than 64 KiB.";
    UnsupportedMediaType "unsupported_media_type" UNSUPPORTED_MEDIA_TYPE
        "Unsupported media type" "The body must be application/json in UTF-8.";
    PasswordRejected "password_rejected" UNPROCESSABLE_ENTITY
        "Password rejected" "The password can not be used.";
    ReasonRequired "reason_required" UNPROCESSABLE_ENTITY
        "Reason required" "An unlock needs a reason.";
    IdempotencyKeyReused "idempotency_key_reused" UNPROCESSABLE_ENTITY
        "Idempotency key reused" "The Idempotency-Key belongs to another request.";
    TooManyAttempts "too_many_attempts" TOO_MANY_REQUESTS
        "Too many attempts" "Wait before the next attempt.";
    Internal "internal" INTERNAL_SERVER_ERROR
        "Internal error" "Something went wrong here. The request id finds it in the log.";
    Overloaded "overloaded" SERVICE_UNAVAILABLE
        "Overloaded" "Too much is going on. Try again soon.";
    Unavailable "unavailable" SERVICE_UNAVAILABLE
        "Unavailable" "The service can not answer now. Try again soon.";
}

/// One thing that is wrong with a request; the pointer is a JSON pointer into its body, or names
/// a query parameter or a header in the same way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    pub pointer: Cow<'static, str>,
    pub detail: Cow<'static, str>,
}

impl FieldError {
    pub fn new(
        pointer: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            pointer: pointer.into(),
            detail: detail.into(),
        }
    }
}

#[derive(Clone, Debug)]
pub struct Problem {
    code: Code,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    retry_after: Option<Duration>,
    cause: Option<Arc<dyn Error + Send + Sync>>,
}

impl Problem {
    pub const fn new(code: Code) -> Self {
        Self {
            code,
            detail: Cow::Borrowed(code.detail()),
            errors: Vec::new(),
            retry_after: None,
            cause: None,
        }
    }

    /// A 400 that says what is wrong where.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        Self {
            errors,
            ..Self::new(Code::InvalidRequest)
        }
    }

    pub fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Code::Internal).because(cause)
    }

    pub fn unavailable(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::retry(Code::Unavailable, UNAVAILABLE_RETRY).because(cause)
    }

    pub fn retry(code: Code, after: Duration) -> Self {
        Self {
            retry_after: Some(after),
            ..Self::new(code)
        }
    }

    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = detail.into();
        self
    }

    /// Says which field the problem is about, where it is about one.
    #[must_use]
    pub fn at(mut self, pointer: &'static str) -> Self {
        for error in &mut self.errors {
            error.pointer = Cow::Borrowed(pointer);
        }
        self
    }

    fn because(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.cause = Some(Arc::from(cause.into()));
        self
    }

    fn rejected(code: Code, pointer: &'static str, reason: String) -> Self {
        Self {
            errors: vec![FieldError::new(pointer, reason.clone())],
            ..Self::new(code).with_detail(reason)
        }
    }

    pub const fn code(&self) -> Code {
        self.code
    }

    pub fn detail(&self) -> &str {
        &self.detail
    }

    pub fn errors(&self) -> &[FieldError] {
        &self.errors
    }

    /// For the log only.
    pub fn cause(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        self.cause.as_deref()
    }

    /// Whole seconds, rounded up, at least one.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        let wait = self.retry_after?;
        let started = u64::from(wait.subsec_nanos() > 0);
        Some(wait.as_secs().saturating_add(started).max(1))
    }
}

/// An extension of an answer that tells of a problem by itself, such as a form that says what is
/// wrong with it.
#[derive(Clone, Debug)]
pub struct Shown(pub Problem);

/// The problem that an answer tells of, whoever writes it.
pub fn of(response: &Response) -> Option<&Problem> {
    let extensions = response.extensions();
    extensions
        .get::<Problem>()
        .or_else(|| extensions.get::<Shown>().map(|Shown(problem)| problem))
}

/// The status and the headers. The rest is written by the layer that knows the request.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.code.status().into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after_seconds() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.code.status() == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        // The rest of the body is not read, so nothing can follow it.
        if self.code == Code::PayloadTooLarge {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<service::Error> for Problem {
    fn from(error: service::Error) -> Self {
        use service::Error as E;
        match error {
            E::InvalidCredentials => Self::new(Code::InvalidCredentials),
            E::InvalidCode => Self::new(Code::InvalidCode),
            E::ChallengeExpired => Self::new(Code::ChallengeExpired),
            E::TokenExpired => Self::new(Code::TokenExpired),
            E::PasswordRejected(reason) => {
                Self::rejected(Code::PasswordRejected, "/password", reason.to_string())
            }
            E::TooManyAttempts { retry_after } => Self::retry(Code::TooManyAttempts, retry_after),
            E::Unauthenticated => Self::new(Code::Unauthenticated),
            E::NotFound => Self::new(Code::NotFound),
            E::TwoFactorAlreadyEnabled => Self::new(Code::TwoFactorAlreadyEnabled),
            E::TwoFactorNotEnabled => Self::new(Code::TwoFactorNotEnabled),
            E::NoEnrollment => Self::new(Code::NoEnrollment),
            E::NothingToUnlock => Self::new(Code::NothingToUnlock),
            E::ReasonMissing => Self::rejected(
                Code::ReasonRequired,
                "/reason",
                "must say why the account is unlocked".to_owned(),
            ),
            E::IdempotencyKeyReused => Self::new(Code::IdempotencyKeyReused),
            E::BeyondHistory => {
                Self::invalid(vec![FieldError::new("/at", "is outside of the history")])
            }
            E::BeyondLog { parameter } => {
                let pointer = format!("/{parameter}");
                Self::invalid(vec![FieldError::new(pointer, "is outside of the log")])
            }
            E::OtherEpoch { current } => {
                let detail = format!("is not the epoch of the log, which is {current}");
                Self::invalid(vec![FieldError::new("/Countersign-Epoch", detail)])
            }
            E::Overloaded { retry_after } => Self::retry(Code::Overloaded, retry_after),
            E::Unavailable(cause) => Self::unavailable(cause),
            E::Internal(cause) => Self::internal(cause),
            // No call over HTTP opens an account by its address, since registering answers alike, or
            // erases one.
            E::AddressTaken | E::AlreadyErased => Self::internal(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retry_is_told_in_whole_seconds_rounded_up_and_at_least_one() {
        for (wait, seconds) in [
            (Duration::ZERO, 1),
            (Duration::from_millis(1), 1),
            (Duration::from_secs(1), 1),
            (Duration::from_millis(1001), 2),
            (Duration::MAX, u64::MAX),
        ] {
            let problem = Problem::retry(Code::TooManyAttempts, wait);
            assert_eq!(problem.retry_after_seconds(), Some(seconds), "{wait:?}");
        }
        assert_eq!(Problem::new(Code::NotFound).retry_after_seconds(), None);
    }

    #[test]
    fn codes_are_unique_snake_case_names_of_errors() {
        let mut names: Vec<_> = Code::ALL.iter().map(|code| code.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Code::ALL.len());
        for code in Code::ALL {
            assert!(code.status().is_client_error() || code.status().is_server_error());
            let snake = |c: char| c.is_ascii_lowercase() || c == '_';
            assert!(code.name().chars().all(snake), "{}", code.name());
        }
    }

    #[test]
    fn a_cause_is_kept_for_the_log_and_out_of_what_is_told() {
        let problem = Problem::from(service::Error::Unavailable("connection refused".into()));
        assert_eq!(problem.code(), Code::Unavailable);
        assert_eq!(problem.retry_after_seconds(), Some(5));
        assert!(!problem.detail().contains("refused"));
        assert!(
            problem
                .cause()
                .is_some_and(|c| c.to_string().contains("refused"))
        );
    }

    #[test]
    fn a_refusal_of_a_field_points_at_it() {
        let problem = Problem::from(service::Error::ReasonMissing);
        assert_eq!(problem.code(), Code::ReasonRequired);
        assert_eq!(problem.errors().first().unwrap().pointer, "/reason");
        let problem = problem.at("/why");
        assert_eq!(problem.errors().first().unwrap().pointer, "/why");
    }

    #[test]
    fn every_401_names_the_scheme_and_every_wait_its_end() {
        let response = Problem::new(Code::InvalidCode).into_response();
        assert_eq!(response.headers()[header::WWW_AUTHENTICATE], "Bearer");
        let waiting = service::Error::TooManyAttempts {
            retry_after: Duration::from_millis(29_100),
        };
        let response = Problem::from(waiting).into_response();
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(response.headers()[header::RETRY_AFTER], "30");
    }
}
