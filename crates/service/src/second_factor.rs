//! The second step of a sign-in: the code.

use account::command::{NewSession as NewSessionIds, PresentCode};
use account::state::TwoFactor;
use account::throttle::Backoff;
use account::{
    AccountEvent, AccountId, Actor, ChallengeId, CodeVerdict, Command, CredentialId, DeviceId,
    Refusal, SessionId,
};
use chrono::{DateTime, Utc};
use credentials::{SecretKind, Token, TokenKind, TotpCode, TotpSecret};
use mail::Message;
use store::{Beside, Device, Dossier, Entry, Issued};

use crate::counting::renewed_device;
use crate::mailing::circumstances;
use crate::sign_in::opened;
use crate::{Caller, Error, NewSession, Service, Transport};

impl Service {
    pub async fn second_factor(
        &self,
        caller: &Caller,
        challenge: &str,
        code: &str,
        transport: Transport,
    ) -> Result<NewSession, Error> {
        let token = Token::parse(TokenKind::Challenge, challenge).ok_or(Error::ChallengeExpired)?;
        self.store()
            .token_opens(&token)
            .await?
            .ok_or(Error::ChallengeExpired)?;
        let account = AccountId::from_uuid(token.owner());
        let challenge = ChallengeId::from_uuid(token.id());
        let code = TotpCode::parse(code);
        let mut attempts = self.attempts("PresentCode", &token.owner())?;
        let session = NewSessionIds {
            id: SessionId::from_uuid(self.new_id()?),
            device: DeviceId::from_uuid(self.new_id()?),
        };
        loop {
            let dossier = self
                .dossier(account, &attempts)
                .await?
                .ok_or(Error::ChallengeExpired)?;
            let at = dossier.loaded.moment(self.now());
            let verdict = self.code_verdict(&dossier, code.as_ref())?;
            let device = self.challenged_device(&dossier, challenge).await?;
            let (strangers, address) = (dossier.strangers.clone(), dossier.address_hash);
            let (key, command) = (
                dossier.data_key,
                Command::PresentCode(PresentCode {
                    at,
                    challenge,
                    verdict,
                    session,
                }),
            );
            let decided = match dossier.loaded.decide(command, self.policy(), at).await {
                Ok(decided) => decided,
                Err(Refusal::StaleVerdict) => {
                    attempts.again().await?;
                    continue;
                }
                Err(refusal) => return Err(Error::from_refusal(refusal, at)),
            };
            let mut beside = Beside::default();
            let mut issued = Issued::default();
            let signed_in = decided.events().iter().find_map(|event| match event {
                AccountEvent::SignedIn { expires_at, .. } => Some(*expires_at),
                _ => None,
            });
            let outcome = if let Some(expires_at) = signed_in {
                match &device {
                    Some(device) => beside.device = Some(renewed_device(device, at)?),
                    None if strangers.value != Backoff::default() => beside
                        .throttles
                        .push(strangers.strangers_change(address, &Backoff::default())?),
                    None => {}
                }
                Some(self.issue_session(
                    transport,
                    account,
                    session,
                    expires_at,
                    device.as_ref(),
                    &mut issued,
                )?)
            } else {
                let before = opened(decided.before())?;
                if before.codes.failures == 0 {
                    let message = Message::WrongCodeAfterRightPassword(circumstances(at, caller));
                    beside.mails.push(self.promise_to_owner(
                        &key,
                        account,
                        &before.email,
                        message,
                    )?);
                }
                None
            };
            let actor = if outcome.is_some() {
                Actor::Owner { id: account }
            } else {
                Actor::Visitor
            };
            let owner = (&key, account.as_uuid());
            let metadata = self.metadata(&attempts, owner, actor, Some(caller))?;
            if self
                .commit(Entry::new(decided, issued, metadata), beside, &mut attempts)
                .await?
            {
                return outcome.ok_or(Error::InvalidCode);
            }
        }
    }

    fn issue_session(
        &self,
        transport: Transport,
        account: AccountId,
        session: NewSessionIds,
        expires_at: DateTime<Utc>,
        device: Option<&Device>,
        issued: &mut Issued,
    ) -> Result<NewSession, Error> {
        let (owner, id) = (account.as_uuid(), session.id);
        let (token, hash) = self.new_token(transport.token_kind(), owner, id.as_uuid())?;
        issued.session = Some(hash);
        let device_token = if let Some(known) = device {
            self.device_token(owner, known.id, known.key_id, &known.nonce)?
        } else {
            let nonce = self.random().bytes()?;
            issued.device_nonce = Some(nonce);
            self.new_device_token(owner, session.device, &nonce)?
        };
        Ok(NewSession {
            id,
            token,
            expires_at,
            device_token: Some(device_token),
        })
    }

    /// The known device that presented the password, if it is still known.
    async fn challenged_device(
        &self,
        dossier: &Dossier,
        challenge: ChallengeId,
    ) -> Result<Option<Device>, Error> {
        let account = opened(dossier.loaded.state())?;
        let pending = account
            .challenges
            .iter()
            .find(|pending| pending.id == challenge);
        let Some(id) = pending.and_then(|pending| pending.device) else {
            return Ok(None);
        };
        let devices = self.store().devices(dossier.account).await?;
        Ok(devices.into_iter().find(|device| device.id == id))
    }

    /// What the authenticator in force says to a code; a text that is no code matches no step.
    fn code_verdict(
        &self,
        dossier: &Dossier,
        code: Option<&TotpCode>,
    ) -> Result<Option<CodeVerdict>, Error> {
        match opened(dossier.loaded.state())?.two_factor {
            TwoFactor::Enabled { authenticator, .. } => {
                self.judge_code(dossier, authenticator, code).map(Some)
            }
            TwoFactor::Disabled | TwoFactor::Enrolling { .. } => Ok(None),
        }
    }

    pub(crate) fn judge_code(
        &self,
        dossier: &Dossier,
        authenticator: CredentialId,
        code: Option<&TotpCode>,
    ) -> Result<CodeVerdict, Error> {
        let Some(code) = code else {
            return Ok(CodeVerdict::new(authenticator, Vec::new()));
        };
        let seconds = self.now().timestamp().max(0).cast_unsigned();
        let secret = dossier.secret(authenticator, SecretKind::TotpSecret)?;
        let secret = TotpSecret::from_bytes(&secret).map_err(Error::internal)?;
        Ok(secret.judge(authenticator, code, seconds))
    }
}
