//! Turning two-factor on and off.

use account::command::{CancelEnrollment, ConfirmEnrollment, DisableTwoFactor, StartEnrollment};
use account::state::{Opened, TwoFactor};
use account::{AccountEvent, Command, CredentialId};
use chrono::{DateTime, Utc};
use credentials::{SecretKind, TotpCode, TotpSecret, qr};
use store::{Beside, Dossier, Issued, NewSecret};
use zeroize::Zeroizing;

use crate::current_password::Guarded;
use crate::facts::opened;
use crate::owner::Act;
use crate::password_check::PasswordCheck;
use crate::{Caller, Error, Owner, Secret, Service};

/// What an authenticator app is given, once.
#[derive(Debug)]
pub struct Enrollment {
    /// Unpadded base32.
    pub secret: Secret,
    pub otpauth_uri: Secret,
    pub qr_svg: Secret,
    /// A data URI.
    pub qr_png: Secret,
    pub expires_at: DateTime<Utc>,
}

impl Service {
    pub async fn start_enrollment(
        &self,
        caller: &Caller,
        owner: &Owner,
        current: &str,
    ) -> Result<Enrollment, Error> {
        let secret = TotpSecret::generate(self.random())?;
        let enrollment = CredentialId::from_uuid(self.new_id()?);
        let session = owner.session.id;
        let guarded = Guarded {
            name: "StartEnrollment",
            check: PasswordCheck::new(current),
            ready: must_be_off,
            command: |dossier: &Dossier, at, verdict| {
                let command = StartEnrollment {
                    at,
                    session,
                    verdict,
                    enrollment,
                };
                let kept = self.totp_secret(dossier, enrollment, &secret)?;
                Ok((Command::StartEnrollment(command), Some(kept)))
            },
        };
        let events = self.with_current_password(caller, owner, guarded).await?;
        let expires_at = events.iter().find_map(|event| match event {
            AccountEvent::EnrollmentStarted { expires_at, .. } => Some(*expires_at),
            _ => None,
        });
        let expires_at = expires_at.ok_or(Error::NoEnrollment)?;
        self.enrollment_of(&secret, &self.email(owner)?, expires_at)
    }

    fn totp_secret(
        &self,
        dossier: &Dossier,
        id: CredentialId,
        secret: &TotpSecret,
    ) -> Result<NewSecret, Error> {
        let (kind, owner) = (SecretKind::TotpSecret, dossier.account.as_uuid());
        let random = self.random();
        let secret = dossier
            .data_key
            .seal_secret(owner, id, kind, secret.as_bytes(), random)?;
        Ok(NewSecret { id, kind, secret })
    }

    fn enrollment_of(
        &self,
        secret: &TotpSecret,
        address: &str,
        expires_at: DateTime<Utc>,
    ) -> Result<Enrollment, Error> {
        let otpauth_uri = secret.otpauth_uri(&self.0.settings.issuer, address);
        Ok(Enrollment {
            secret: secret.base32(),
            qr_svg: Zeroizing::new(qr::svg(&otpauth_uri).map_err(Error::internal)?),
            qr_png: Zeroizing::new(qr::png_data_uri(&otpauth_uri).map_err(Error::internal)?),
            otpauth_uri,
            expires_at,
        })
    }

    /// What the app was given, once more, for the session that began the enrollment: somebody whose
    /// code was not accepted scans the same code again.
    pub async fn pending_enrollment(&self, owner: &Owner) -> Result<Enrollment, Error> {
        let dossier = self.owned(owner).await?;
        let (enrollment, expires_at) = opened(dossier.loaded.state())?
            .enrollment_begun_by(owner.session.id, self.now())
            .ok_or(Error::NoEnrollment)?;
        let secret = dossier.secret(enrollment, SecretKind::TotpSecret)?;
        let secret = TotpSecret::from_bytes(&secret).map_err(Error::internal)?;
        self.enrollment_of(&secret, &self.email(owner)?, expires_at)
    }

    /// Answers with the time at which two-factor was turned on.
    pub async fn confirm_enrollment(
        &self,
        caller: &Caller,
        owner: &Owner,
        code: &str,
    ) -> Result<DateTime<Utc>, Error> {
        let code = TotpCode::parse(code);
        let mut attempts = self.attempts("ConfirmEnrollment", &owner.account.as_uuid())?;
        loop {
            let dossier = self.owned(owner).await?;
            let at = dossier.loaded.moment(self.now());
            let verdict = match opened(dossier.loaded.state())?.two_factor.as_of(at) {
                TwoFactor::Enrolling { enrollment, .. } => {
                    Some(self.judge_code(&dossier, enrollment, code.as_ref())?)
                }
                TwoFactor::Disabled | TwoFactor::Enabled { .. } => None,
            };
            let beside = Beside::default();
            let issued = Issued {
                confirming: Some(owner.session.clone()),
                ..Issued::default()
            };
            let session = owner.session.id;
            let command = Command::ConfirmEnrollment(ConfirmEnrollment {
                at,
                session,
                verdict,
            });
            let act = Act {
                at,
                command,
                issued,
                beside,
            };
            let done = self
                .carry_out(caller, owner, dossier, act, &mut attempts)
                .await?;
            if let Some(events) = done {
                let enabled = events.iter().find_map(|event| match event {
                    AccountEvent::TwoFactorEnabled { at, .. } => Some(*at),
                    _ => None,
                });
                return enabled.ok_or(Error::InvalidCode);
            }
        }
    }

    pub async fn cancel_enrollment(&self, caller: &Caller, owner: &Owner) -> Result<(), Error> {
        let session = owner.session.id;
        let command = |at| Command::CancelEnrollment(CancelEnrollment { at, session });
        self.simply(caller, owner, "CancelEnrollment", command)
            .await
    }

    pub async fn disable_two_factor(
        &self,
        caller: &Caller,
        owner: &Owner,
        current: &str,
    ) -> Result<(), Error> {
        let session = owner.session.id;
        let guarded = Guarded {
            name: "DisableTwoFactor",
            check: PasswordCheck::new(current),
            ready: must_be_on,
            command: |_: &Dossier, at, verdict| {
                let command = DisableTwoFactor {
                    at,
                    session,
                    verdict,
                };
                Ok((Command::DisableTwoFactor(command), None))
            },
        };
        self.with_current_password(caller, owner, guarded)
            .await
            .map(drop)
    }
}

fn must_be_off(account: &Opened) -> Result<(), Error> {
    match account.two_factor {
        TwoFactor::Enabled { .. } => Err(Error::TwoFactorAlreadyEnabled),
        TwoFactor::Disabled | TwoFactor::Enrolling { .. } => Ok(()),
    }
}

fn must_be_on(account: &Opened) -> Result<(), Error> {
    match account.two_factor {
        TwoFactor::Enabled { .. } => Ok(()),
        TwoFactor::Disabled | TwoFactor::Enrolling { .. } => Err(Error::TwoFactorNotEnabled),
    }
}
