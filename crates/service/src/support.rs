//! Support: finding one account, seeing why its owner cannot sign in, and unlocking it.

use std::net::IpAddr;

use account::command::AdminUnlock;
use account::staff::StaffAct;
use account::state::{Opened, TwoFactor};
use account::throttle::Backoff;
use account::{
    AccountEvent, AccountId, Actor, Command, EmailAddress, Metadata, Refusal, UnlockReason,
    UnlockTicket, Wait,
};
use chrono::{DateTime, Utc};
use credentials::{DataKey, Field, Purpose};
use store::{Answer, Beside, Device, Dossier, Entry, Issued, StoredEvent};

use crate::facts::opened;
use crate::facts::reveal_address;
use crate::view::{
    AccountSummary, EventSketch, Examination, TwoFactorView, UnlockPreview, WaitView,
};
use crate::{Caller, Error, Service, StaffMember};

/// How much of a history support sees.
const RECENT: i64 = 50;
const ANSWER: &str = "unlock answer";

#[derive(Clone, Debug)]
pub struct Unlock {
    pub reason: UnlockReason,
    pub ticket: Option<UnlockTicket>,
    pub idempotency_key: Option<String>,
}

impl Service {
    /// The account with exactly this address, if there is one.
    pub async fn find_account(
        &self,
        caller: &Caller,
        staff: &StaffMember,
        address: &EmailAddress,
    ) -> Result<Vec<AccountSummary>, Error> {
        let found = self
            .store()
            .find(self.keyring().address_hash(address))
            .await?;
        self.record(caller, staff, |key| {
            // An account's address stands in its own history, where it can be erased.
            let address = found
                .is_none()
                .then(|| {
                    let owner = staff.id.as_uuid();
                    key.conceal(
                        owner,
                        Field::SearchedAddress,
                        address.as_written(),
                        self.random(),
                    )
                })
                .transpose()?;
            Ok(StaffAct::AccountSearched {
                account: found,
                address,
            })
        })
        .await?;
        let Some(account) = found else {
            return Ok(Vec::new());
        };
        // It may have been erased since.
        let Some(dossier) = self.store().dossier(account).await? else {
            return Ok(Vec::new());
        };
        let devices = self.store().devices(account, self.now()).await?;
        Ok(vec![self.summary(&dossier, &devices, self.now())?])
    }

    pub async fn examine(
        &self,
        caller: &Caller,
        staff: &StaffMember,
        account: AccountId,
    ) -> Result<Examination, Error> {
        let found = self.examine_again(staff, account).await?;
        self.record(caller, staff, |_| Ok(StaffAct::AccountViewed { account }))
            .await?;
        Ok(found)
    }

    /// For the second look of one request, which is on record by what it is answered with.
    pub async fn examine_again(
        &self,
        _: &StaffMember,
        account: AccountId,
    ) -> Result<Examination, Error> {
        let dossier = self
            .store()
            .dossier(account)
            .await?
            .ok_or(Error::NotFound)?;
        let devices = self.store().devices(account, self.now()).await?;
        let events = self.store().last_events_of(account, RECENT).await?;
        let (now, state) = (self.now(), opened(dossier.loaded.state())?);
        let waits = self.waits(state, &dossier.strangers.value, &devices, now);
        let turns_off_two_factor = matches!(state.two_factor, TwoFactor::Enabled { .. });
        Ok(Examination {
            account: self.summary(&dossier, &devices, now)?,
            two_factor: TwoFactorView::from_state(state.two_factor, now),
            unlock: UnlockPreview {
                possible: turns_off_two_factor || !waits.is_empty(),
                turns_off_two_factor,
                lifts_waits: !waits.is_empty(),
                ends_sessions: state.sessions.iter().filter(|s| now < s.expires_at).count(),
            },
            waits,
            recent_events: events
                .iter()
                .map(|event| sketch(event, &dossier.data_key))
                .collect(),
        })
    }

