//! Accounts with sessions and authenticators, made by the service's own decisions and commits; only
//! the password is hashed once for all of them.

use account::command::{
    ConfirmEnrollment, NewSession, OpenAccount, PresentPassword, SignOut, StartEnrollment,
};
use account::event::Opening;
use account::{
    Account, AccountId, Actor, ChallengeId, CodeVerdict, Command, CredentialId, DeviceId,
    EmailAddress, PasswordVerdict, Policy, SessionId,
};
use chrono::{DateTime, SubsecRound, Utc};
use credentials::{
    DataKey, Field, HashingPool, HashingSettings, NewPassword, PasswordContext, PasswordHash,
    PasswordRules, Random, SecretKind, SystemRandom, Token, TokenKind, TotpSecret,
};
use futures::{StreamExt, TryStreamExt};
use serde_json::json;
use store::{Beside, Dossier, Entry, Issued, Loaded, NewSecret, SessionRecord, Store};
use totp_rs::{Algorithm, Builder, Secret};
use uuid::Uuid;

use crate::history::metadata;
use crate::{Outcome, client};

pub(crate) const PASSWORD: &str = "violet harbour tuning 41";
/// Accounts that are opened side by side.
const WRITERS: usize = 8;

pub(crate) struct Person {
    pub(crate) account: AccountId,
    pub(crate) email: String,
    /// A bearer token.
    pub(crate) token: String,
    pub(crate) session: SessionId,
    device: DeviceId,
    authenticator: Option<TotpSecret>,
}

#[expect(
    clippy::disallowed_methods,
    reason = "what is measured is the machine, in its own time"
)]
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(6)
}

/// What everybody's password is kept as.
pub(crate) async fn password_hash() -> Outcome<PasswordHash> {
    let pool = HashingPool::new(HashingSettings::default(), &SystemRandom)?;
    let address = "bench@example.com".parse::<EmailAddress>()?;
    let context = PasswordContext::new(&address, "Bench");
    let password = NewPassword::choose(PASSWORD, &PasswordRules::default(), &context)
        .map_err(|refused| format!("{refused:?}"))?;
    Ok(pool.hash(&password, &SystemRandom).await?)
}

/// `count` people, each signed in, with two-factor on or without it.
pub(crate) async fn open(
    store: &Store,
    hash: &PasswordHash,
    count: usize,
    two_factor: bool,
) -> Outcome<Vec<Person>> {
    futures::stream::iter(0..count)
        .map(|_| one(store, hash, two_factor))
        .buffer_unordered(WRITERS)
        .try_collect()
        .await
}

async fn one(store: &Store, hash: &PasswordHash, two_factor: bool) -> Outcome<Person> {
    let random: &dyn Random = &SystemRandom;
    let (at, id) = (now(), random.id(now())?);
    let (email, key) = (format!("{id}@example.com"), DataKey::generate(random)?);
    let address = email.parse::<EmailAddress>()?;
    let password = CredentialId::from_uuid(random.id(at)?);
    let command = Command::OpenAccount(OpenAccount {
        at,
        email: key.conceal(id, Field::Email, &email, random)?,
        password,
        by: Opening::Operator,
        device: None,
    });
    let (kind, text) = (SecretKind::PasswordHash, hash.as_str().as_bytes());
    let secret = key.seal_secret(id, password, kind, text, random)?;
    let beside = Beside {
        data_key: Some(key.wrap(store.keyring(), id, random)?),
        address_hash: Some(store.keyring().address_hash(&address)),
        secrets: vec![NewSecret {
            id: password,
            kind,
            secret,
        }],
        ..Beside::default()
    };
    let decided = Loaded::<Account>::unborn(id)
        .decide(command, &Policy::default(), at)
        .await?;
    let metadata = metadata(id, &key, at)?;
    let entry = Entry::new(decided, Issued::default(), metadata);
    store.commit(entry, beside).await?;
    let mut person = Person {
        email,
        ..Person::of(AccountId::from_uuid(id))?
    };
    person.sign_in(store, None).await?;
    if two_factor {
        person.enable_two_factor(store).await?;
    }
    Ok(person)
}

impl Person {
    /// Somebody whose account there is.
    pub(crate) fn of(account: AccountId) -> Outcome<Self> {
        Ok(Self {
            account,
            email: String::new(),
            token: String::new(),
            session: SessionId::from_uuid(Uuid::nil()),
            device: DeviceId::from_uuid((&SystemRandom as &dyn Random).id(now())?),
            authenticator: None,
        })
    }

    /// As after a right password. From a browser that is known, if it is named.
    pub(crate) async fn sign_in(&mut self, store: &Store, known: Option<DeviceId>) -> Outcome<()> {
        let random: &dyn Random = &SystemRandom;
        let dossier = self.dossier(store).await?;
        let id = self.account.as_uuid();
        self.session = SessionId::from_uuid(random.id(now())?);
        let at = dossier.loaded.moment(now());
        let command = right_password(&dossier, at, known, self.session, self.device)?;
        let token = Token::generate(TokenKind::Session, id, self.session.as_uuid(), random)?;
        let issued = Issued {
            session: Some(store.keyring().token_hash(&token)),
            device_nonce: Some(store.keyring().device_nonce(random)?),
            ..Issued::default()
        };
        self.token = token.reveal().to_string();
        commit(store, dossier, command, issued, Beside::default()).await
    }

