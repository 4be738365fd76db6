//! No log.

use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use tokio::sync::watch;
use uuid::Uuid;

use super::{
    Hour, LogState, Milestones, NewRequest, RequestLog, RequestPage, RequestQuery, RequestRecord,
    RetentionLimits, Traffic,
};
use crate::{Millis, SourceId, StoreError};

/// A log that keeps nothing, for where none can be kept: the server works without.
#[derive(Debug)]
pub struct NoRequestLog {
    dropped: AtomicU64,
    written: watch::Sender<u64>,
}

impl Default for NoRequestLog {
    fn default() -> Self {
        Self { dropped: AtomicU64::new(0), written: watch::Sender::new(0) }
    }
}

#[async_trait]
impl RequestLog for NoRequestLog {
    fn record(&self, _: NewRequest) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    fn is_busy(&self) -> bool {
        true
    }

    fn count_read(&self, _: SourceId, _: Millis) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    async fn list(&self, _: SourceId, _: RequestQuery) -> Result<RequestPage, StoreError> {
        Ok(RequestPage::default())
    }

    async fn request(&self, _: SourceId, _: i64) -> Result<Option<RequestRecord>, StoreError> {
        Ok(None)
    }

    async fn by_request_id(&self, _: SourceId, _: Uuid) -> Result<Option<RequestRecord>, StoreError> {
        Ok(None)
    }

    async fn hours(&self, _: SourceId, _: Millis, _: Millis) -> Result<Vec<Hour>, StoreError> {
        Ok(Vec::new())
    }

    async fn traffic(&self, _: SourceId, _: Millis) -> Result<Traffic, StoreError> {
        Ok(Traffic::default())
    }

    async fn milestones(&self, _: SourceId) -> Result<Milestones, StoreError> {
        Ok(Milestones::default())
    }

    fn watch(&self) -> watch::Receiver<u64> {
        self.written.subscribe()
    }

    async fn flush(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn sources(&self) -> Result<Vec<SourceId>, StoreError> {
        Ok(Vec::new())
    }

    async fn forget(&self, _: SourceId) -> Result<(), StoreError> {
        Ok(())
    }

    async fn prune(&self, _: &[(SourceId, RetentionLimits)], _: Millis) -> Result<(), StoreError> {
        Ok(())
    }

    async fn state(&self) -> Result<LogState, StoreError> {
        Ok(LogState { dropped: self.dropped.load(Ordering::Relaxed), ..LogState::default() })
    }
}
