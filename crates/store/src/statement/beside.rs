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
            self.part("job_done AS (DELETE FROM jobs WHERE job_id = ")
                .push_bind(job)
                .push(" RETURNING 1)");
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
        self.part(
            "throttled AS (
    INSERT INTO throttles AS present (kind, key, state, version, updated_at) ",
        )
        .push_values(sorted, |mut row, throttle| {
            row.push_bind(throttle.kind)
                .push_bind(throttle.key.as_slice())
                .push_bind(&throttle.state)
                .push_bind(throttle.expected_version + 1)
                .push_bind(commit.at);
        })
        .push(
            " ON CONFLICT (kind, key) DO UPDATE SET
        state = excluded.state, version = excluded.version, updated_at = excluded.updated_at
    WHERE present.version = excluded.version - 1
    RETURNING 1
),
all_throttled AS (SELECT count(*) = ",
        )
        .push_bind(i64::try_from(throttles.len()).unwrap_or(i64::MAX))
        .push(" AS are_all FROM throttled)");
        self.require("(SELECT are_all FROM all_throttled)");
    }

    fn promise_mails(&mut self, commit: &'c Commit, mails: &'c [SealedMail]) {
        self.part("mailed AS (INSERT INTO outbox (mail_id, key_id, sealed, created_at, due_at) ")
            .push_values(mails, |mut row, mail| {
                row.push_bind(mail.id)
                    .push_bind(key_column(mail.sealed.key_id))
                    .push_bind(&mail.sealed.bytes)
                    .push_bind(commit.at)
                    .push_bind(commit.at);
            })
            .push(")");
    }

    fn register(&mut self, new: &'c NewRegistration) {
        let query = self.part(
            "registered AS (
    INSERT INTO registrations (
        registration_id, address_hash, token_hash, key_id, address, expires_at
    ) VALUES (",
        );
        let mut row = query.separated(", ");
        row.push_bind(new.id)
            .push_bind(new.address_hash.as_slice())
            .push_bind(new.token.hash.as_slice())
            .push_bind(key_column(new.token.key_id))
            .push_bind(&new.address)
            .push_bind(new.expires_at)
            .push_unseparated("))");
    }

    /// All of an address, once one of them has opened the account.
    fn spend_registrations(&mut self, commit: &'c Commit) {
        let address_hash = commit
            .beside
            .address_hash
            .as_ref()
            .map(<[u8; 32]>::as_slice);
        let spent = commit.beside.spent.registration;
        if address_hash.is_none() && spent.is_none() {
            return;
        }
        self.part("registrations_spent AS (DELETE FROM registrations WHERE address_hash = ")
            .push_bind(address_hash)
            .push(" RETURNING registration_id = ")
            .push_bind(spent)
            .push(" AS is_the_one)");
        if spent.is_some() {
            self.require("EXISTS (SELECT FROM registrations_spent WHERE is_the_one)");
        }
    }

    fn keep_answer(&mut self, commit: &'c Commit, answer: &'c Answer) {
        let query = self.part(
            "answered AS (
    INSERT INTO idempotent_answers (
        staff_id, key_hash, account_id, request_hash, answer, created_at
    ) VALUES (",
        );
        let mut row = query.separated(", ");
        row.push_bind(answer.staff.as_uuid())
            .push_bind(answer.key_hash.as_slice())
            .push_bind(commit.account)
            .push_bind(answer.request_hash.as_slice())
            .push_bind(&answer.sealed)
            .push_bind(commit.at)
            .push_unseparated("))");
    }
}
