//! The first step of a sign-in: the password.
//!
//! The order keeps floods cheap and races costly: the throttles of the source and of the address
//! (whether or not it has an account), then the hash, then the commit, which is what reserves the
//! attempt. An unknown address costs the same hash, the same write and the same time.

use std::time::{Duration, Instant};

use account::command::PresentPassword;
use account::throttle::Backoff;
use account::{
    Account, AccountEvent, Actor, ChallengeId, Command, CredentialId, DeviceId, EmailAddress,
    Refusal, SessionId,
};
use chrono::{DateTime, Utc};
use credentials::{DeviceNonce, Token, TokenKind};
use store::{Beside, Device, Dossier, Entry, Issued, NewSecret, SignInDossier};
use zeroize::Zeroizing;

use crate::act::Attempts;
use crate::counting::renewed_device;
use crate::facts::opened;
use crate::password_check::PasswordCheck;
use crate::{Caller, Error, Secret, Service, Transport};

/// What a rejected sign-in takes beyond its hash, at least: more than the database needs unless it is
/// overloaded, so that an address with an account cannot be told from one without by the clock.
const FLOOR: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub struct SignIn {
    pub email: EmailAddress,
    pub password: Zeroizing<String>,
    pub device_token: Option<Zeroizing<String>>,
    pub transport: Transport,
}

#[derive(Debug)]
pub enum SignInOutcome {
    SignedIn(NewSession),
    SecondFactorRequired {
        token: Secret,
        expires_at: DateTime<Utc>,
    },
}

#[derive(Debug)]
pub struct NewSession {
    pub id: SessionId,
    pub token: Secret,
    pub expires_at: DateTime<Utc>,
    /// Under which this browser is known from now on.
    pub device_token: Option<Secret>,
}

/// What an attempt came to: none if somebody else was faster, else whether it was right.
type Attempted = Option<Option<SignInOutcome>>;

/// One sign-in on its way, through as many attempts as it takes.
pub(crate) struct Presented {
    pub(crate) address_hash: [u8; 32],
    pub(crate) source_hash: [u8; 32],
    device: Option<Token>,
    check: PasswordCheck,
    transport: Transport,
    /// What the password is kept as if it is hashed anew.
    password: CredentialId,
    session: SessionId,
    challenge: ChallengeId,
    new_device: DeviceId,
    nonce: DeviceNonce,
}

impl Service {
    pub async fn sign_in(&self, caller: &Caller, request: SignIn) -> Result<SignInOutcome, Error> {
        let began = Instant::now();
        let mut presented = self.presented(caller, &request)?;
        let outcome = self.try_sign_in(caller, &mut presented).await;
        if matches!(
            outcome,
            Err(Error::InvalidCredentials | Error::TooManyAttempts { .. })
        ) {
            let due = began + presented.check.took + FLOOR;
            tokio::time::sleep_until(due.into()).await;
        }
        outcome
    }

    fn presented(&self, caller: &Caller, request: &SignIn) -> Result<Presented, Error> {
        let device = request.device_token.as_ref();
        Ok(Presented {
            address_hash: self.keyring().address_hash(&request.email),
            source_hash: self.keyring().source_hash(&caller.source()),
            device: device.and_then(|text| Token::parse(TokenKind::Device, text)),
            check: PasswordCheck::new(&request.password),
            transport: request.transport,
            password: CredentialId::from_uuid(self.new_id()?),
            session: SessionId::from_uuid(self.new_id()?),
            challenge: ChallengeId::from_uuid(self.new_id()?),
            new_device: DeviceId::from_uuid(self.new_id()?),
            nonce: self.device_nonce()?,
        })
    }

    async fn try_sign_in(
        &self,
        caller: &Caller,
        presented: &mut Presented,
    ) -> Result<SignInOutcome, Error> {
        let mut attempts = self.attempts("PresentPassword", &presented.address_hash)?;
        self.0.hashing.must_have_room()?;
        loop {
            let now = self.now();
            let mut dossier = self
                .store()
                .sign_in_dossier(
                    presented.address_hash,
                    presented.source_hash,
                    presented.device.as_ref(),
                    now,
                )
                .await?;
            if let Some(wait) = self.refusal(&dossier, now) {
                return Err(Error::waiting(wait, now));
            }
            // A login whose history is gone is nobody's, and takes a stranger's time.
            let account = dossier.account.take();
            let done = match account.filter(|account| opened(account.loaded.state()).is_ok()) {
                Some(account) => {
                    self.queue_with(&mut attempts, &account.account.as_uuid());
                    self.attempt(caller, presented, &dossier, account, &mut attempts)
                        .await?
                }
                None => {
                    self.attempt_at_nobody(presented, &dossier, &mut attempts)
                        .await?
                }
            };
            if let Some(outcome) = done {
                return outcome.ok_or(Error::InvalidCredentials);
            }
        }
    }

    /// The same work, and the same answer as to a wrong password. `None`: somebody else was faster.
    async fn attempt_at_nobody(
        &self,
        presented: &mut Presented,
        throttles: &SignInDossier,
        attempts: &mut Attempts,
    ) -> Result<Attempted, Error> {
        presented.check.against_nobody(&self.0.hashing).await?;
        // As for an account, the wait begins after the hash.
        let now = self.now();
        let beside = Beside {
            throttles: self.stranger_failed(throttles, presented, now)?,
            ..Beside::default()
        };
        let result = self.store().commit_beside(None, beside, now).await;
        let nobody = uuid::Uuid::nil();
        let committed = self.settled::<Account>(result, nobody, 0, attempts).await?;
        Ok(committed.then_some(None))
    }

