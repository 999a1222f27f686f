//! Requests for mail by visitors. A request only inserts a job, the same for every address; what it
//! means is found out here, where nobody can time it.

use std::net::IpAddr;
use std::time::Duration;

use account::command::RequestReset;
use account::state::TwoFactor;
use account::throttle::Window;
use account::{AccountId, Actor, Command, EmailAddress, ResetId};
use chrono::{DateTime, Utc};
use credentials::{Purpose, Token, TokenKind};
use mail::Message;
use serde::{Deserialize, Serialize};
use store::{Beside, Entry, Issued, Job, NewRegistration, NewToken, Spent, Versioned};

use crate::facts::opened;
use crate::fault;
use crate::{Caller, Error, Secret, Service};

const LEASE: chrono::Duration = chrono::Duration::seconds(30);
const LEASE_STD: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(500);
const BATCH: i64 = 20;
/// A job that failed this often never will succeed.
const ATTEMPTS: i32 = 10;

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Wish {
    Register,
    Reset,
    Unblock,
}

#[derive(Serialize, Deserialize)]
struct Request {
    wish: Wish,
    address: String,
    cause: String,
    ip: IpAddr,
    user_agent: Option<String>,
    /// What the browser is known by, if it is.
    #[serde(default)]
    device: Option<String>,
}

impl Service {
    /// Asks for the mail that lets the owner of an address open an account.
    pub async fn register(&self, caller: &Caller, address: &EmailAddress) -> Result<(), Error> {
        self.wish(Wish::Register, caller, address, None).await
    }

    /// Asks for a reset link. What a known device asks for is counted apart, so that strangers who
    /// ask in the owner's name do not keep the owner from a link.
    pub async fn request_reset(
        &self,
        caller: &Caller,
        address: &EmailAddress,
        device_token: Option<Secret>,
    ) -> Result<(), Error> {
        self.wish(Wish::Reset, caller, address, device_token).await
    }

    /// Asks for a link that makes a browser known.
    pub async fn request_unblock(
        &self,
        caller: &Caller,
        address: &EmailAddress,
    ) -> Result<(), Error> {
        self.wish(Wish::Unblock, caller, address, None).await
    }

    async fn wish(
        &self,
        wish: Wish,
        caller: &Caller,
        address: &EmailAddress,
        device_token: Option<Secret>,
    ) -> Result<(), Error> {
        let (id, now) = (self.new_id()?, self.now());
        // The same for every address. Whoever has used up a source's mails adds nothing to the queue.
        if let Some(limit) = self.policy().mails_per_source {
            let source_hash = self.keyring().source_hash(&caller.source());
            let counted = self.store().source_mails(source_hash).await?;
            if counted.value.refusal(now, limit).is_some() {
                return Ok(());
            }
        }
        let request = Request {
            wish,
            address: address.as_written().to_owned(),
            cause: caller.request_id.clone(),
            ip: caller.ip,
            user_agent: caller.user_agent.clone(),
            device: device_token.map(|token| (*token).clone()),
        };
        let text = serde_json::to_vec(&request).map_err(Error::internal)?;
        let context: [&[u8]; 2] = [b"job", id.as_bytes()];
        let sealed = self
            .keyring()
            .seal(Purpose::Outbox, &context, &text, self.random())?;
        if !self.store().add_job(id, &sealed, now).await? {
            return Err(Error::Overloaded {
                retry_after: Duration::from_secs(30),
            });
        }
        self.0.job_added.notify_one();
        Ok(())
    }

