//! A node as the configuration says it.

use crate::config::ConfigBlock;
use crate::module::Module;
use crate::registry::Description;
use component::{ImportKind, Registration};
use std::sync::Arc;
use syntax::ast::{Block, Stmt};
use syntax::{Source, Span};

/// What a node is.
#[derive(Clone)]
pub enum Kind {
    /// A component.
    Component(Registration),
    /// A block that configures a part of the program.
    Config(ConfigBlock),
    /// An instance of a declared or imported module.
    Custom(Custom),
    /// `declare`: a module that can be instantiated.
    Declare(Arc<Module>),
    /// `import.*`: modules from elsewhere.
    Import(ImportKind),
    /// A component or config block that is known and cannot be run; only where configurations are checked.
    Known(Description),
    /// `argument`: what an instance of the module is given.
    Argument,
    /// `export`: what an instance of the module gives.
    Export,
    /// `foreach`: an instance of its template for each item of a collection.
    Foreach(Foreach),
}

/// The parts of a `foreach`.
#[derive(Clone)]
pub struct Foreach {
    /// Its template.
    pub template: Arc<Module>,
    /// The block without its template: what is evaluated.
    pub head: Arc<Block>,
}

/// The name of a custom component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Custom {
    /// Label of the import, if it comes from one.
    pub namespace: Option<String>,
    /// Label of the `declare`.
    pub name: String,
}

/// A reference to another node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Id of the node.
    pub target: String,
    /// How many scopes further out it stands: 0 is the scope of the reference. Only the template of a `foreach` sees out.
    pub level: usize,
    /// The fields after it: `receiver`.
    pub fields: Vec<String>,
    /// Where it stands.
    pub span: Span,
}

impl Reference {
    /// Where its first field stands.
    pub fn field_span(&self) -> Span {
        let length: usize = self.fields.iter().map(|field| field.len() + 1).sum();
        let start = self
            .span
            .end
            .saturating_sub(length.saturating_sub(1) as u32)
            .max(self.span.start);
        let end = start + self.fields.first().map_or(0, String::len) as u32;
        Span::new(start, end.min(self.span.end))
    }
}

/// A node as the configuration says it.
#[derive(Clone)]
pub struct Spec {
    /// Id within its scope: name and label.
    pub id: String,
    /// Name of the block.
    pub name: String,
    /// Label, empty if there is none.
    pub label: String,
    /// What it is.
    pub kind: Kind,
    /// Its block; `None` for a config block that is not written.
    pub block: Option<Arc<Block>>,
    /// The file that it stands in.
    pub source: Source,
    /// References to other nodes, in source order.
    pub references: Vec<Reference>,
    /// Variables of the scope that it uses: `module_path`, what a `foreach` binds.
    pub variables: Vec<String>,
    /// Its block without layout and comments. Equal text over equal exports means equal arguments.
    pub text: Arc<str>,
}

impl Spec {
    /// Where it stands, or a block in it, as `file:line`; see [`crate::Controller::place`] for `path`.
    pub fn place(&self, path: &str) -> Option<String> {
        Some(self.line(self.inner(path)?.header_span()))
    }

    /// Where an attribute of a block in it stands, or the block if the attribute is not written.
    pub fn argument_place(&self, path: &str, name: &str) -> Option<String> {
        let block = self.inner(path)?;
        let written = block.body.attributes().find(|attribute| attribute.name.name == name);
        Some(self.line(written.map_or(block.header_span(), |attribute| attribute.name.span)))
    }

    /// What an instance chain says of it: `mod.a "x" at main.alloy:3:1`.
    pub(crate) fn mention(&self) -> String {
        let label = match self.label.as_str() {
            "" => String::new(),
            label => format!(" \"{label}\""),
        };
        let place = self.block.as_ref().map(|block| {
            let position = self.source.position(block.name_span().start);
            format!(" at {}:{position}", self.source.name())
        });
        format!("{}{label}{}", self.name, place.unwrap_or_default())
    }

    fn line(&self, span: Span) -> String {
        format!("{}:{}", self.source.name(), self.source.line(span.start))
    }

    fn inner(&self, path: &str) -> Option<&Block> {
        let mut block: &Block = self.block.as_ref()?;
        for step in path.split('/').filter(|step| !step.is_empty()) {
            let (name, number) = step.rsplit_once('#')?;
            let number: usize = number.parse().ok()?;
            block = block
                .body
                .blocks()
                .filter(|block| block.full_name() == name)
                .nth(number)?;
        }
        Some(block)
    }

    /// Whether a component, an instance, an import or a `foreach`: what lists of components show.
    pub fn is_listed(&self) -> bool {
        matches!(self.kind, Kind::Component(_) | Kind::Custom(_) | Kind::Foreach(_))
    }
}

/// A block without layout and comments.
pub(crate) fn block_text(block: &Block) -> Arc<str> {
    use std::fmt::Write;
    let mut text = String::new();
    fn body(text: &mut String, stmts: &[Stmt]) {
        for stmt in stmts {
            match stmt {
                Stmt::Attribute(attribute) => {
                    // Writing to a String cannot fail.
                    let _ = writeln!(
                        text,
                        "{} = {}",
                        attribute.name.name,
                        syntax::format::format_expr(&attribute.value)
                    );
                }
                Stmt::Block(block) => {
                    let _ = writeln!(text, "{} {{", block.id());
                    body(text, &block.body.stmts);
                    text.push_str("}\n");
                }
            }
        }
    }
    body(&mut text, &block.body.stmts);
    text.into()
}
