//! The `sending_queue` block.

use component::{AuthHandler, Error};
use value::{Block, GoDuration, Invalid};

/// How requests are collected and how many are on their way. What is not delivered within a second is kept on disk, whatever this says.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = QueueArgs::validate)]
pub struct QueueArgs {
    /// Has no effect: senders wait until what they sent is delivered or on disk.
    #[arg(default = true)]
    pub enabled: bool,
    /// How many requests are sent at a time.
    #[arg(default = 10)]
    pub num_consumers: i64,
    /// Checked, and without effect: the queue is bounded by bytes, on disk and in memory.
    #[arg(default = 1000)]
    pub queue_size: i64,
    /// What `queue_size` counts: `requests`, `items` or `bytes`. Without effect, like it.
    #[arg(default = "requests".to_owned())]
    pub sizer: String,
    /// Has no effect: senders always wait, nothing is dropped.
    #[arg(default)]
    pub block_on_overflow: bool,
    /// Has no effect: senders always learn what became of what they sent.
    #[arg(default)]
    pub wait_for_result: bool,
    /// Has no effect: what waits is always on disk, in the component's folder.
    #[arg(default)]
    pub storage: AuthHandler,
    /// Puts what comes together into larger requests. Without it, what came with one request is sent with one, or with others if some
    /// are waiting.
    #[arg(block)]
    pub batch: Option<BatchArgs>,
}

/// How large requests are.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = BatchArgs::validate)]
pub struct BatchArgs {
    /// How long records are collected for one request.
    #[arg(default = GoDuration::millis(200))]
    pub flush_timeout: GoDuration,
    /// Size at which a request is sent at once.
    #[arg(default = 2000)]
    pub min_size: i64,
    /// Largest size of a request; 0 for any.
    #[arg(default = 3000)]
    pub max_size: i64,
    /// What sizes count: `items` (log records, spans, data points) or `bytes`, uncompressed.
    #[arg(default = "items".to_owned())]
    pub sizer: String,
}

impl QueueArgs {
    fn validate(&self) -> Result<(), Invalid> {
        component::first(self.problems())
    }

    /// Everything that is wrong with the block itself.
    pub(crate) fn problems(&self) -> Vec<Error> {
        let mut found = Vec::new();
        if !self.enabled {
            return found;
        }
        if self.num_consumers <= 0 {
            found.push(Error::about("num_consumers", "must be greater than 0"));
        }
        if self.queue_size <= 0 {
            found.push(Error::about("queue_size", "must be greater than 0"));
        }
        if !["requests", "items", "bytes"].contains(&self.sizer.as_str()) {
            let message = format!("is {:?}; use \"requests\", \"items\" or \"bytes\"", self.sizer);
            found.push(Error::about("sizer", message));
        }
        found
    }
}

impl BatchArgs {
    fn validate(&self) -> Result<(), Invalid> {
        component::first(self.problems())
    }

    /// Everything that is wrong.
    pub(crate) fn problems(&self) -> Vec<Error> {
        let mut found = Vec::new();
        if self.flush_timeout.0 <= 0 {
            found.push(Error::about("flush_timeout", "must be greater than 0"));
        }
        if self.min_size < 0 {
            found.push(Error::about("min_size", "must not be less than 0"));
        }
        if self.max_size < 0 {
            found.push(Error::about("max_size", "must not be less than 0"));
        }
        if self.max_size > 0 && self.max_size < self.min_size {
            found.push(Error::about("max_size", "must not be less than min_size").with("min_size"));
        }
        if !["items", "bytes"].contains(&self.sizer.as_str()) {
            let message = format!("is {:?}; use \"items\" or \"bytes\"", self.sizer);
            found.push(Error::about("sizer", message));
        }
        found
    }
}
