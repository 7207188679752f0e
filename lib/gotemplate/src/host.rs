//! What templates see of the machine.

use std::sync::Arc;

/// Finds the value of an environment variable.
type Env = dyn Fn(&str) -> Option<String> + Send + Sync;

/// The clock, the environment and the randomness that template functions use.
#[derive(Clone)]
pub struct Host {
    /// Nanoseconds since 1970.
    pub now: Arc<dyn Fn() -> i64 + Send + Sync>,
    /// The value of an environment variable.
    pub env: Arc<Env>,
    /// 64 random bits. Not for secrets.
    pub random: Arc<dyn Fn() -> u64 + Send + Sync>,
}

impl Host {
    /// Those of this machine and process.
    pub fn system() -> Host {
        Host {
            now: Arc::new(|| {
                let since = std::time::SystemTime::now()
                    .duration_since(std::time::UNIX_EPOCH)
                    .unwrap_or_default();
                i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
            }),
            env: Arc::new(|name| std::env::var(name).ok()),
            random: Arc::new(|| fastrand::u64(..)),
        }
    }
}
