//! What was once written can be read for ever: `fixtures/events` holds a payload of every version
//! of every event, as text that is never edited. A new version gets a new file and an upcaster.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use cqrs_es::persist::{EventUpcaster, SemanticVersionEventUpcaster, SerializedEvent};
use cqrs_es::{Aggregate, DomainEvent, EventEnvelope};
use serde_json::{Value, json};

use super::{
    AccountEvent, Attempts, CodeRejection, Factor, Occasion, Opening, PasswordPurpose, SessionEnd,
};
use crate::log::{Log, LogEvent};
use crate::staff::{Role, Staff, StaffAct, StaffEvent};
use crate::{Account, Actor, Metadata, upcasters};

/// The names of all variants. A variant that is missing from a list does not compile.
macro_rules! every_variant {
    ($event:ident: $($variant:ident),+ $(,)?) => {{
        const fn checked(event: &$event) -> &'static str {
            match event {
                $($event::$variant { .. } => stringify!($variant)),+
            }
        }
        (checked as fn(&$event) -> &'static str, vec![$(stringify!($variant)),+])
    }};
}

type Variants<E> = (fn(&E) -> &'static str, Vec<&'static str>);

fn account_events() -> Variants<AccountEvent> {
    every_variant!(
        AccountEvent: AccountOpened,
        PasswordChanged,
        PasswordRehashed,
        PasswordResetRequested,
        PasswordReset,
        PasswordRejected,
        AttemptsThrottled,
        SecondFactorRequested,
        CodeRejected,
        SignedIn,
        SignedOut,
        SessionsEnded,
        DeviceRemembered,
        EnrollmentStarted,
        EnrollmentCancelled,
        EnrollmentCodeRejected,
        TwoFactorEnabled,
        TwoFactorDisabled,
        AccountUnlocked,
        AccountErased,
        AccountRecovered,
    )
}

fn staff_events() -> Variants<StaffEvent> {
    fn name(event: &StaffEvent) -> &'static str {
        match event {
            StaffEvent::Act(act) => staff_acts().0(act),
            StaffEvent::StaffIssued { .. } => "StaffIssued",
            StaffEvent::StaffRevoked { .. } => "StaffRevoked",
        }
    }
    let of_the_token = ["StaffIssued", "StaffRevoked"].into_iter();
    (name, of_the_token.chain(staff_acts().1).collect())
}

fn staff_acts() -> Variants<StaffAct> {
    every_variant!(
        StaffAct: AccountSearched,
        AccountViewed,
        HistoryRead,
        StateRead,
        FeedRead,
        CheckpointRead,
        InclusionProved,
        ConsistencyProved,
        TileRead,
        CallRefused,
        UnlockRepeated,
        StaffSignedIn,
        StaffSignedOut,
    )
}

fn log_events() -> Variants<LogEvent> {
    fn name(event: &LogEvent) -> &'static str {
        match event {
            LogEvent::EpochOpened(_) => "EpochOpened",
        }
    }
    (name, vec!["EpochOpened"])
}

/// The payload of every file `<Type>-v<version>.json`.
fn fixtures() -> BTreeMap<(String, String), String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/events");
    fs::read_dir(folder)
        .unwrap()
        .map(|file| {
            let path = file.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap();
            let (event_type, version) = name.split_once("-v").unwrap();
            let text = fs::read_to_string(&path).unwrap();
            let key = (event_type.to_owned(), version.to_owned());
            (key, text.trim_end().to_owned())
        })
        .collect()
}

/// As a store reads an event: through the upcasters, in their order.
fn read<A: Aggregate>(
    event_type: &str,
    version: &str,
    payload: &str,
    upcasters: &[Box<dyn EventUpcaster>],
) -> A::Event {
    let stored = SerializedEvent::new(
        "0198c5a1-7b2e-7001-8a00-000000000001".to_owned(),
        1,
        A::TYPE.to_owned(),
        event_type.to_owned(),
        version.to_owned(),
        serde_json::from_str(payload).unwrap(),
        json!({}),
    );
    let present = upcasters.iter().fold(stored, |event, upcaster| {
        if upcaster.can_upcast(&event.event_type, &event.event_version) {
            upcaster.upcast(event)
        } else {
            event
        }
    });
    EventEnvelope::<A>::try_from(present).unwrap().payload
}

fn check_fixtures<A: Aggregate>((name_of, names): Variants<A::Event>) -> BTreeSet<String> {
    let mut of_present_version = BTreeSet::new();
    for ((event_type, version), text) in fixtures() {
        if !names.contains(&event_type.as_str()) {
            continue;
        }
        let event = read::<A>(&event_type, &version, &text, &upcasters());
        assert_eq!(event.event_type(), event_type);
        assert_eq!(name_of(&event), event_type);
        if event.event_version() == version {
            let direct: A::Event = serde_json::from_str(&text).unwrap();
            assert_eq!(direct, event);
            assert_eq!(serde_json::to_string(&event).unwrap(), text);
            of_present_version.insert(event_type);
        }
    }
    let names = names.into_iter().map(str::to_owned).collect();
    assert_eq!(of_present_version, names, "a fixture for each event");
    of_present_version
}

