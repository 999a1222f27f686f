//! The rows of an account: what it has anew, and what it has no longer.

use credentials::Keyring;
use uuid::Uuid;

use super::Statement;
use crate::Error;
use crate::columns::{key_column, kind_column};
use crate::commit::Commit;
use crate::projection::SettingsImage;
use crate::sessions::{SessionOrigin, SessionRecord, factors_text};

impl<'c> Statement<'c> {
    pub(super) fn add_account(
        &mut self,
        commit: &'c Commit,
        keyring: &Keyring,
    ) -> Result<(), Error> {
        let (account, rows, beside) = (commit.account, &commit.rows, &commit.beside);
        if account.is_some() && commit.appends().is_none() {
            self.hold(account);
        }
        if let Some(address_hash) = &beside.address_hash {
            self.part(
                "login_opened AS (INSERT INTO logins (account_id, address_hash, key_id) VALUES (",
            )
            .push_bind(account)
            .push(", ")
            .push_bind(address_hash.as_slice())
            .push(", ")
            .push_bind(key_column(keyring.lookup_key()))
            .push("))");
        }
        if let Some(at) = rows.last_signed_in_at {
            self.part("login_used AS (UPDATE logins SET last_signed_in_at = ")
                .push_bind(at)
                .push(" WHERE account_id = ")
                .push_bind(account)
                .push(")");
        }
        if let Some(image) = &rows.settings {
            self.image_settings(account, image);
        }
        self.end_what_is_live_no_longer(commit);
        if let Some(link) = beside.spent.unblock {
            self.spend_unblock_link(account, link);
        }
        if let Some((session, origin)) = &rows.new_session {
            self.begin_session(session, origin, keyring)?;
        }
        if let Some(session) = &rows.changed_session {
            self.change_session(session, keyring)?;
        }
        self.issue_tokens(commit);
        if !beside.secrets.is_empty() {
            self.keep_secrets(commit);
        }
        if let Some(key) = &beside.data_key {
            self.part(
                "data_key_kept AS (INSERT INTO data_keys (owner_id, key_id, wrapped) VALUES (",
            )
            .push_bind(commit.stream.as_ref().map(|stream| stream.owner))
            .push(", ")
            .push_bind(key_column(key.key_id))
            .push(", ")
            .push_bind(&key.bytes)
            .push("))");
        }
        Ok(())
    }

    /// What is added to an account without an event is in no erasure's way but for this.
    fn hold(&mut self, account: Option<Uuid>) {
        self.part("held AS (SELECT FROM logins WHERE account_id = ")
            .push_bind(account)
            .push(" FOR KEY SHARE)");
        self.require("EXISTS (SELECT FROM held)");
    }

    fn image_settings(&mut self, account: Option<Uuid>, image: &'c SettingsImage) {
        let query = self.part(
            "settings_imaged AS (
    INSERT INTO settings (
        account_id, email, created_at, password_changed_at,
        two_factor, enabled_at, enrollment_expires_at
    ) VALUES (",
        );
        let mut row = query.separated(", ");
        row.push_bind(account)
            .push_bind(&image.email)
            .push_bind(image.created_at)
            .push_bind(image.password_changed_at)
            .push_bind(image.two_factor)
            .push_bind(image.enabled_at)
            .push_bind(image.enrollment_expires_at)
            .push_unseparated(
                ") ON CONFLICT (account_id) DO UPDATE SET
        password_changed_at = excluded.password_changed_at, two_factor = excluded.two_factor,
        enabled_at = excluded.enabled_at, enrollment_expires_at = excluded.enrollment_expires_at
)",
            );
    }

