//! What a configuration may use.

use crate::config::ConfigBlock;
use crate::registry::{Allowed, Registry};
use component::ImportKind;

/// What the loader may find in a configuration.
pub struct Catalogue {
    /// Components.
    pub registry: Registry,
    /// Blocks that are not components.
    pub config_blocks: Vec<ConfigBlock>,
    /// Ways to import modules.
    pub imports: &'static [ImportKind],
    /// What the user allows.
    pub allowed: Allowed,
}

impl Catalogue {
    /// The config block of an id.
    pub(crate) fn config_block(&self, id: &str) -> Option<&ConfigBlock> {
        self.config_blocks.iter().find(|config| config.name == id)
    }

    /// The kind of import of a name.
    pub(crate) fn import(&self, name: &str) -> Option<&ImportKind> {
        self.imports.iter().find(|kind| kind.name == name)
    }
}
