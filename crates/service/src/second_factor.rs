//! The second step of a sign-in: the code.

use account::command::{NewSession as NewSessionIds, PresentCode};
use account::state::TwoFactor;
use account::throttle::Backoff;
use account::{
    AccountEvent, AccountId, Actor, ChallengeId, CodeVerdict, Command, CredentialId, DeviceId,
    Refusal, SessionId,
};
use credentials::{SecretKind, Token, TokenKind, TotpCode, TotpSecret};
use store::{Beside, Device, Dossier, Entry, Issued};

use crate::act::Attempts;
use crate::counting::renewed_device;
use crate::facts::opened;
use crate::{Caller, Error, NewSession, Service, Transport};

/// Whether a text has the form of a code: what has not is told so without an attempt being spent.
pub fn is_code(text: &str) -> bool {
    TotpCode::parse(text).is_some()
}

/// One code on its way, through as many attempts as it takes.
struct PresentedCode {
    challenge: ChallengeId,
    /// None: what was typed is no code.
    code: Option<TotpCode>,
    session: NewSessionIds,
    transport: Transport,
}

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
        let mut attempts = self.attempts("PresentCode", &token.owner())?;
        let presented = PresentedCode {
            challenge: ChallengeId::from_uuid(token.id()),
            code: TotpCode::parse(code),
            session: NewSessionIds {
                id: SessionId::from_uuid(self.new_id()?),
                device: DeviceId::from_uuid(self.new_id()?),
            },
            transport,
        };
        loop {
            let dossier = self
                .store()
                .dossier(account)
                .await?
                .ok_or(Error::ChallengeExpired)?;
            if let Some(session) = self
                .attempt_code(caller, &presented, dossier, &mut attempts)
                .await?
            {
                return session.ok_or(Error::InvalidCode);
            }
        }
    }

    /// `None`: somebody else was faster; else the session, if the code was right.
    async fn attempt_code(
        &self,
        caller: &Caller,
        presented: &PresentedCode,
        dossier: Dossier,
        attempts: &mut Attempts,
    ) -> Result<Option<Option<NewSession>>, Error> {
        let (account, at) = (dossier.account, dossier.loaded.moment(self.now()));
        let device = self
            .challenged_device(&dossier, presented.challenge)
            .await?;
        let command = Command::PresentCode(PresentCode {
            at,
            challenge: presented.challenge,
            verdict: self.code_verdict(&dossier, presented.code.as_ref())?,
            device: device.as_ref().map(|device| device.id),
            session: presented.session,
        });
        let (strangers, address) = (dossier.strangers, dossier.address_hash);
        let key = dossier.data_key;
        let decided = match dossier.loaded.decide(command, self.policy(), at).await {
            Ok(decided) => decided,
            Err(Refusal::StaleVerdict) => return attempts.again().await.map(|()| None),
            Err(refusal) => return Err(Error::from_refusal(refusal, at)),
        };
        let mut issued = Issued::default();
        let session = self.issue_session(
            account,
            presented,
            decided.events(),
            device.as_ref(),
            &mut issued,
        )?;
        let mut beside = Beside {
            mails: self.notices(&decided, &key, caller)?,
            ..Beside::default()
        };
        match (&session, &device) {
            (Some(_), Some(device)) => beside.device = Some(renewed_device(device, at)?),
            (Some(_), None) if strangers.value != Backoff::default() => {
                let cleared = strangers.strangers_change(address, &Backoff::default())?;
                beside.throttles.push(cleared);
            }
            _ => {}
        }
        let actor = match session {
            Some(_) => Actor::Owner { id: account },
            None => Actor::Visitor,
        };
        let metadata = self.metadata(attempts, (&key, account.as_uuid()), actor, Some(caller))?;
        let entry = Entry::new(decided, issued, metadata);
        let committed = self.commit(entry, beside, attempts).await?;
        Ok(committed.then_some(session))
    }

    /// The tokens that a completed sign-in needs; none if it was not completed.
    fn issue_session(
        &self,
        account: AccountId,
        presented: &PresentedCode,
        events: &[AccountEvent],
        device: Option<&Device>,
        issued: &mut Issued,
    ) -> Result<Option<NewSession>, Error> {
        let signed_in = events.iter().find_map(|event| match event {
            AccountEvent::SignedIn { expires_at, .. } => Some(*expires_at),
            _ => None,
        });
        let Some(expires_at) = signed_in else {
            return Ok(None);
        };
        let (owner, id) = (account.as_uuid(), presented.session.id);
        let kind = presented.transport.token_kind();
        let (token, hash) = self.new_token(kind, owner, id.as_uuid())?;
        issued.session = Some(hash);
        let device_token = if let Some(known) = device {
            self.device_token(owner, known.id, &known.nonce)?
        } else {
            let nonce = self.device_nonce()?;
            issued.device_nonce = Some(nonce);
            self.device_token(owner, presented.session.device, &nonce)?
        };
        let device_token = Some(device_token);
        Ok(Some(NewSession {
            id,
            token,
            expires_at,
            device_token,
        }))
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
        let devices = self.store().devices(dossier.account, self.now()).await?;
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
