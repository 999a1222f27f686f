//! The rows of an account: what it has anew, and what it has no longer.

use credentials::{Keyring, WrappedKey};
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
            self.open_login(account, address_hash, keyring);
        }
        if let Some(at) = rows.last_signed_in_at {
            self.part("login_used", |sql| {
                sql.push("UPDATE logins SET last_signed_in_at = ")
                    .bind(at)
                    .push(" WHERE account_id = ")
                    .bind(account);
            });
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
            let owner = commit.stream.as_ref().map(|stream| stream.owner);
            self.keep_data_key(owner, key);
        }
        Ok(())
    }

    /// What is added to an account without an event is in no erasure's way but for this.
    fn hold(&mut self, account: Option<Uuid>) {
        self.part("held", |sql| {
            sql.push("SELECT FROM logins WHERE account_id = ")
                .bind(account)
                .push(" FOR KEY SHARE");
        });
        self.require("EXISTS (SELECT FROM held)");
    }

    /// Waits for whoever has the address, while it has nothing yet that an erasure of theirs wants.
    fn open_login(&mut self, account: Option<Uuid>, address_hash: &'c [u8; 32], keyring: &Keyring) {
        let key = key_column(keyring.lookup_key());
        self.part("login_opened", |sql| {
            sql.push("INSERT INTO logins (account_id, address_hash, key_id)\n    ")
                .rows([address_hash], |row, address_hash| {
                    row.bind(account).bind(address_hash.as_slice()).bind(key);
                })
                .push(" RETURNING 1");
        });
        self.require("EXISTS (SELECT FROM login_opened)");
    }

    fn image_settings(&mut self, account: Option<Uuid>, image: &'c SettingsImage) {
        self.part("settings_imaged", |sql| {
            sql.push(
                "INSERT INTO settings (
        account_id, email, created_at, password_changed_at,
        two_factor, enabled_at, enrollment_expires_at
    ) ",
            )
            .rows([image], |row, image| {
                row.bind(account)
                    .bind(&image.email)
                    .bind(image.created_at)
                    .bind(image.password_changed_at)
                    .bind(image.two_factor)
                    .bind(image.enabled_at)
                    .bind(image.enrollment_expires_at);
            })
            .push(
                "\n    ON CONFLICT (account_id) DO UPDATE SET
        password_changed_at = excluded.password_changed_at, two_factor = excluded.two_factor,
        enabled_at = excluded.enabled_at, enrollment_expires_at = excluded.enrollment_expires_at",
            );
        });
    }

    /// What the new state no longer has is gone in the same instant.
    fn end_what_is_live_no_longer(&mut self, commit: &'c Commit) {
        let (account, rows) = (commit.account, &commit.rows);
        if let Some(live) = &rows.live_sessions {
            self.part("sessions_ended", |sql| {
                sql.push("DELETE FROM sessions WHERE account_id = ")
                    .bind(account)
                    .push(" AND NOT session_id = ANY (")
                    .bind(live)
                    .push(")");
            });
        }
        if let Some(live) = &rows.live_tokens {
            self.part("tokens_ended", |sql| {
                sql.push("DELETE FROM tokens WHERE kind <> 'unblock' AND account_id = ")
                    .bind(account)
                    .push(" AND NOT token_id = ANY (")
                    .bind(live)
                    .push(")");
            });
        }
        if let Some(live) = &rows.live_secrets {
            self.part("secrets_destroyed", |sql| {
                sql.push("DELETE FROM secrets WHERE account_id = ")
                    .bind(account)
                    .push(" AND NOT credential_id = ANY (")
                    .bind(live)
                    .push(")");
            });
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
        let (ip, user_agent) = (json(&origin.ip)?, json(&origin.user_agent)?);
        let mac = session.mac(keyring)?;
        self.insert(
            "session_begun",
            "sessions (
        account_id, session_id, token_hash, created_at, last_seen_at, expires_at,
        factors, ip, user_agent, mac, key_id
    )",
            [(ip, user_agent, mac)],
            |row, (ip, user_agent, mac)| {
                row.bind(session.account.as_uuid())
                    .bind(session.id.as_uuid())
                    .bind(session.token.hash.as_slice())
                    .bind(session.created_at)
                    .bind(session.last_seen_at)
                    .bind(session.expires_at)
                    .bind(factors_text(&session.factors))
                    .bind(ip)
                    .bind(user_agent)
                    .bind(mac)
                    .bind(key_column(session.token.key_id));
            },
        );
        Ok(())
    }

    fn change_session(
        &mut self,
        session: &'c SessionRecord,
        keyring: &Keyring,
    ) -> Result<(), Error> {
        let mac = session.mac(keyring)?;
        self.part("session_changed", |sql| {
            sql.push("UPDATE sessions SET factors = ")
                .bind(factors_text(&session.factors))
                .push(", last_seen_at = ")
                .bind(session.last_seen_at)
                .push(", mac = ")
                .bind(mac)
                .push("\n    WHERE account_id = ")
                .bind(session.account.as_uuid())
                .push(" AND session_id = ")
                .bind(session.id.as_uuid());
        });
        Ok(())
    }

    fn spend_unblock_link(&mut self, account: Option<Uuid>, link: Uuid) {
        self.part("unblock_spent", |sql| {
            sql.push("DELETE FROM tokens WHERE account_id = ")
                .bind(account)
                .push(" AND token_id = ")
                .bind(link)
                .push(" AND kind = 'unblock' RETURNING 1");
        });
        self.require("EXISTS (SELECT FROM unblock_spent)");
    }

    fn issue_tokens(&mut self, commit: &'c Commit) {
        let tokens = commit.rows.new_tokens.iter().chain(&commit.beside.unblock);
        let mut tokens = tokens.peekable();
        if tokens.peek().is_none() {
            return;
        }
        self.insert(
            "tokens_issued",
            "tokens (account_id, token_id, kind, token_hash, key_id, expires_at)",
            tokens,
            |row, token| {
                row.bind(commit.account)
                    .bind(token.id)
                    .bind(token.kind)
                    .bind(token.hash.hash.as_slice())
                    .bind(key_column(token.hash.key_id))
                    .bind(token.expires_at);
            },
        );
    }

    fn keep_secrets(&mut self, commit: &'c Commit) {
        self.insert(
            "secrets_kept",
            "secrets (account_id, credential_id, kind, wrapped_key, sealed)",
            &commit.beside.secrets,
            |row, new| {
                row.bind(commit.account)
                    .bind(new.id.as_uuid())
                    .bind(kind_column(new.kind))
                    .bind(&new.secret.wrapped_key)
                    .bind(&new.secret.sealed);
            },
        );
    }

    fn keep_data_key(&mut self, owner: Option<Uuid>, key: &'c WrappedKey) {
        self.insert(
            "data_key_kept",
            "data_keys (owner_id, key_id, wrapped)",
            [key],
            |row, key| {
                row.bind(owner)
                    .bind(key_column(key.key_id))
                    .bind(&key.bytes);
            },
        );
    }
}
