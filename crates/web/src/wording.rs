//! Failures of use cases, in words for the person at the form.

use chrono::{DateTime, Utc};
use edge::problem::Problem;
use fluent_templates::fluent_bundle::FluentValue;
use service::{Error, PasswordRejection};

use crate::faults::Faults;
use crate::frame::{self, Frame};
use crate::instead::Instead;
use crate::language::Language;

/// A failure that the form says itself, with the field it is about.
pub(crate) struct Told {
    pub(crate) problem: Problem,
    pub(crate) faults: Faults,
}

/// What `error` says at `field`; every other failure is a page of its own.
pub(crate) fn told(
    frame: &Frame,
    error: Error,
    field: &'static str,
    text: &str,
) -> Result<Told, Instead> {
    let message = match &error {
        Error::InvalidCredentials | Error::InvalidCode => frame.say(text),
        Error::TooManyAttempts { retry_after } => frame.with(
            "too-many-attempts",
            "wait",
            frame::wait(frame.language(), *retry_after),
        ),
        Error::Overloaded { retry_after } => frame.with(
            "overloaded",
            "wait",
            frame::wait(frame.language(), *retry_after),
        ),
        Error::PasswordRejected(rejection) => rejected(frame, *rejection),
        Error::ReasonMissing => frame.say("unlock-reason-missing"),
        _ => return Err(Problem::from(error).into()),
    };
    let field = match &error {
        Error::PasswordRejected(_) => "new_password",
        _ => field,
    };
    Ok(Told {
        faults: Faults::at(field, message),
        problem: error.into(),
    })
}

/// The name of the text that says why a password is refused.
pub(crate) fn rejection(rejection: PasswordRejection) -> String {
    format!("password-{}", rejection.reason().replace('_', "-"))
}

fn rejected(frame: &Frame, rejection: PasswordRejection) -> String {
    let text = self::rejection(rejection);
    match rejection {
        PasswordRejection::TooShort { min } => frame.count(&text, min),
        PasswordRejection::TooLong
        | PasswordRejection::UnassignedCharacter
        | PasswordRejection::Common
        | PasswordRejection::AboutYouOrThisService => frame.say(&text),
    }
}

/// A moment, the same everywhere; a script shows it in the reader's own time.
pub(crate) struct Moment {
    pub(crate) machine: String,
    pub(crate) people: String,
}

pub(crate) fn moment(at: DateTime<Utc>) -> Moment {
    Moment {
        machine: at.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
        people: at.format("%Y-%m-%d %H:%M UTC").to_string(),
    }
}

/// As auditors compare it: to the microsecond.
pub(crate) fn exactly(at: &str) -> Moment {
    Moment {
        machine: at.to_owned(),
        people: at.to_owned(),
    }
}

/// Of an event.
pub(crate) fn recorded(at: &str) -> Moment {
    match at.parse::<DateTime<Utc>>() {
        Ok(time) => Moment {
            machine: time.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string(),
            people: time.format("%Y-%m-%d %H:%M:%S UTC").to_string(),
        },
        Err(_) => Moment {
            machine: at.to_owned(),
            people: at.to_owned(),
        },
    }
}

/// An event of a history as a sentence.
pub(crate) fn sentence(language: &Language, event_type: &str, about: Option<&str>) -> String {
    let text = format!("event-{event_type}");
    let about = about.unwrap_or("").replace('_', "-");
    language.say_with(&text, &[("about", FluentValue::from(about))])
}
