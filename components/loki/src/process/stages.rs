//! The stages. Each file holds one: its block, how it is compiled, what it does with a record.

use super::compile::Compiler;
use super::metrics::Metrics;
use super::names::{Names, Reads};
use super::pipeline::CompileOptions;
use component::Error;
use host::Host;
use std::sync::Arc;
use value::BlockEnum;

mod cri;
mod decolorize;
mod docker;
mod drop;
mod json;
mod label_drop;
mod label_keep;
mod labels;
mod limit;
mod logfmt;
mod match_;
mod metrics;
mod multiline;
mod output;
mod pack;
mod pattern;
mod regex;
mod replace;
mod sampling;
mod split_json;
mod static_labels;
mod structured_metadata;
mod structured_metadata_drop;
mod template;
mod tenant;
mod timestamp;
mod truncate;

/// How a stage becomes instructions.
pub(super) trait Compile {
    /// Tells the names of extracted values that the stage reads.
    fn reads(&self, reads: &mut Reads);

    /// Checks the block and adds its instructions.
    fn compile(&self, compiler: &mut Compiler) -> Result<(), Error>;
}

macro_rules! stages {
    ($($(#[$doc:meta])* $variant:ident $name:literal $module:ident)*) => {
        /// One stage of a pipeline.
        #[derive(BlockEnum, Clone, Debug, PartialEq)]
        pub enum Stage {
            $($(#[$doc])* #[variant($name)] $variant($module::Config),)*
        }

        impl Stage {
            /// The name of its block.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Stage::$variant(_) => concat!("stage.", $name),)*
                }
            }

            fn config(&self) -> &dyn Compile {
                match self {
                    $(Stage::$variant(config) => config,)*
                }
            }
        }
    };
}

stages! {
    /// Joins the pieces of container logs.
    Cri "cri" cri
    /// Removes colours.
    Decolorize "decolorize" decolorize
    /// Parses Docker's JSON.
    Docker "docker" docker
    /// Drops records.
    Drop "drop" drop
    /// Extracts values from JSON.
    Json "json" json
    /// Removes labels.
    LabelDrop "label_drop" label_drop
    /// Removes all labels but some.
    LabelKeep "label_keep" label_keep
    /// Makes extracted values labels.
    Labels "labels" labels
    /// Bounds the rate of records.
    Limit "limit" limit
    /// Extracts values from logfmt.
    Logfmt "logfmt" logfmt
    /// Stages for some records only.
    Match "match" match_
    /// Makes metrics of records.
    Metrics "metrics" metrics
    /// Joins lines to records.
    Multiline "multiline" multiline
    /// Replaces the line.
    Output "output" output
    /// Moves labels into the line.
    Pack "pack" pack
    /// Extracts values by a pattern.
    Pattern "pattern" pattern
    /// Extracts values by a regular expression.
    Regex "regex" regex
    /// Replaces parts of the line.
    Replace "replace" replace
    /// Keeps a share of the records.
    Sampling "sampling" sampling
    /// Makes a record of each element of an array.
    SplitJson "split_json" split_json
    /// Sets labels.
    StaticLabels "static_labels" static_labels
    /// Makes extracted values and labels structured metadata.
    StructuredMetadata "structured_metadata" structured_metadata
    /// Removes structured metadata.
    StructuredMetadataDrop "structured_metadata_drop" structured_metadata_drop
    /// Writes extracted values by a template.
    Template "template" template
    /// Sets the tenant.
    Tenant "tenant" tenant
    /// Sets the time.
    Timestamp "timestamp" timestamp
    /// Cuts what is too long.
    Truncate "truncate" truncate
}

impl Compile for Stage {
    fn reads(&self, reads: &mut Reads) {
        self.config().reads(reads);
    }

    fn compile(&self, compiler: &mut Compiler) -> Result<(), Error> {
        self.config().compile(compiler)
    }
}

/// A regular expression of a block's argument.
fn expression(argument: &str, pattern: &str) -> Result<goregex::Regex, Error> {
    goregex::Regex::new(pattern).map_err(|error| Error::about(argument, error.to_string()))
}

/// Checks a block alone, so that an error is reported where the block is.
fn check<C: Compile>(config: &C) -> Result<(), value::Invalid> {
    let metrics = Metrics::unseen().map_err(|error| error.to_string())?;
    let options = CompileOptions {
        keep_all: false,
        host: Host::real(),
        metrics: Arc::new(metrics),
    };
    let mut compiler = Compiler::new(Names::default(), options);
    let compiled = config.compile(&mut compiler);
    match compiler.take_errors().into_iter().chain(compiled.err()).next() {
        // Blocks inside are checked themselves, with what is known of them.
        Some(error) if error.block().is_empty() => Err(error.into()),
        _ => Ok(()),
    }
}