    /// What the new state no longer has is gone in the same instant.
    fn end_what_is_live_no_longer(&mut self, commit: &'c Commit) {
        let rows = &commit.rows;
        for (begin, id, live) in [
            (
                "sessions_ended AS (DELETE FROM sessions WHERE account_id = ",
                " AND NOT session_id = ANY (",
                &rows.live_sessions,
            ),
            (
                "tokens_ended AS (DELETE FROM tokens WHERE kind <> 'unblock' AND account_id = ",
                " AND NOT token_id = ANY (",
                &rows.live_tokens,
            ),
            (
                "secrets_destroyed AS (DELETE FROM secrets WHERE account_id = ",
                " AND NOT credential_id = ANY (",
                &rows.live_secrets,
            ),
        ] {
            if let Some(live) = live {
                self.part(begin)
                    .push_bind(commit.account)
                    .push(id)
                    .push_bind(live)
                    .push("))");
            }
        }
    }

    fn begin_session(
        &mut self,
        session: &'c SessionRecord,
        origin: &SessionOrigin,
        keyring: &Keyring,
    ) -> Result<(), Error> {
        let json = |personal: &Option<account::Personal>| {
            let json = personal.as_ref().map(serde_json::to_string);
            json.transpose().map_err(Error::Serialize)
        };
        let query = self.part(
            "sessions_begun AS (
    INSERT INTO sessions (
        account_id, session_id, token_hash, created_at, last_seen_at, expires_at,
        factors, ip, user_agent, mac, key_id
    ) VALUES (",
        );
        let mut row = query.separated(", ");
        row.push_bind(session.account.as_uuid())
            .push_bind(session.id.as_uuid())
            .push_bind(session.token.hash.as_slice())
            .push_bind(session.created_at)
            .push_bind(session.last_seen_at)
            .push_bind(session.expires_at)
            .push_bind(factors_text(&session.factors))
            .push_bind(json(&origin.ip)?)
            .push_bind(json(&origin.user_agent)?)
            .push_bind(session.mac(keyring)?)
            .push_bind(key_column(session.token.key_id))
            .push_unseparated("))");
        Ok(())
    }

    fn change_session(
        &mut self,
        session: &'c SessionRecord,
        keyring: &Keyring,
    ) -> Result<(), Error> {
        self.part("session_changed AS (UPDATE sessions SET factors = ")
            .push_bind(factors_text(&session.factors))
            .push(", last_seen_at = ")
            .push_bind(session.last_seen_at)
            .push(", mac = ")
            .push_bind(session.mac(keyring)?)
            .push(" WHERE account_id = ")
            .push_bind(session.account.as_uuid())
            .push(" AND session_id = ")
            .push_bind(session.id.as_uuid())
            .push(")");
        Ok(())
    }

    fn spend_unblock_link(&mut self, account: Option<Uuid>, link: Uuid) {
        self.part("unblock_spent AS (DELETE FROM tokens WHERE account_id = ")
            .push_bind(account)
            .push(" AND token_id = ")
            .push_bind(link)
            .push(" AND kind = 'unblock' RETURNING 1)");
        self.require("EXISTS (SELECT FROM unblock_spent)");
    }

    fn issue_tokens(&mut self, commit: &'c Commit) {
        let tokens = commit.rows.new_tokens.iter().chain(&commit.beside.unblock);
        let mut tokens = tokens.peekable();
        if tokens.peek().is_none() {
            return;
        }
        self.part(
            "tokens_issued AS (
    INSERT INTO tokens (account_id, token_id, kind, token_hash, key_id, expires_at) ",
        )
        .push_values(tokens, |mut row, token| {
            row.push_bind(commit.account)
                .push_bind(token.id)
                .push_bind(token.kind)
                .push_bind(token.hash.hash.as_slice())
                .push_bind(key_column(token.hash.key_id))
                .push_bind(token.expires_at);
        })
        .push(")");
    }

    fn keep_secrets(&mut self, commit: &'c Commit) {
        self.part(
            "secrets_kept AS (
    INSERT INTO secrets (account_id, credential_id, kind, wrapped_key, sealed) ",
        )
        .push_values(&commit.beside.secrets, |mut row, new| {
            row.push_bind(commit.account)
                .push_bind(new.id.as_uuid())
                .push_bind(kind_column(new.kind))
                .push_bind(&new.secret.wrapped_key)
                .push_bind(&new.secret.sealed);
        })
        .push(")");
    }
}
