//! What runs the remote configuration, as this crate sees it.

use component::{Health, HealthState};
use futures_util::future::BoxFuture;
use runtime::Controller;
use runtime::sources::SourceFile;
use value::Body;

/// The file that a remote configuration is in, as messages name it.
const FILE: &str = "remote.alloy";

/// Runs one configuration after the other.
pub trait Graph: Send + Sync + 'static {
    /// Loads a configuration in place of the one that runs, or leaves everything as it is.
    fn load<'a>(&'a self, text: &'a str) -> BoxFuture<'a, Result<(), Refused>>;
    /// The components that do not do their job, those in modules too.
    fn ill(&self) -> Vec<Ill>;
    /// A configuration without its secrets.
    fn redact(&self, text: &str) -> String;
    /// Stops everything for good.
    fn stop(&self) -> BoxFuture<'_, ()>;
}

/// Why a configuration was not loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Everything that is wrong, with snippets of the text. It is for the server, from which the text is.
    pub report: String,
    /// What is wrong, without snippets: they may hold secrets.
    pub brief: String,
}

/// A component that does not do its job.
#[derive(Clone, Debug)]
pub struct Ill {
    /// Global id.
    pub id: String,
    /// How it is doing.
    pub health: Health,
    /// What it was given.
    pub arguments: Body,
}

/// Whether a component does not do its job. One that ended by itself without an error is done with it.
fn is_ill(health: &Health) -> bool {
    match health.state {
        HealthState::Healthy | HealthState::Unknown => false,
        HealthState::Unhealthy => true,
        // The words of the runtime, before those of the component.
        HealthState::Exited => health.message.contains(" with error: "),
    }
}

impl Graph for Controller {
    fn load<'a>(&'a self, text: &'a str) -> BoxFuture<'a, Result<(), Refused>> {
        let file = SourceFile {
            name: FILE.to_owned(),
            text: text.as_bytes().to_vec(),
        };
        Box::pin(async move {
            match Controller::load(self, &[file]).await {
                Ok(loaded) => {
                    for warning in loaded.warnings.iter() {
                        tracing::warn!(service = "remotecfg", place = warning.place(), "{}", warning.message);
                    }
                    Ok(())
                }
                Err(error) => Err(Refused {
                    report: error.report(false),
                    brief: error.diagnostics.joined(),
                }),
            }
        })
    }

    fn ill(&self) -> Vec<Ill> {
        let ill = self.healths().into_iter().filter(|(_, _, health)| is_ill(health));
        let ill = ill.filter_map(|(id, _, health)| {
            // It may have gone since.
            let arguments = self.component(&id)?.arguments;
            Some(Ill { id, health, arguments })
        });
        ill.collect()
    }

    fn redact(&self, text: &str) -> String {
        Controller::redact(self, text.as_bytes())
    }

    fn stop(&self) -> BoxFuture<'_, ()> {
        Box::pin(Controller::stop(self))
    }
}
