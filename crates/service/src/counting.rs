//! Failed sign-ins, counted apart for known devices and strangers, and by source.

use account::Wait;
use account::throttle::DeviceFailures;
use chrono::{DateTime, Utc};
use store::{Device, DeviceChange, SignInDossier, ThrottleChange};

use crate::sign_in::Presented;
use crate::{Error, Service};

impl Service {
    pub(crate) fn refusal(&self, dossier: &SignInDossier, now: DateTime<Utc>) -> Option<Wait> {
        let policy = self.policy();
        if let Some(device) = &dossier.device {
            return device.failures.value.window.refusal(now, policy.device);
        }
        let source = policy.source.as_ref();
        let source = source.and_then(|policy| dossier.source.value.refusal(now, policy));
        source.max(dossier.strangers.value.refusal(now))
    }

    /// The wait that begins if this attempt fails.
    pub(crate) fn wait_after_failure(
        &self,
        dossier: &SignInDossier,
        at: DateTime<Utc>,
    ) -> Option<Wait> {
        let policy = self.policy();
        match &dossier.device {
            Some(device) => device
                .failures
                .value
                .window
                .counted(at, policy.device)
                .refusal(at, policy.device),
            None => {
                dossier
                    .strangers
                    .value
                    .after_failure(at, &policy.strangers)
                    .wait
            }
        }
    }

    pub(crate) fn stranger_failed(
        &self,
        dossier: &SignInDossier,
        presented: &Presented,
        at: DateTime<Utc>,
    ) -> Result<Vec<ThrottleChange>, Error> {
        let (address, source) = (presented.address_hash, presented.source_hash);
        let next = dossier
            .strangers
            .value
            .after_failure(at, &self.policy().strangers);
        let mut changes = vec![dossier.strangers.strangers_change(address, &next)?];
        if let Some(policy) = &self.policy().source {
            let next = dossier
                .source
                .value
                .after_failure(short(&address), at, policy);
            changes.push(dossier.source.source_change(source, &next)?);
        }
        Ok(changes)
    }

    pub(crate) fn device_failed(
        &self,
        device: &Device,
        at: DateTime<Utc>,
    ) -> Result<DeviceChange, Error> {
        let policy = self.policy();
        let DeviceFailures { window, total } = device.failures.value;
        let next = DeviceFailures {
            window: window.counted(at, policy.device),
            total: total + 1,
        };
        let kept = next.total < policy.device_failures;
        let failures = kept.then(|| serde_json::to_string(&next)).transpose();
        Ok(DeviceChange {
            id: device.id,
            failures: failures.map_err(Error::internal)?,
            expires_at: store::device_expiry(at),
            expected_version: device.failures.version,
        })
    }
}

/// A completed sign-in clears what its own class counted, and renews the mark.
pub(crate) fn renewed_device(device: &Device, at: DateTime<Utc>) -> Result<DeviceChange, Error> {
    let failures = serde_json::to_string(&DeviceFailures::default()).map_err(Error::internal)?;
    Ok(DeviceChange {
        id: device.id,
        failures: Some(failures),
        expires_at: store::device_expiry(at),
        expected_version: device.failures.version,
    })
}

fn short(hash: &[u8; 32]) -> u64 {
    hash.iter()
        .take(8)
        .fold(0, |number, byte| (number << 8) | u64::from(*byte))
}
