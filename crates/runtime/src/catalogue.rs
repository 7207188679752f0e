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
    /// Whether configurations are only checked, so that blocks that are known and cannot be run are no error.
    pub check: bool,
}

impl Catalogue {
    /// The config block of an id.
    pub(crate) fn config_block(&self, id: &str) -> Option<&ConfigBlock> {
        self.config_blocks.iter().find(|config| config.name == id)
    }

    /// Whether an id is that of a config block, here or upstream. Blocks of the language itself are none.
    pub(crate) fn is_config(&self, id: &str) -> bool {
        let language = ["argument", "declare", "export", "foreach"];
        self.config_block(id).is_some()
            || (self.registry.describe_block(id, self.allowed).is_some()
                && !language.contains(&id)
                && self.import(id).is_none())
    }

    /// The kind of import of a name.
    pub(crate) fn import(&self, name: &str) -> Option<&ImportKind> {
        self.imports.iter().find(|kind| kind.name == name)
    }
}
