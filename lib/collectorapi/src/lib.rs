//! The messages by which a collector asks a server for its configuration, both directions: `collector.v1.CollectorService` of
//! <https://github.com/grafana/alloy-remote-config> (`api/collector/v1/collector.proto`), as unary calls of the Connect protocol
//! (<https://connectrpc.com/docs/protocol/>): one POST each, a message as its body, errors as JSON.

mod error;
mod messages;

pub use error::{CallError, Code};
pub use messages::{ConfigAnswer, ConfigRequest, ConfigState, ConfigStatus, EffectiveConfig, Farewell, Registration};

/// Content type of messages.
pub const PROTO: &str = "application/proto";

/// The calls of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// A collector tells who it is.
    Register,
    /// A collector asks for its configuration and says what became of the last one.
    GetConfig,
    /// A collector goes.
    Unregister,
}

impl Call {
    /// The path of its URL, below that of the service.
    pub fn path(self) -> &'static str {
        match self {
            Call::Register => "/collector.v1.CollectorService/RegisterCollector",
            Call::GetConfig => "/collector.v1.CollectorService/GetConfig",
            Call::Unregister => "/collector.v1.CollectorService/UnregisterCollector",
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Call::Register => "RegisterCollector",
            Call::GetConfig => "GetConfig",
            Call::Unregister => "UnregisterCollector",
        }
    }
}