    /// Carries out jobs for as long as it runs.
    pub async fn run_jobs(self) {
        loop {
            match self.run_due_jobs().await {
                Ok(0) => {
                    let _ = tokio::time::timeout(POLL, self.0.job_added.notified()).await;
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "the jobs stopped");
                    tokio::time::sleep(POLL).await;
                }
            }
        }
    }

    async fn run_due_jobs(&self) -> Result<usize, Error> {
        let jobs = self.store().take_jobs(self.now(), LEASE, BATCH).await?;
        let count = jobs.len();
        for (id, job) in jobs {
            let attempt = job.as_ref().map_or(ATTEMPTS, |job| job.attempts);
            let run = async { self.run_job_to_its_end(&job?).await };
            if let Err(error) = fault::as_error(run).await {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    job.id = %id,
                    job.attempt = attempt,
                    "a job failed"
                );
                // One that waits for the database waits as long as it takes.
                let waits = matches!(error, Error::Unavailable(_));
                if attempt >= ATTEMPTS && !waits {
                    self.store().drop_job(id).await?;
                }
            }
        }
        Ok(count)
    }

    /// A job that is beaten to the account by somebody else is tried again at once.
    async fn run_job_to_its_end(&self, job: &Job) -> Result<(), Error> {
        for _ in 0..ATTEMPTS {
            match self.run_job(job).await {
                Err(Error::Overloaded { .. }) => {}
                done => return done,
            }
        }
        Ok(())
    }

    async fn run_job(&self, job: &Job) -> Result<(), Error> {
        let context: [&[u8]; 2] = [b"job", job.id.as_bytes()];
        let text = self
            .keyring()
            .open(Purpose::Outbox, &context, &job.sealed)?;
        let request: Request = serde_json::from_slice(&text).map_err(Error::internal)?;
        let address: EmailAddress = request.address.parse().map_err(Error::internal)?;
        let caller = Caller {
            request_id: request.cause,
            ip: request.ip,
            user_agent: request.user_agent,
        };
        let address_hash = self.keyring().address_hash(&address);
        let account = self.store().find(address_hash).await?;
        // What only says that there is an account uses up nothing of the mail that helps its owner, and
        // other mail nothing of the way out for an owner whom strangers keep waiting.
        let budget = match (request.wish, account) {
            (Wish::Reset, Some(account)) if self.knows(account, request.device).await? => {
                "known_device_mail"
            }
            (Wish::Register, Some(_)) => "taken_mail",
            (Wish::Register, None) | (Wish::Reset, _) => "address_mail",
            (Wish::Unblock, _) => "unblock_mail",
        };
        let (allowed, throttles) = self.count_mail(budget, address_hash, &caller).await?;
        let beside = Beside {
            throttles,
            spent: Spent {
                job: Some(job.id),
                ..Spent::default()
            },
            ..Beside::default()
        };
        if !allowed {
            tracing::info!(job.id = %job.id, "too many mails: none is sent");
            return self.commit_mail(None, beside, self.now()).await;
        }
        match (request.wish, account) {
            (Wish::Register, None) => self.send_verification(&address, address_hash, beside).await,
            (Wish::Register, Some(account)) => self.send_taken(account, beside).await,
            (Wish::Reset, Some(account)) => self.send_reset(account, &caller, beside).await,
            (Wish::Unblock, Some(account)) => self.send_unblock(account, beside).await,
            // Counted all the same, or what a source has left would tell whether there is an account.
            (Wish::Reset | Wish::Unblock, None) => self.commit_mail(None, beside, self.now()).await,
        }
    }

    /// Whether a device is known to the account.
    async fn knows(&self, account: AccountId, device: Option<String>) -> Result<bool, Error> {
        let token = device.and_then(|text| Token::parse(TokenKind::Device, &Secret::new(text)));
        let Some(token) = token.filter(|token| token.owner() == account.as_uuid()) else {
            return Ok(false);
        };
        let devices = self.store().devices(account, self.now()).await?;
        Ok(devices.iter().any(|device| {
            device.id.as_uuid() == token.id()
                && self.keyring().device_token_matches(&token, &device.nonce)
        }))
    }

    /// Whether one more mail may go to this address at the wish of this source, and what is counted.
    /// The source is counted even where the address has had enough: what a source has left tells
    /// nothing about an address.
    async fn count_mail(
        &self,
        budget: &'static str,
        address_hash: [u8; 32],
        caller: &Caller,
    ) -> Result<(bool, Vec<store::ThrottleChange>), Error> {
        let (now, policy) = (self.now(), self.policy());
        let source_hash = self.keyring().source_hash(&caller.source());
        let (address, source): (Versioned<[Window; 2]>, Versioned<Window>) = self
            .store()
            .mail_limits(budget, address_hash, source_hash)
            .await?;
        let mut changes = Vec::new();
        if let Some(limit) = policy.mails_per_source {
            if source.value.refusal(now, limit).is_some() {
                return Ok((false, changes));
            }
            let counted = source.value.counted(now, limit);
            changes.push(source.mail_source_change(source_hash, &counted)?);
        }
        let ([hour, day], [per_hour, per_day]) = (address.value, policy.mails_per_address);
        let refused = hour.refusal(now, per_hour).is_some() || day.refusal(now, per_day).is_some();
        if !refused {
            let counted = [hour.counted(now, per_hour), day.counted(now, per_day)];
            changes.push(address.mail_address_change(budget, address_hash, &counted)?);
        }
        Ok((!refused, changes))
    }

    async fn send_verification(
        &self,
        address: &EmailAddress,
        address_hash: [u8; 32],
        mut beside: Beside,
    ) -> Result<(), Error> {
        let (id, now) = (self.new_id()?, self.now());
        let (link_token, token) = self.new_token(TokenKind::Verification, id, id)?;
        let expires_at = now + self.policy().verification_lifetime;
        let context: [&[u8]; 2] = [b"registration", id.as_bytes()];
        let sealed = self.keyring().seal_under(
            token.key_id,
            Purpose::Outbox,
            &context,
            address.as_written().as_bytes(),
            self.random(),
        )?;
        let address_sealed = sealed.bytes;
        beside.registration = Some(NewRegistration {
            id,
            address_hash,
            token,
            address: address_sealed,
            expires_at,
        });
        let link = self.link("verify", &link_token);
        let message = Message::VerifyAddress { link, expires_at };
        beside
            .mails
            .push(self.promise(address.as_written(), message)?);
        self.commit_mail(None, beside, now).await
    }

    async fn send_taken(&self, account: AccountId, mut beside: Beside) -> Result<(), Error> {
        let Some(dossier) = self.store().dossier(account).await? else {
            return Ok(());
        };
        let email = &opened(dossier.loaded.state())?.email;
        let mail =
            self.promise_to_owner(&dossier.data_key, account, email, Message::AddressTaken)?;
        beside.mails.push(mail);
        self.commit_mail(None, beside, self.now()).await
    }

    async fn send_unblock(&self, account: AccountId, mut beside: Beside) -> Result<(), Error> {
        let Some(dossier) = self.store().dossier(account).await? else {
            return Ok(());
        };
        let (id, now) = (self.new_id()?, self.now());
        let (link_token, token) = self.new_token(TokenKind::Unblock, account.as_uuid(), id)?;
        let expires_at = now + self.policy().unblock_lifetime;
        beside.unblock = Some(NewToken::unblock_link(id, token, expires_at));
        let link = self.link("unblock", &link_token);
        let email = &opened(dossier.loaded.state())?.email;
        let message = Message::UnblockBrowser { link, expires_at };
        beside
            .mails
            .push(self.promise_to_owner(&dossier.data_key, account, email, message)?);
        self.commit_mail(Some(account), beside, now).await
    }

    async fn send_reset(
        &self,
        account: AccountId,
        caller: &Caller,
        mut beside: Beside,
    ) -> Result<(), Error> {
        let Some(dossier) = self.store().dossier(account).await? else {
            return Ok(());
        };
        let mut attempts = self.attempts("RequestReset", &account.as_uuid())?;
        let at = dossier.loaded.moment(self.now());
        let reset = ResetId::from_uuid(self.new_id()?);
        let (link_token, token) =
            self.new_token(TokenKind::Reset, account.as_uuid(), reset.as_uuid())?;
        let account_before = opened(dossier.loaded.state())?;
        let message = Message::ResetPassword {
            link: self.link("reset", &link_token),
            expires_at: at + self.policy().reset_lifetime,
            two_factor_on: matches!(account_before.two_factor, TwoFactor::Enabled { .. }),
        };
        let (key, owner) = (dossier.data_key, account.as_uuid());
        beside
            .mails
            .push(self.promise_to_owner(&key, account, &account_before.email, message)?);
        let metadata = self.metadata(&attempts, (&key, owner), Actor::Visitor, Some(caller))?;
        let command = Command::RequestReset(RequestReset { at, reset });
        let decided = dossier.loaded.decide(command, self.policy(), at).await;
        let decided = decided.map_err(|refusal| Error::from_refusal(refusal, at))?;
        let issued = Issued {
            reset: Some(token),
            ..Issued::default()
        };
        let committed = self
            .commit(Entry::new(decided, issued, metadata), beside, &mut attempts)
            .await?;
        if committed {
            Ok(())
        } else {
            Err(Error::Overloaded {
                retry_after: LEASE_STD,
            })
        }
    }

    async fn commit_mail(
        &self,
        account: Option<AccountId>,
        beside: Beside,
        at: DateTime<Utc>,
    ) -> Result<(), Error> {
        self.store().commit_beside(account, beside, at).await?;
        self.0.mail_promised.notify_one();
        Ok(())
    }

    /// The address that a registration waits for, opened.
    pub(crate) fn registered_address(
        &self,
        registration: &store::Registration,
    ) -> Result<EmailAddress, Error> {
        let context: [&[u8]; 2] = [b"registration", registration.id.as_bytes()];
        let text = self
            .keyring()
            .open(Purpose::Outbox, &context, &registration.address)?;
        let text = std::str::from_utf8(&text).map_err(Error::internal)?;
        text.parse().map_err(Error::internal)
    }
}
