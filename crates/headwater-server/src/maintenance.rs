//! What has to be done now and then: old requests go, secrets and pages whose time is over are
//! forgotten, and what is left of deleted sources is removed.

use std::{collections::HashSet, sync::Arc, time::Duration};

use headwater_store::{
    Millis, SourceId, StoreError,
    requests::{RetentionLimits, UNMATCHED},
};

use crate::Context;

const EVERY: Duration = Duration::from_mins(1);

/// Does all of it, again and again, until it is aborted.
pub(crate) async fn run(context: Arc<Context>) {
    let mut interval = tokio::time::interval(EVERY);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        once(&context).await;
    }
}

/// Does what can be done: what fails is left for the next time, and keeps nothing else from being done.
async fn once(context: &Context) {
    let store = context.administration.store();
    let now = context.clock.now();
    // First what makes room, which others may need.
    let done = [
        ("removing old requests from the log", prune(context, now).await),
        ("removing what is left of deleted sources", store.purge_deleted().await),
        ("forgetting secrets whose time is over", store.forget_secrets(now).await),
        ("forgetting pages that nobody goes on from", context.store.forget_pages(now).await),
    ];
    for (what, done) in done {
        if let Err(error) = done {
            tracing::warn!(%error, "{what} failed; it is tried again");
        }
    }
}

/// Removes from the log of requests what is older than its source keeps, or more.
async fn prune(context: &Context, now: Millis) -> Result<(), StoreError> {
    // Asked before the sources: one that is made in between is not taken for a deleted one.
    let kept = context.requests.sources().await?;
    let sources = context.administration.store().sources().await?.into_iter().map(|source| {
        let bytes = u64::from(source.log_megabytes) << 20;
        (source.id, RetentionLimits { days: source.log_days, bytes })
    });
    let limits: Vec<(SourceId, RetentionLimits)> = sources.collect();
    context.requests.prune(&limits, now).await?;
    // A source may have been deleted by a command, or the server have stopped half way.
    let there: HashSet<SourceId> = limits.iter().map(|(source, _)| *source).collect();
    for kept in kept {
        if kept != UNMATCHED && !there.contains(&kept) {
            context.requests.forget(kept).await?;
        }
    }
    Ok(())
}