#[test]
fn every_event_ever_written_is_read_and_written_again_to_the_letter() {
    assert_eq!(account_events().1, AccountEvent::NAMES);
    assert_eq!(staff_events().1, StaffEvent::NAMES);
    assert_eq!(log_events().1, LogEvent::NAMES);
    let of_accounts = check_fixtures::<Account>(account_events());
    let of_staff = check_fixtures::<Staff>(staff_events());
    let of_the_log = check_fixtures::<Log>(log_events());
    let known = &(&of_accounts | &of_staff) | &of_the_log;
    for (event_type, _) in fixtures().into_keys() {
        assert!(known.contains(&event_type), "{event_type} is no event");
    }
}

#[test]
fn an_event_of_an_older_shape_is_brought_to_the_present_one() {
    let knows_no_devices = r#"{"CodeRejected":{"at":"2026-11-24T09:30:00Z",
        "challenge":"0198c5a1-7b2e-7006-8a00-000000000006","reason":"wrong"}}"#;
    let tells_the_device = SemanticVersionEventUpcaster::new(
        "CodeRejected",
        "1",
        Box::new(|mut payload: Value| {
            payload["CodeRejected"]["known_device"] = json!(false);
            payload
        }),
    );
    let upcasters: [Box<dyn EventUpcaster>; 1] = [Box::new(tells_the_device)];

    let event = read::<Account>("CodeRejected", "0", knows_no_devices, &upcasters);
    assert_eq!(
        event,
        AccountEvent::CodeRejected {
            at: "2026-11-24T09:30:00Z".parse().unwrap(),
            challenge: "0198c5a1-7b2e-7006-8a00-000000000006".parse().unwrap(),
            reason: CodeRejection::Wrong,
            known_device: false,
        }
    );

    let of_today = &fixtures()[&("CodeRejected".to_owned(), "1".to_owned())];
    let untouched = read::<Account>("CodeRejected", "1", of_today, &upcasters);
    assert_eq!(serde_json::to_string(&untouched).unwrap(), *of_today);
}

/// Both that the value is written so, and that no value is left out.
macro_rules! written_as {
    ($type:ident: $($variant:ident = $text:literal),+ $(,)?) => {
        for value in [$($type::$variant),+] {
            let text = match value {
                $($type::$variant => $text),+
            };
            assert_eq!(serde_json::to_value(value).unwrap(), text);
            let read: $type = serde_json::from_value(json!(text)).unwrap();
            assert_eq!(read, value);
        }
    };
}

#[test]
fn the_values_within_events_have_permanent_names() {
    written_as!(Opening: MailedLink = "mailed_link", Operator = "operator");
    written_as!(
        PasswordPurpose: SignIn = "sign_in",
        ChangePassword = "change_password",
        StartEnrollment = "start_enrollment",
        DisableTwoFactor = "disable_two_factor",
    );
    written_as!(
        Attempts: Password = "password",
        CurrentPassword = "current_password",
        Code = "code",
        EnrollmentCode = "enrollment_code",
    );
    written_as!(CodeRejection: Wrong = "wrong", Spent = "spent");
    written_as!(Factor: Password = "password", Totp = "totp");
    written_as!(
        SessionEnd: EndedByOwner = "ended_by_owner",
        PasswordChanged = "password_changed",
        PasswordReset = "password_reset",
        TwoFactorEnabled = "two_factor_enabled",
        TwoFactorDisabled = "two_factor_disabled",
        Unlocked = "unlocked",
        SessionLimit = "session_limit",
        Expired = "expired",
        Recovered = "recovered",
    );
    written_as!(
        Occasion: SignIn = "sign_in",
        Verification = "verification",
        PasswordReset = "password_reset",
        Unblock = "unblock",
    );
    written_as!(Role: Support = "support", Auditor = "auditor");
}

#[test]
fn metadata_is_read_and_written_again_to_the_letter() {
    let personal = r#"{"commit":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","sealed":"AXNlYWxlZA"}"#;
    let id = "0198c5a1-7b2e-7001-8a00-000000000001";
    let actors = [
        r#"{"kind":"visitor"}"#.to_owned(),
        format!(r#"{{"kind":"owner","id":"{id}"}}"#),
        format!(r#"{{"kind":"support","id":"{id}","name":"alice"}}"#),
        format!(r#"{{"kind":"auditor","id":"{id}","name":"bob"}}"#),
        r#"{"kind":"system"}"#.to_owned(),
    ];
    let requests = [
        String::new(),
        format!(r#","request":{{"id":{personal}}}"#),
        format!(r#","request":{{"id":{personal},"ip":{personal},"user_agent":{personal}}}"#),
    ];
    for actor in &actors {
        for request in &requests {
            let text = format!(r#"{{"command":"{id}","actor":{actor}{request}}}"#);
            let metadata: Metadata = serde_json::from_str(&text).unwrap();
            assert_eq!(serde_json::to_string(&metadata).unwrap(), text);
            // An actor that is added is added above.
            match metadata.actor {
                Actor::Visitor
                | Actor::Owner { .. }
                | Actor::Support { .. }
                | Actor::Auditor { .. }
                | Actor::System => {}
            }
        }
    }
}

#[test]
fn an_event_with_a_field_of_the_wrong_kind_is_not_read() {
    for text in [
        r#"{"SignedOut":{"session":"no uuid"}}"#,
        r#"{"SignedOut":{}}"#,
        r#"{"SignedUp":{}}"#,
        r#""SignedOut""#,
        r#"{"AccountViewed":{}}"#,
    ] {
        assert!(
            serde_json::from_str::<AccountEvent>(text).is_err(),
            "{text}"
        );
    }
}