    /// `None`: somebody else was faster.
    async fn attempt(
        &self,
        caller: &Caller,
        presented: &mut Presented,
        throttles: &SignInDossier,
        dossier: Dossier,
        attempts: &mut Attempts,
    ) -> Result<Attempted, Error> {
        let verdict = {
            let account = opened(dossier.loaded.state())?;
            presented
                .check
                .against(&dossier, account, &self.0.hashing)
                .await?
        };
        // Waits are told from this server's clock, for known and unknown addresses alike; events
        // never go back behind the stream's last.
        let now = self.now();
        let at = dossier.loaded.moment(now);
        let renewal = presented
            .check
            .renewal(&self.0.hashing, self.random())
            .await?;
        let owner = dossier.account.as_uuid();
        let renewed = renewal
            .map(|hash| self.password_secret(&dossier.data_key, owner, presented.password, hash))
            .transpose()?;
        let device = throttles.device.as_ref();
        let command = Command::PresentPassword(PresentPassword {
            at,
            verdict,
            device: device.map(|device| device.id),
            wait: self.wait_after_failure(throttles, now),
            rehashed: renewed.as_ref().map(|secret| secret.id),
            session: account::command::NewSession {
                id: presented.session,
                device: presented.new_device,
            },
            challenge: presented.challenge,
        });
        let (key, id) = (dossier.data_key, dossier.account);
        let decided = match dossier.loaded.decide(command, self.policy(), at).await {
            Ok(decided) => decided,
            Err(Refusal::StaleVerdict) => return attempts.again().await.map(|()| None),
            Err(refusal) => return Err(Error::from_refusal(refusal, at)),
        };
        let (issued, outcome) = self.issue(presented, decided.events(), device, id.as_uuid())?;
        let beside = self.consequences(presented, throttles, outcome.as_ref(), renewed, now)?;
        let actor = match &outcome {
            Some(SignInOutcome::SignedIn(_)) => Actor::Owner { id },
            _ => Actor::Visitor,
        };
        let metadata = self.metadata(attempts, (&key, id.as_uuid()), actor, Some(caller))?;
        let entry = Entry::new(decided, issued, metadata);
        let committed = self.commit(entry, beside, attempts).await?;
        Ok(committed.then_some(outcome))
    }

    /// The tokens that the decision's events need, and what the caller will be told.
    fn issue(
        &self,
        presented: &Presented,
        events: &[AccountEvent],
        device: Option<&Device>,
        account: uuid::Uuid,
    ) -> Result<(Issued, Option<SignInOutcome>), Error> {
        let mut issued = Issued {
            device_nonce: Some(presented.nonce),
            ..Issued::default()
        };
        for event in events {
            match event {
                AccountEvent::SignedIn {
                    session,
                    expires_at,
                    ..
                } => {
                    let kind = presented.transport.token_kind();
                    let (token, hash) = self.new_token(kind, account, session.as_uuid())?;
                    issued.session = Some(hash);
                    let device_token = match device {
                        Some(known) => self.device_token(account, known.id, &known.nonce)?,
                        None => {
                            self.device_token(account, presented.new_device, &presented.nonce)?
                        }
                    };
                    let (id, expires_at) = (*session, *expires_at);
                    let device_token = Some(device_token);
                    let session = NewSession {
                        id,
                        token,
                        expires_at,
                        device_token,
                    };
                    return Ok((issued, Some(SignInOutcome::SignedIn(session))));
                }
                AccountEvent::SecondFactorRequested {
                    challenge,
                    expires_at,
                    ..
                } => {
                    let (token, hash) =
                        self.new_token(TokenKind::Challenge, account, challenge.as_uuid())?;
                    issued.challenge = Some(hash);
                    let expires_at = *expires_at;
                    return Ok((
                        issued,
                        Some(SignInOutcome::SecondFactorRequired { token, expires_at }),
                    ));
                }
                _ => {}
            }
        }
        Ok((issued, None))
    }

    /// What the outcome changes beside the log: counters, and a renewed hash.
    fn consequences(
        &self,
        presented: &Presented,
        throttles: &SignInDossier,
        outcome: Option<&SignInOutcome>,
        renewed: Option<NewSecret>,
        now: DateTime<Utc>,
    ) -> Result<Beside, Error> {
        let mut beside = Beside {
            secrets: renewed.into_iter().collect(),
            ..Beside::default()
        };
        match (outcome, &throttles.device) {
            (Some(SignInOutcome::SignedIn(_)), Some(device)) => {
                beside.device = Some(renewed_device(device, now)?);
            }
            (Some(SignInOutcome::SignedIn(_)), None) => {
                if throttles.strangers.value != Backoff::default() {
                    let change = throttles
                        .strangers
                        .strangers_change(presented.address_hash, &Backoff::default())?;
                    beside.throttles.push(change);
                }
            }
            // A right password clears nothing while a code is still to come.
            (Some(SignInOutcome::SecondFactorRequired { .. }), _) => {}
            (None, Some(device)) => beside.device = Some(self.device_failed(device, now)?),
            (None, None) => beside.throttles = self.stranger_failed(throttles, presented, now)?,
        }
        Ok(beside)
    }
}