    pub(crate) async fn sign_in_again(&mut self, store: &Store) -> Outcome<()> {
        self.sign_in(store, Some(self.device)).await
    }

    pub(crate) async fn sign_out(&self, store: &Store) -> Outcome<()> {
        let dossier = self.dossier(store).await?;
        let at = dossier.loaded.moment(now());
        let session = self.session;
        let command = Command::SignOut(SignOut { at, session });
        commit(
            store,
            dossier,
            command,
            Issued::default(),
            Beside::default(),
        )
        .await
    }

    async fn enable_two_factor(&mut self, store: &Store) -> Outcome<()> {
        let random: &dyn Random = &SystemRandom;
        let (secret, session) = (TotpSecret::generate(random)?, self.session);
        let enrollment = CredentialId::from_uuid(random.id(now())?);
        let dossier = self.dossier(store).await?;
        let at = dossier.loaded.moment(now());
        let command = Command::StartEnrollment(StartEnrollment {
            at,
            session,
            verdict: matched(&dossier)?,
            enrollment,
        });
        let (kind, id) = (SecretKind::TotpSecret, self.account.as_uuid());
        let sealed =
            dossier
                .data_key
                .seal_secret(id, enrollment, kind, secret.as_bytes(), random)?;
        let beside = Beside {
            secrets: vec![NewSecret {
                id: enrollment,
                kind,
                secret: sealed,
            }],
            ..Beside::default()
        };
        commit(store, dossier, command, Issued::default(), beside).await?;

        let dossier = self.dossier(store).await?;
        let at = dossier.loaded.moment(now());
        // Of an hour ago: no code of now is spent by it.
        let verdict = CodeVerdict::new(enrollment, vec![TotpSecret::step_at(unix_now()?) - 120]);
        let command = Command::ConfirmEnrollment(ConfirmEnrollment {
            at,
            session,
            verdict: Some(verdict),
        });
        let issued = Issued {
            confirming: Some(self.session_record(store).await?),
            ..Issued::default()
        };
        commit(store, dossier, command, issued, Beside::default()).await?;
        self.authenticator = Some(secret);
        Ok(())
    }

    async fn session_record(&self, store: &Store) -> Outcome<SessionRecord> {
        let token = Token::parse(TokenKind::Session, &self.token).ok_or("no token")?;
        let found = store.session(&token).await?;
        Ok(found.ok_or("no session")?.0)
    }

    async fn dossier(&self, store: &Store) -> Outcome<Dossier> {
        let dossier = store.dossier(self.account).await?;
        Ok(dossier.ok_or("the account is gone")?)
    }

    pub(crate) fn login_request(&self) -> Vec<u8> {
        let body = json!({ "email": self.email, "password": PASSWORD, "transport": "bearer" });
        client::post("/api/v1/login", &body)
    }

    /// What the authenticator app shows now.
    pub(crate) fn code(&self) -> Outcome<String> {
        let secret = self.authenticator.as_ref().ok_or("no authenticator")?;
        let totp = Builder::new()
            .with_algorithm(Algorithm::SHA1)
            .with_digits(6)
            .with_step_duration(30)
            .with_secret(Secret::from(secret.as_bytes()))
            .build()?;
        Ok(totp.generate(unix_now()?).to_string())
    }
}

fn unix_now() -> Outcome<u64> {
    Ok(u64::try_from(now().timestamp())?)
}

fn matched(dossier: &Dossier) -> Outcome<PasswordVerdict> {
    let opened = dossier.loaded.state().opened.as_ref().ok_or("not opened")?;
    Ok(PasswordVerdict::new(opened.password.credential, true))
}

fn right_password(
    dossier: &Dossier,
    at: DateTime<Utc>,
    known: Option<DeviceId>,
    session: SessionId,
    device: DeviceId,
) -> Outcome<Command> {
    Ok(Command::PresentPassword(PresentPassword {
        at,
        verdict: matched(dossier)?,
        device: known,
        wait: None,
        rehashed: None,
        session: NewSession {
            id: session,
            device,
        },
        challenge: ChallengeId::from_uuid(Uuid::nil()),
    }))
}

async fn commit(
    store: &Store,
    dossier: Dossier,
    command: Command,
    issued: Issued,
    beside: Beside,
) -> Outcome<()> {
    let (id, at) = (dossier.account.as_uuid(), dossier.loaded.moment(now()));
    let mut metadata = metadata(id, &dossier.data_key, at)?;
    metadata.actor = Actor::Owner {
        id: dossier.account,
    };
    let decided = dossier
        .loaded
        .decide(command, &Policy::default(), at)
        .await?;
    store
        .commit(Entry::new(decided, issued, metadata), beside)
        .await?;
    Ok(())
}
