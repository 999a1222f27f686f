//! What the read models must say: the events replayed, and compared stream by stream while the
//! service runs.

use account::staff::Staff;
use account::{Account, AccountEvent, Metadata};
use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use credentials::TokenHash;
use proofs::event::stream_name;
use uuid::Uuid;

use crate::projection::{SettingsImage, live_secrets, session_record};
use crate::sessions::SessionRecord;
use crate::stream::Loaded;
use crate::{ACCOUNT, Error, Store, StoredEvent};

/// How many streams are listed at a time.
const PAGE: i64 = 500;

pub(crate) const STAFF: &str = <Staff as Aggregate>::TYPE;

/// A difference between a read model and the replay, or a history that cannot be replayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Such as `account/<id>`.
    pub stream: String,
    pub table: &'static str,
    pub what: String,
}

#[derive(Clone, Debug, Default)]
pub struct CheckReport {
    pub accounts: u64,
    pub staff: u64,
    /// Of all these streams.
    pub events: u64,
    pub findings: Vec<Finding>,
}

/// What a history comes to.
pub(crate) enum Replayed {
    Nothing,
    Open(Box<Expected>),
    /// No read model holds a row.
    Erased(Box<Loaded<Account>>),
}

/// What the read models of one account must say.
pub(crate) struct Expected {
    pub(crate) loaded: Loaded<Account>,
    pub(crate) settings: SettingsImage,
    /// Without their tokens, which no event holds.
    pub(crate) sessions: Vec<SessionRecord>,
    pub(crate) tokens: Vec<PendingToken>,
    pub(crate) secrets: Vec<Uuid>,
    pub(crate) last_signed_in_at: Option<DateTime<Utc>>,
}

/// A challenge or a reset link.
pub(crate) struct PendingToken {
    pub(crate) id: Uuid,
    pub(crate) kind: &'static str,
    pub(crate) expires_at: DateTime<Utc>,
}

impl Replayed {
    pub(crate) fn of(id: Uuid, history: Vec<(StoredEvent, AccountEvent)>) -> Result<Self, Error> {
        let mut loaded = Loaded::<Account>::unborn(id);
        let mut sessions = Vec::new();
        for (row, event) in history {
            let metadata: Metadata = serde_json::from_str(&row.metadata)
                .map_err(|_| row.corrupt("its metadata cannot be read"))?;
            if let AccountEvent::TwoFactorEnabled { session, .. } = &event {
                promote(&mut sessions, *session);
            }
            sessions.extend(session_record(id, &event, &metadata, unknown_token()));
            loaded.advance(&row, event)?;
        }
        if loaded.state.erased_at.is_some() {
            return Ok(Self::Erased(Box::new(loaded)));
        }
        let Some(account) = &loaded.state.opened else {
            return Ok(Self::Nothing);
        };
        sessions.retain(|session| account.sessions.iter().any(|live| live.id == session.id));
        let challenges = account.challenges.iter().map(|challenge| PendingToken {
            id: challenge.id.as_uuid(),
            kind: "challenge",
            expires_at: challenge.expires_at,
        });
        let resets = account.resets.iter().map(|reset| PendingToken {
            id: reset.id.as_uuid(),
            kind: "reset",
            expires_at: reset.expires_at,
        });
        Ok(Self::Open(Box::new(Expected {
            settings: SettingsImage::of(account)?,
            secrets: live_secrets(account),
            last_signed_in_at: account.last_signed_in_at,
            tokens: challenges.chain(resets).collect(),
            sessions,
            loaded,
        })))
    }
}

fn promote(sessions: &mut [SessionRecord], confirming: account::SessionId) {
    use account::event::Factor::{Password, Totp};
    for session in sessions
        .iter_mut()
        .filter(|session| session.id == confirming)
    {
        session.factors = vec![Password, Totp];
    }
}

fn unknown_token() -> TokenHash {
    TokenHash {
        key_id: credentials::KeyId(1),
        hash: [0; 32],
    }
}

