//! What has to be done now and then: old requests go, secrets and pages whose time is over are
//! forgotten, and what is left of deleted sources is removed.

use std::{sync::Arc, time::Duration};

use headwater_store::{
    SourceId,
    requests::{RetentionLimits, UNMATCHED},
};

use crate::Context;

const EVERY: Duration = Duration::from_mins(1);
/// What is kept of requests to sources that don't exist.
const UNMATCHED_LIMITS: RetentionLimits = RetentionLimits { days: 7, bytes: 16 << 20 };

/// Does all of it, again and again, until it is aborted.
pub(crate) async fn run(context: Arc<Context>) {
    let mut interval = tokio::time::interval(EVERY);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        if let Err(error) = once(&context).await {
            tracing::warn!(%error, "maintenance could not be finished; it is tried again");
        }
    }
}

async fn once(context: &Context) -> Result<(), headwater_store::StoreError> {
    let store = context.administration.store();
    let now = context.clock.now();
    context.store.forget_pages(now).await?;
    store.forget_secrets(now).await?;
    store.purge_deleted().await?;
    // Asked before the sources: one that is made in between is not taken for a deleted one.
    let kept = context.requests.sources().await?;
    let sources = store.sources().await?.into_iter().map(|source| {
        let bytes = u64::from(source.log_megabytes) << 20;
        (source.id, RetentionLimits { days: source.log_days, bytes })
    });
    let limits: Vec<(SourceId, RetentionLimits)> = sources.chain([(UNMATCHED, UNMATCHED_LIMITS)]).collect();
    context.requests.prune(&limits, now).await?;
    // A source may have been deleted by a command, or the server have stopped half way.
    for kept in kept {
        if !limits.iter().any(|(source, _)| *source == kept) {
            context.requests.forget(kept).await?;
        }
    }
    Ok(())
}