    /// Lifts every wait, turns two-factor off and ends every session and challenge.
    pub async fn unlock(
        &self,
        caller: &Caller,
        staff: &StaffMember,
        account: AccountId,
        request: Unlock,
    ) -> Result<AccountSummary, Error> {
        if request.reason.is_blank() {
            return Err(Error::ReasonMissing);
        }
        let mut attempts = self.attempts("AdminUnlock", &account.as_uuid())?;
        loop {
            self.must_be_active(staff).await?;
            let dossier = self
                .store()
                .dossier(account)
                .await?
                .ok_or(Error::NotFound)?;
            if let Some(answer) = self
                .earlier_answer(staff, account, &request, &dossier)
                .await?
            {
                self.record(caller, staff, |_| Ok(StaffAct::UnlockRepeated { account }))
                    .await?;
                return Ok(answer);
            }
            let devices = self.store().devices(account, self.now()).await?;
            let at = dossier.loaded.moment(self.now());
            let command = self.unlock_command(&dossier, &devices, &request, at)?;
            let answer = AccountSummary {
                two_factor: TwoFactorView::Disabled.status().to_owned(),
                locked: false,
                ..self.summary(&dossier, &devices, at)?
            };
            let mut beside = self.unlock_consequences(staff, &dossier, &request, &answer)?;
            let owner = (&dossier.data_key, account.as_uuid());
            let metadata = self.metadata(&attempts, owner, staff.actor(), Some(caller))?;
            let decided = dossier.loaded.decide(command, self.policy(), at).await;
            let decided = decided.map_err(|refusal: Refusal| Error::from_refusal(refusal, at))?;
            beside.mails = self.notices(&decided, &dossier.data_key, caller)?;
            let entry = Entry::new(decided, Issued::default(), metadata);
            if self.commit(entry, beside, &mut attempts).await? {
                return Ok(answer);
            }
        }
    }

    fn unlock_command(
        &self,
        dossier: &Dossier,
        devices: &[Device],
        request: &Unlock,
        at: DateTime<Utc>,
    ) -> Result<Command, Error> {
        let (key, owner) = (&dossier.data_key, dossier.account.as_uuid());
        let conceal = |field, text: &str| key.conceal(owner, field, text, self.random());
        let ticket = request.ticket.as_ref().map(UnlockTicket::as_str);
        let passwords_refused = dossier.strangers.value.refusal(at).is_some()
            || devices
                .iter()
                .any(|device| self.device_refusal(device, at).is_some());
        Ok(Command::AdminUnlock(AdminUnlock {
            at,
            reason: conceal(Field::UnlockReason, request.reason.as_str())?,
            ticket: ticket
                .map(|ticket| conceal(Field::UnlockTicket, ticket))
                .transpose()?,
            passwords_refused,
        }))
    }

    fn unlock_consequences(
        &self,
        staff: &StaffMember,
        dossier: &Dossier,
        request: &Unlock,
        answer: &AccountSummary,
    ) -> Result<Beside, Error> {
        let mut beside = Beside {
            lifts_devices: true,
            acting_staff: Some(staff.id),
            ..Beside::default()
        };
        if dossier.strangers.value != Backoff::default() {
            let (strangers, address) = (&dossier.strangers, dossier.address_hash);
            beside
                .throttles
                .push(strangers.strangers_change(address, &Backoff::default())?);
        }
        if let Some(key) = &request.idempotency_key {
            let text = serde_json::to_string(answer).map_err(Error::internal)?;
            let owner = dossier.account.as_uuid();
            beside.answer = Some(Answer {
                staff: staff.id,
                key_hash: self.fingerprint(&[b"idempotency key", key.as_bytes()])?,
                request_hash: self.request_hash(dossier.account, request)?,
                sealed: dossier
                    .data_key
                    .seal_text(owner, ANSWER, &text, self.random())?,
            });
        }
        Ok(beside)
    }

    async fn earlier_answer(
        &self,
        staff: &StaffMember,
        account: AccountId,
        request: &Unlock,
        dossier: &Dossier,
    ) -> Result<Option<AccountSummary>, Error> {
        let Some(key) = &request.idempotency_key else {
            return Ok(None);
        };
        let key_hash = self.fingerprint(&[b"idempotency key", key.as_bytes()])?;
        let Some(earlier) = self.store().earlier_answer(staff.id, key_hash).await? else {
            return Ok(None);
        };
        if earlier.account != account
            || earlier.request_hash != self.request_hash(account, request)?
        {
            return Err(Error::IdempotencyKeyReused);
        }
        let text = dossier
            .data_key
            .open_text(account.as_uuid(), ANSWER, &earlier.sealed)?;
        serde_json::from_str(&text)
            .map(Some)
            .map_err(Error::internal)
    }