impl Store {
    /// Compares what can be replayed with a replay. Rows whose time has passed may be gone.
    pub async fn check_projections(&self, now: DateTime<Utc>) -> Result<CheckReport, Error> {
        let mut report = CheckReport::default();
        let mut after = String::new();
        while let Some((page, last)) = self.streams_after(ACCOUNT, &after).await? {
            after = last;
            for id in page {
                let checked = self.check_account(id, now).await;
                report.accounts += 1;
                report.add(ACCOUNT, id, checked)?;
            }
        }
        after.clear();
        while let Some((page, last)) = self.streams_after(STAFF, &after).await? {
            after = last;
            for id in page {
                let checked = self.check_staff(id).await;
                report.staff += 1;
                report.add(STAFF, id, checked)?;
            }
        }
        report.findings.extend(self.find_strays().await?);
        Ok(report)
    }

    /// A page of streams in the order of their ids, and the last of them; none at the end.
    pub async fn streams_after(
        &self,
        aggregate_type: &str,
        after: &str,
    ) -> Result<Option<(Vec<Uuid>, String)>, Error> {
        let page = sqlx::query_scalar::<_, String>(
            "SELECT aggregate_id FROM events
            WHERE aggregate_type = $1 AND sequence = 1 AND aggregate_id > $2
            ORDER BY aggregate_id LIMIT $3",
        )
        .bind(aggregate_type)
        .bind(after)
        .bind(PAGE)
        .fetch_all(&self.pool)
        .await?;
        let ids = page.iter().filter_map(|id| id.parse().ok()).collect();
        Ok(page.last().map(|last| (ids, last.clone())))
    }

    async fn check_account(
        &self,
        id: Uuid,
        now: DateTime<Utc>,
    ) -> Result<(u64, Vec<Finding>), Error> {
        loop {
            let (version, findings) = match Replayed::of(id, self.history(id).await?)? {
                Replayed::Nothing => return Ok((0, Vec::new())),
                Replayed::Open(expected) => (
                    expected.loaded.version,
                    self.compare_account(&expected, now).await?,
                ),
                Replayed::Erased(loaded) => (loaded.version, self.compare_erased(&loaded).await?),
            };
            // Changed while it was compared: what was found may be the change.
            if findings.is_empty() || self.newest(ACCOUNT, id, &self.pool).await? == version {
                return Ok((version, findings));
            }
        }
    }

    async fn check_staff(&self, id: Uuid) -> Result<(u64, Vec<Finding>), Error> {
        loop {
            let expected = self.replayed_staff(id).await?;
            let findings = self.compare_staff(&expected).await?;
            let version = expected.version;
            if findings.is_empty() || self.newest(STAFF, id, &self.pool).await? == version {
                return Ok((version, findings));
            }
        }
    }

    pub(crate) async fn replayed_staff(&self, id: Uuid) -> Result<Loaded<Staff>, Error> {
        let mut loaded = Loaded::<Staff>::unborn(id);
        for (row, event) in self.verified_history::<Staff>(id).await? {
            loaded.advance(&row, event)?;
        }
        Ok(loaded)
    }

    /// The sequence of a stream's last event.
    pub(crate) async fn newest(
        &self,
        aggregate_type: &str,
        id: Uuid,
        executor: impl sqlx::PgExecutor<'_>,
    ) -> Result<u64, Error> {
        let version = sqlx::query_scalar::<_, Option<i64>>(
            "SELECT max(sequence) FROM events WHERE aggregate_id = $1 AND aggregate_type = $2",
        )
        .bind(id.to_string())
        .bind(aggregate_type)
        .fetch_one(executor)
        .await?;
        Ok(version.unwrap_or_default().cast_unsigned())
    }
}

impl CheckReport {
    /// A history that was tampered with is a finding, and the others are checked all the same.
    fn add(
        &mut self,
        aggregate_type: &str,
        id: Uuid,
        checked: Result<(u64, Vec<Finding>), Error>,
    ) -> Result<(), Error> {
        match checked {
            Ok((events, findings)) => {
                self.events += events;
                self.findings.extend(findings);
            }
            Err(Error::Corrupt(what)) => self.findings.push(Finding {
                stream: stream_name(aggregate_type, &id.to_string()),
                table: "events",
                what: what.to_string(),
            }),
            Err(other) => return Err(other),
        }
        Ok(())
    }
}
