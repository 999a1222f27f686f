//! The text of a commit: of `sql/commit.sql` the parts that it needs, and what has to be true after
//! them, or nothing is committed.

use std::sync::LazyLock;

use crate::commit::{Beside, StreamPart};

const PARTS: &str = include_str!("sql/commit.sql");

#[derive(Clone, Copy)]
struct Part {
    name: &'static str,
    needed: fn(&StreamPart, &Beside) -> bool,
    /// True of what was to be changed, unless somebody else was faster.
    holds: Option<&'static str>,
}

const fn part(name: &'static str, needed: fn(&StreamPart, &Beside) -> bool) -> Part {
    Part {
        name,
        needed,
        holds: None,
    }
}

const fn held_by(part: Part, holds: &'static str) -> Part {
    Part {
        holds: Some(holds),
        ..part
    }
}

const NEEDS: [Part; 26] = [
    part("events", |part, _| part.appends()),
    held_by(
        part("erasure", |part, _| part.account_rows.erases),
        "(SELECT done FROM erased)",
    ),
    held_by(
        part("hold", |part, _| part.account.is_some() && !part.appends()),
        "EXISTS (SELECT FROM held)",
    ),
    part("opened login", |_, beside| beside.address_hash.is_some()),
    part("used login", |part, _| {
        part.account_rows.last_signed_in_at.is_some()
    }),
    part("settings", |part, _| part.account_rows.settings.is_some()),
    part("ended sessions", |part, _| {
        part.account_rows.live_sessions.is_some()
    }),
    part("ended tokens", |part, _| {
        part.account_rows.live_tokens.is_some()
    }),
    part("destroyed secrets", |part, _| {
        part.account_rows.live_secrets.is_some()
    }),
    held_by(
        part("spent unblock link", |_, beside| {
            beside.spent.unblock.is_some()
        }),
        "EXISTS (SELECT FROM unblock_spent)",
    ),
    part("new session", |part, _| {
        part.account_rows.new_session.is_some()
    }),
    part("changed session", |part, _| {
        part.account_rows.changed_session.is_some()
    }),
    part("new tokens", |part, beside| {
        !part.account_rows.new_tokens.is_empty() || beside.unblock.is_some()
    }),
    part("new secrets", |_, beside| !beside.secrets.is_empty()),
    part("new data key", |_, beside| beside.data_key.is_some()),
    part("forgotten devices", |part, _| {
        part.account_rows.voids_devices || part.account_rows.new_device.is_some()
    }),
    part("new device", |part, _| {
        part.account_rows.new_device.is_some()
    }),
    held_by(
        part("used device", |_, beside| beside.device.is_some()),
        "(EXISTS (SELECT FROM device_changed) OR EXISTS (SELECT FROM device_dropped))",
    ),
    part("lifted devices", |_, beside| beside.lifts_devices),
    held_by(
        part("throttles", |_, beside| !beside.throttles.is_empty()),
        "(SELECT count(*) FROM throttled) = cardinality($61)",
    ),
    part("mails", |_, beside| !beside.mails.is_empty()),
    part("new registration", |_, beside| {
        beside.registration.is_some()
    }),
    held_by(
        part("spent registration", |_, beside| {
            beside.address_hash.is_some() || beside.spent.registration.is_some()
        }),
        "($73::uuid IS NULL
            OR EXISTS (SELECT FROM registrations_spent WHERE registration_id = $73))",
    ),
    held_by(
        part("done job", |_, beside| beside.spent.job.is_some()),
        "EXISTS (SELECT FROM job_done)",
    ),
    part("first answer", |_, beside| beside.answer.is_some()),
    part("staff", |part, _| part.staff.is_some()),
];

/// Beside all parts.
const ACTING_STAFF: &str = "EXISTS (SELECT FROM staff WHERE staff_id = $88 AND revoked_at IS NULL)";

/// The text of each of [`NEEDS`].
static SECTIONS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let section = |part: &Part| {
        let mut sections = PARTS.split("-- part: ").skip(1);
        let own = |section: &&str| section.lines().next() == Some(part.name);
        sections.find(own).and_then(|own| own.split_once('\n'))
    };
    NEEDS
        .iter()
        .map(|part| section(part).map_or("", |(_, text)| text.trim_end()))
        .collect()
});

pub(crate) fn text(part: &StreamPart, beside: &Beside) -> String {
    let needed = NEEDS
        .iter()
        .zip(SECTIONS.iter())
        .filter(|(need, _)| (need.needed)(part, beside));
    let (mut with, mut holds) = (Vec::new(), Vec::new());
    for (need, section) in needed {
        with.push(*section);
        holds.extend(need.holds);
    }
    holds.extend(beside.acting_staff.map(|_| ACTING_STAFF));
    let mut text = String::with_capacity(PARTS.len());
    for (number, section) in with.into_iter().enumerate() {
        text.push_str(if number == 0 { "WITH\n" } else { ",\n" });
        text.push_str(section);
    }
    text.push_str("\nSELECT require_fresh(TRUE");
    for condition in holds {
        text.push_str("\n    AND ");
        text.push_str(condition);
    }
    text.push(')');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_of_the_file_is_needed_by_something_and_each_need_has_its_part() {
        let written = PARTS.split("-- part: ").skip(1);
        let written = written.filter_map(|section| section.lines().next());
        let needed = NEEDS.iter().map(|part| part.name);
        assert_eq!(
            written.collect::<Vec<_>>(),
            needed.collect::<Vec<_>>(),
            "in the same order, too",
        );
        assert!(SECTIONS.iter().all(|section| section.ends_with(')')));
    }
}