    fn request_hash(&self, account: AccountId, request: &Unlock) -> Result<[u8; 32], Error> {
        let ticket = request
            .ticket
            .as_ref()
            .map(UnlockTicket::as_str)
            .unwrap_or_default();
        self.fingerprint(&[
            account.as_uuid().as_bytes(),
            request.reason.as_str().as_bytes(),
            ticket.as_bytes(),
        ])
    }

    fn fingerprint(&self, parts: &[&[u8]]) -> Result<[u8; 32], Error> {
        let keyring = self.keyring();
        // A look-up: under a newer key the first answer would not be found.
        keyring
            .mac(Purpose::TokenHash, keyring.lookup_key(), parts)
            .map_err(Error::internal)
    }

    fn summary(
        &self,
        dossier: &Dossier,
        devices: &[Device],
        now: DateTime<Utc>,
    ) -> Result<AccountSummary, Error> {
        let state = opened(dossier.loaded.state())?;
        let waits = self.waits(state, &dossier.strangers.value, devices, now);
        Ok(AccountSummary {
            id: dossier.account,
            email: reveal_address(&dossier.data_key, dossier.account, &state.email)?,
            created_at: state.at,
            two_factor: TwoFactorView::from_state(state.two_factor, now)
                .status()
                .to_owned(),
            locked: !waits.is_empty(),
            last_signed_in_at: state.last_signed_in_at,
        })
    }

    fn waits(
        &self,
        state: &Opened,
        strangers: &Backoff,
        devices: &[Device],
        now: DateTime<Utc>,
    ) -> Vec<WaitView> {
        let view = |attempts, failures: u32, wait: Option<Wait>| {
            wait.map(|wait| {
                let until = match wait {
                    Wait::Until(end) => Some(end),
                    Wait::Closed => None,
                };
                WaitView {
                    attempts,
                    until,
                    failures,
                }
            })
        };
        let devices = devices.iter().filter_map(|device| {
            let failures = device.failures.value.window.count;
            view("known_device", failures, self.device_refusal(device, now))
        });
        view("password", strangers.failures, strangers.refusal(now))
            .into_iter()
            .chain(view("code", state.codes.failures, state.codes.refusal(now)))
            .chain(devices)
            .collect()
    }

    fn device_refusal(&self, device: &Device, now: DateTime<Utc>) -> Option<Wait> {
        device
            .failures
            .value
            .window
            .refusal(now, self.policy().device)
    }
}

/// Type, time, network and known-device flag of an event, and no more.
fn sketch(event: &StoredEvent, key: &DataKey) -> EventSketch {
    let metadata = serde_json::from_str::<Metadata>(&event.metadata).ok();
    let owner = event.aggregate_id.parse().unwrap_or_default();
    let ip = metadata
        // Where staff sit is no business of a history of somebody else.
        .filter(|metadata| {
            !matches!(
                metadata.actor,
                Actor::Support { .. } | Actor::Auditor { .. }
            )
        })
        .and_then(|metadata| metadata.request?.ip)
        .and_then(|ip| key.reveal(owner, Field::Ip, &ip).ok())
        .and_then(|ip| ip.parse::<IpAddr>().ok());
    let known_device = serde_json::from_str::<AccountEvent>(&event.payload)
        .ok()
        .and_then(|payload| payload.known_device());
    EventSketch {
        event_type: event.event_type.clone(),
        recorded_at: event.recorded_at.clone(),
        network: ip.map(network),
        known_device,
    }
}

fn network(ip: IpAddr) -> String {
    let prefix = if ip.is_ipv4() { 24 } else { 48 };
    ipnet::IpNet::new(ip, prefix)
        .map(|net| net.trunc().to_string())
        .unwrap_or_default()
}
