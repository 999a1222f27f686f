//! `countersign serve`: the listeners, the workers behind them, and a clean end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use api::{HttpSettings, Metrics, internal_router, router};
use axum::Router;
use service::{Clock, Service};
use store::{Role, Sequencer, connect};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::assembly::{assemble, master_keys, post};
use crate::cli::Serve;
use crate::configuration::Configuration;
use crate::database::Database;
use crate::failure::Failure;
use crate::output::Output;

/// How long requests may take to finish once the end was asked for.
const GRACE: Duration = Duration::from_secs(20);

pub(crate) async fn serve(
    options: &Serve,
    configuration: &Configuration,
    output: Output,
    clock: Arc<dyn Clock>,
) -> Result<(), Failure> {
    // Before anything is started: a second server on this address learns it at once.
    let public = bind(configuration.listen).await?;
    let internal = bind(configuration.internal_listen).await?;
    let address = local_address(&public)?;
    let operators_address = local_address(&internal)?;
    let public_url = configuration.public_url_at(address.port());
    let keys = master_keys(configuration)?;
    let end = end_asked_for()?;

    let database = Database::start(configuration).await?;
    if !options.no_migrate {
        database.migrate().await?;
    } else if !database.is_migrated().await? {
        return Err(Failure::Failed(
            "the database has not the schema of this version: run `countersign migrate` first"
                .to_owned(),
        ));
    }
    let origin = public_url.to_string();
    let assembly = assemble(configuration, &keys, &database, origin.clone(), clock).await?;
    let sequencer_pool = connect(&database.url(Role::Sequencer), Role::Sequencer, 1)
        .await
        .map_err(|error| Failure::because(&error))?;
    let sequencer = Sequencer::new(
        &sequencer_pool,
        Arc::clone(&assembly.keyring),
        assembly.store.appended(),
    );
    let post = post(configuration, origin.clone())?;
    let workers = Workers::start(&assembly.service, sequencer, post);

    let settings = HttpSettings {
        public_url: public_url.url().clone(),
        trusted_proxies: configuration.trusted_proxies.clone(),
    };
    let metrics = Metrics::new();
    let operators = internal_router(
        assembly.service.clone(),
        metrics.clone(),
        public_url.url().clone(),
    );
    let listeners = [
        listen(
            public,
            router(assembly.service.clone(), &settings, metrics),
            end.clone(),
        ),
        listen(internal, operators, end.clone()),
    ];
    output.line(format_args!(
        "countersign is ready at {origin} (listening on {address}, for operators on {operators_address})"
    ))?;

    let outcome = until_the_end(listeners, &database, end).await;
    drop(workers);
    assembly.pool.close().await;
    sequencer_pool.close().await;
    database.close().await?;
    outcome
}

async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        Failure::Failed(format!(
            "cannot listen on {address}: {error}; choose another address"
        ))
    })
}

fn local_address(listener: &TcpListener) -> Result<SocketAddr, Failure> {
    listener
        .local_addr()
        .map_err(|error| Failure::because(&error))
}

/// Becomes true on SIGTERM or SIGINT.
fn end_asked_for() -> Result<watch::Receiver<bool>, Failure> {
    let (asked, end) = watch::channel(false);
    let mut terminate =
        signal(SignalKind::terminate()).map_err(|error| Failure::because(&error))?;
    let mut interrupt =
        signal(SignalKind::interrupt()).map_err(|error| Failure::because(&error))?;
    tokio::spawn(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        asked.send_replace(true);
    });
    Ok(end)
}

fn listen(
    listener: TcpListener,
    router: Router,
    mut end: watch::Receiver<bool>,
) -> JoinHandle<std::io::Result<()>> {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move {
        axum::serve(listener, service)
            .with_graceful_shutdown(async move {
                let _ = end.wait_for(|asked| *asked).await;
            })
            .await
    })
}

/// Returns when the end was asked for and requests have finished, or when the database is gone.
async fn until_the_end(
    listeners: [JoinHandle<std::io::Result<()>>; 2],
    database: &Database,
    mut end: watch::Receiver<bool>,
) -> Result<(), Failure> {
    tokio::select! {
        _ = end.wait_for(|asked| *asked) => {}
        () = database.died() => {
            return Err(Failure::Failed(
                "the embedded PostgreSQL has ended; start countersign again, and it recovers \
                 (postgres.log in the data directory says why)".to_owned(),
            ));
        }
    }
    tracing::info!("ending: finishing requests");
    let finish = async {
        for listener in listeners {
            let _ = listener.await;
        }
    };
    if tokio::time::timeout(GRACE, finish).await.is_err() {
        tracing::warn!("some requests did not finish in time");
    }
    Ok(())
}

/// What runs beside the requests; ends when dropped. All of it is safe to be cut off anywhere.
struct Workers {
    _tasks: JoinSet<()>,
}

impl Workers {
    fn start(service: &Service, sequencer: Sequencer, post: service::Post) -> Self {
        let mut tasks = JoinSet::new();
        tasks.spawn(sequencer.run());
        tasks.spawn(service.clone().run_jobs());
        tasks.spawn(service.clone().deliver_mail(post));
        tasks.spawn(service.clone().keep_house());
        Self { _tasks: tasks }
    }
}
