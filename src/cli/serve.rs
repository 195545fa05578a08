//! `bauta serve`: the proxy, until SIGINT or SIGTERM.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};

use crate::clock::SystemClock;
use crate::config::Config;
use crate::control::remote::RemoteDoor;
use crate::control::server::Door;
use crate::net::listen;
use crate::net::workers::{Ending, serve};
use crate::proxy::Proxy;
use crate::session;
use crate::telemetry::{http, systemd};

/// Run the proxy.
///
/// SIGHUP reads the configuration again; SIGTERM and SIGINT end sessions as
/// they become idle, and then the process.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: super::ConfigArg,
}

/// # Errors
/// What the configuration names and can't be used.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = load(&args.config.config)?;
    // Sessions run on workers of their own; this runtime has the rest.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(run_proxy(config))?;
    Ok(ExitCode::SUCCESS)
}

fn load(path: &Path) -> anyhow::Result<Config> {
    Ok(Config::load(path)?)
}

async fn run_proxy(config: Config) -> anyhow::Result<()> {
    let listeners = match listen::inherited()? {
        Some(listeners) => listeners,
        None => listen::bind(&config.listen.addresses)?,
    };
    let metrics = match config.metrics {
        Some(address) => Some(http::Door::open(address).await.context("metrics.address")?),
        None => None,
    };
    let proxy = Proxy::start(config, Arc::new(SystemClock)).await?;
    let control = {
        let config = proxy.config.load();
        Door::open(&config.control.socket, config.control.mode).await.context("control.socket")?
    };
    let remote = match (proxy.config.load().control.remote.clone(), proxy.remote_tls.clone()) {
        (Some(settings), Some(tls)) => {
            Some(RemoteDoor::open(&settings, tls).await.context("control.address")?)
        }
        _ => None,
    };
    tokio::spawn(watch_signals(proxy.clone()));
    tokio::spawn(proxy.clone().keep_heads());
    tokio::spawn(proxy.clone().tell_nodes());
    let metrics = metrics.map(|door| Metrics::serve(door, &proxy));
    let closing = proxy.drain.clone();
    let served = control.serve(proxy.control(), async move { closing.begun().await });
    let control = tokio::spawn(served);
    let closing = proxy.drain.clone();
    let remote =
        remote.map(|door| tokio::spawn(door.serve(proxy.control(), async move { closing.begun().await })));
    let (door, shared) = (proxy.door(), proxy.clone());
    let ending = Ending {
        drain: proxy.drain.clone(),
        deadline: proxy.config.load().limits.drain_timeout,
        at_deadline: Box::new({
            let sessions = proxy.sessions.clone();
            move || sessions.kill_all()
        }),
    };
    let workers = proxy.config.load().limits.workers;
    let audit = proxy.audit.clone();
    let session = move |client| session::serve(client, shared.clone(), door.clone());
    systemd::ready();
    serve(listeners, workers, ending, session, move || audit.clone().attend()).await?;
    if let Err(fault) = control.await? {
        tracing::warn!(%fault, "the control socket ended");
    }
    if let Some(remote) = remote
        && let Err(fault) = remote.await?
    {
        tracing::warn!(%fault, "control.address ended");
    }
    proxy.grants.flush().await;
    let (notifier, audit, sinks) = (proxy.notifier.clone(), proxy.audit.clone(), proxy.sinks.clone());
    let closed = proxy.clone();
    let kept = tokio::task::spawn_blocking(move || {
        notifier.close();
        audit.close();
        sinks.close();
        closed.leave_nodes();
        closed.keep_head()
    });
    if let Err(fault) = kept.await? {
        tracing::warn!(%fault, "the audit log's head was not kept");
    }
    if let Some(metrics) = metrics {
        metrics.end().await;
    }
    Ok(())
}

/// The metrics' listener: answers until everything else has ended, so that a
/// drain is seen from outside.
struct Metrics {
    end: tokio::sync::oneshot::Sender<()>,
    task: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Metrics {
    fn serve(door: http::Door, proxy: &Arc<Proxy>) -> Self {
        let (end, ended) = tokio::sync::oneshot::channel();
        let served = door.serve(proxy.metrics(), proxy.clone(), async move { drop(ended.await) });
        Self { end, task: tokio::spawn(served) }
    }

    async fn end(self) {
        drop(self.end);
        if let Ok(Err(fault)) = self.task.await {
            tracing::warn!(%fault, "the metrics' listener ended");
        }
    }
}

/// SIGTERM and SIGINT begin the drain, a second one ends sessions at once;
/// SIGHUP reloads.
async fn watch_signals(proxy: Arc<Proxy>) {
    let (Ok(mut term), Ok(mut int), Ok(mut hup)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()), signal(SignalKind::hangup()))
    else {
        tracing::error!("signals can't be watched");
        return;
    };
    loop {
        tokio::select! {
            _ = term.recv() => stop(&proxy),
            _ = int.recv() => stop(&proxy),
            _ = hup.recv() => {
                if let Err(fault) = proxy.reload("SIGHUP").await {
                    tracing::error!("the configuration was not reloaded: {fault}");
                }
            }
        }
    }
}

fn stop(proxy: &Proxy) {
    if proxy.drain.has_begun() {
        proxy.sessions.kill_all();
    } else {
        tracing::info!("stopping");
        systemd::stopping();
        proxy.drain.begin();
    }
}
