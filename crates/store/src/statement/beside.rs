//! What is committed beside the log: throttles, mail, registrations, work that is done, and answers.

use super::Statement;
use crate::columns::key_column;
use crate::commit::{Answer, Commit, NewRegistration, SealedMail, ThrottleChange};

impl<'c> Statement<'c> {
    pub(super) fn add_what_stands_beside(&mut self, commit: &'c Commit) {
        let beside = &commit.beside;
        if !beside.throttles.is_empty() {
            self.throttle(commit, &beside.throttles);
        }
        if !beside.mails.is_empty() {
            self.promise_mails(commit, &beside.mails);
        }
        if let Some(registration) = &beside.registration {
            self.register(registration);
        }
        self.spend_registrations(commit);
        if let Some(job) = beside.spent.job {
            self.part("job_done", |sql| {
                sql.push("DELETE FROM jobs WHERE job_id = ")
                    .bind(job)
                    .push(" RETURNING 1");
            });
            self.require("EXISTS (SELECT FROM job_done)");
        }
        if let Some(answer) = &beside.answer {
            self.keep_answer(commit, answer);
        }
    }

    /// In one order, or two commits could wait for each other.
    fn throttle(&mut self, commit: &'c Commit, throttles: &'c [ThrottleChange]) {
        let mut sorted = throttles.iter().collect::<Vec<_>>();
        sorted.sort_unstable_by_key(|throttle| (throttle.kind, throttle.key));
        self.part("throttled", |sql| {
            sql.push(
                "INSERT INTO throttles AS present (kind, key, state, version, updated_at)\n    ",
            )
            .rows(sorted, |row, throttle| {
                row.bind(throttle.kind)
                    .bind(throttle.key.as_slice())
                    .bind(&throttle.state)
                    .bind(throttle.expected_version + 1)
                    .bind(commit.at);
            })
            .push(
                "\n    ON CONFLICT (kind, key) DO UPDATE SET
        state = excluded.state, version = excluded.version, updated_at = excluded.updated_at
    WHERE present.version = excluded.version - 1
    RETURNING 1",
            );
        });
        self.part("all_throttled", |sql| {
            sql.push("SELECT count(*) = ")
                .bind(i64::try_from(throttles.len()).unwrap_or(i64::MAX))
                .push(" AS are_all FROM throttled");
        });
        self.require("(SELECT are_all FROM all_throttled)");
    }

    fn promise_mails(&mut self, commit: &'c Commit, mails: &'c [SealedMail]) {
        self.insert(
            "mailed",
            "outbox (mail_id, key_id, sealed, created_at, due_at)",
            mails,
            |row, mail| {
                row.bind(mail.id)
                    .bind(key_column(mail.sealed.key_id))
                    .bind(&mail.sealed.bytes)
                    .bind(commit.at)
                    .bind(commit.at);
            },
        );
    }

    fn register(&mut self, registration: &'c NewRegistration) {
        self.insert(
            "registered",
            "registrations (registration_id, address_hash, token_hash, key_id, address, expires_at)",
            [registration],
            |row, new| {
                row.bind(new.id)
                    .bind(new.address_hash.as_slice())
                    .bind(new.token.hash.as_slice())
                    .bind(key_column(new.token.key_id))
                    .bind(&new.address)
                    .bind(new.expires_at);
            },
        );
    }

    /// All of an address, once one of them has opened the account.
    fn spend_registrations(&mut self, commit: &'c Commit) {
        let address_hash = commit.beside.address_hash.as_ref();
        let spent = commit.beside.spent.registration;
        if address_hash.is_none() && spent.is_none() {
            return;
        }
        self.part("registrations_spent", |sql| {
            sql.push("DELETE FROM registrations WHERE address_hash = ")
                .bind(address_hash.map(<[u8; 32]>::as_slice))
                .push("\n    RETURNING registration_id = ")
                .bind(spent)
                .push(" AS is_the_one");
        });
        if spent.is_some() {
            self.require("EXISTS (SELECT FROM registrations_spent WHERE is_the_one)");
        }
    }

    fn keep_answer(&mut self, commit: &'c Commit, answer: &'c Answer) {
        self.insert(
            "answered",
            "idempotent_answers (
        staff_id, key_hash, account_id, request_hash, answer, created_at
    )",
            [answer],
            |row, answer| {
                row.bind(answer.staff.as_uuid())
                    .bind(answer.key_hash.as_slice())
                    .bind(commit.account)
                    .bind(answer.request_hash.as_slice())
                    .bind(&answer.sealed)
                    .bind(commit.at);
            },
        );
    }
}
