//! A fault in one piece of work that waited ends that piece, and nothing beside it.

use std::panic::AssertUnwindSafe;

use futures::FutureExt;

use crate::Error;

/// What it panicked with may hold anything and is not told; the panic hook has logged the place.
pub(crate) async fn as_error<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let done = AssertUnwindSafe(work).catch_unwind().await;
    done.unwrap_or_else(|_| Err(Error::internal("it panicked")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_panics_has_failed_and_what_does_not_is_told() {
        #[expect(clippy::unreachable, reason = "some panic")]
        let panicked = as_error::<()>(async { unreachable!() }).await;
        assert!(matches!(panicked, Err(Error::Internal(_))));
        assert!(matches!(as_error(async { Ok(7) }).await, Ok(7)));
    }
}
