//! Everything that a configuration may use: the only place that knows all components and services.

use component::{Change, Registration, Stability};
use runtime::ConfigBlock;
use runtime::loader::Catalogue;
use runtime::registry::{Allowed, Known, Registry};
use services::http::{HttpArgs, HttpPolicy};
use services::logging::{Logging, LoggingArgs};
use value::Block;

/// Components of every family.
fn components() -> impl Iterator<Item = Registration> {
    [local::COMPONENTS, loki::COMPONENTS, loki_source::COMPONENTS]
        .into_iter()
        .flatten()
        .copied()
}

/// What this program knows of a component or config block that it cannot run.
fn known(entry: upstream::Entry) -> Known {
    Known {
        name: entry.name,
        // The crate's tests see to it that every stability is one of ours.
        stability: entry.stability.parse().unwrap_or(Stability::Experimental),
        community: entry.community,
        arguments: upstream::arguments,
        exports: upstream::exports,
    }
}

/// The `livedebugging` block. It is accepted so that configurations load; nothing reads it yet.
#[derive(Block, Clone, PartialEq)]
pub struct LiveDebuggingArgs {
    /// Whether live debugging is on.
    #[arg(default)]
    pub enabled: bool,
}

/// What the config blocks act on; nothing, where a configuration is only checked or run without services.
#[derive(Default)]
pub struct Targets {
    /// The log.
    pub logging: Option<Logging>,
    /// The HTTP server.
    pub http: Option<HttpPolicy>,
}

/// The catalogue of this program.
pub fn catalogue(allowed: Allowed, targets: Targets) -> Catalogue {
    let Targets { logging, http } = targets;
    let nothing = || Change::new(|| {});
    let config_blocks = vec![
        ConfigBlock::new(
            "logging",
            Stability::GenerallyAvailable,
            move |args: LoggingArgs| match &logging {
                Some(logging) => logging.prepare(args),
                None => Ok(nothing()),
            },
        )
        .with_caveats(LoggingArgs::caveats),
        ConfigBlock::new(
            "http",
            Stability::GenerallyAvailable,
            move |args: HttpArgs| match &http {
                Some(http) => http.prepare(args),
                None => Ok(nothing()),
            },
        ),
        ConfigBlock::new(
            "livedebugging",
            Stability::GenerallyAvailable,
            move |_: LiveDebuggingArgs| Ok(nothing()),
        ),
    ];
    Catalogue {
        registry: Registry::new(components(), upstream::components().map(known))
            .with_blocks(upstream::blocks().map(known)),
        config_blocks,
        allowed,
    }
}
