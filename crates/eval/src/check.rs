//! Checks of blocks that are not evaluated.

use crate::body::unevaluated_body;
use syntax::{Diagnostic, Source, ast};
use value::Schema;

/// Everything that is wrong with a block as far as names and literals show.
pub fn check_block(source: &Source, block: &ast::Block, schema: &'static Schema) -> Vec<Diagnostic> {
    let evaluated = unevaluated_body(block);
    value::check(schema, &evaluated.body)
        .iter()
        .map(|error| evaluated.diagnose(source, block, error))
        .collect()
}
