//! What must fit between settings that are each right by themselves.

use std::time::Duration;

use credentials::HashingSettings;

use super::settings::Draft;

/// A rule whose settings could not be parsed is not judged: its problem is told already.
pub(super) fn broken(draft: &Draft) -> Vec<String> {
    [
        mail_is_answerable(draft),
        idle_within_lifetime(draft),
        hash_is_costly(draft),
        roles_need_a_database(draft),
    ]
    .into_iter()
    .flatten()
    .flatten()
    .collect()
}

fn mail_is_answerable(draft: &Draft) -> Option<Vec<String>> {
    draft.smtp_url.as_ref()?.as_ref()?;
    let missing = |name: &str, what: &str| {
        format!("{name} is required with COUNTERSIGN_SMTP_URL: set it to {what}")
    };
    let mut problems = Vec::new();
    if matches!(draft.mail_from, Some(None)) {
        problems.push(missing(
            "COUNTERSIGN_MAIL_FROM",
            "the sender of mails, for instance accounts@example.com",
        ));
    }
    if matches!(draft.support_contact, Some(None)) {
        problems.push(missing(
            "COUNTERSIGN_SUPPORT_CONTACT",
            "the mail address or web page where people who are locked out find help",
        ));
    }
    Some(problems)
}

fn idle_within_lifetime(draft: &Draft) -> Option<Vec<String>> {
    let (idle, lifetime): (Duration, Duration) = (draft.session_idle?, draft.session_lifetime?);
    (idle > lifetime).then(|| {
        let (idle, lifetime) = (
            humantime::format_duration(idle),
            humantime::format_duration(lifetime),
        );
        vec![format!(
            "COUNTERSIGN_SESSION_IDLE ({idle}) is longer than COUNTERSIGN_SESSION_LIFETIME \
             ({lifetime}): shorten the first or lengthen the second"
        )]
    })
}

fn hash_is_costly(draft: &Draft) -> Option<Vec<String>> {
    let settings = HashingSettings {
        memory_kib: draft.hash_memory_kib?,
        iterations: draft.hash_iterations?,
        ..HashingSettings::default()
    };
    let error = settings.check().err()?;
    Some(vec![format!(
        "COUNTERSIGN_HASH_MEMORY_KIB ({}) and COUNTERSIGN_HASH_ITERATIONS ({}): {error}",
        settings.memory_kib, settings.iterations
    )])
}

fn roles_need_a_database(draft: &Draft) -> Option<Vec<String>> {
    let outside = draft.database_url.as_ref()?.is_some();
    let set = |url: &Option<Option<_>>| matches!(url, Some(Some(_)));
    let mut problems = Vec::new();
    for (name, is_set) in [
        (
            "COUNTERSIGN_MIGRATION_DATABASE_URL",
            set(&draft.migration_database_url),
        ),
        (
            "COUNTERSIGN_SEQUENCER_DATABASE_URL",
            set(&draft.sequencer_database_url),
        ),
    ] {
        if is_set && !outside {
            problems.push(format!(
                "{name} means an outside database, but DATABASE_URL is not set: set that too"
            ));
        }
    }
    Some(problems)
}
