//! What a template uses.

use crate::Error;
use crate::funcs;
use gotmpl::parse::{BranchNode, CommandNode, DefineNode, Expr, ListNode, Node, PipeNode};
use std::collections::BTreeSet;

pub(crate) struct Analysis {
    /// Top-level fields; `None` if the data is used as a whole.
    pub(crate) fields: Option<Vec<String>>,
    /// All functions that are called.
    pub(crate) functions: BTreeSet<String>,
}

/// A piece of a template that needs no engine.
pub(crate) enum Part {
    Text(String),
    Field(String),
}

/// The parts of a template of nothing but text and plain fields.
pub(crate) fn simple(tree: &ListNode) -> Option<Vec<Part>> {
    let part = |node: &Node| match node {
        Node::Text(text) => Some(Part::Text(text.text.to_string())),
        Node::Action(action) if action.pipe.decl.is_empty() => match action.pipe.commands.as_slice() {
            [CommandNode { args, .. }] => match args.as_slice() {
                [Expr::Field(_, names)] if names.len() == 1 => Some(Part::Field(names[0].to_string())),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    };
    tree.nodes.iter().map(part).collect()
}

pub(crate) fn analyze(tree: &ListNode, defines: &[DefineNode]) -> Result<Analysis, Error> {
    let mut walk = Walk {
        fields: BTreeSet::new(),
        whole: false,
        functions: BTreeSet::new(),
        templates: BTreeSet::new(),
    };
    walk.list(
        tree,
        Scope {
            dot_is_data: true,
            dollar_is_data: true,
        },
    );
    for define in defines {
        // What is passed to it counts where it is called.
        walk.list(
            &define.body,
            Scope {
                dot_is_data: false,
                dollar_is_data: false,
            },
        );
    }
    if let Some(name) = walk.functions.iter().find(|name| !funcs::exists(name)) {
        return Err(Error(funcs::refusal(name)));
    }
    let defined = |name: &String| name == crate::MAIN || defines.iter().any(|define| *define.name == **name);
    if let Some(name) = walk.templates.iter().find(|name| !defined(name)) {
        return Err(Error(format!("template: no template \"{name}\" is defined")));
    }
    // A template that calls itself may be given anything.
    let whole = walk.whole || walk.templates.contains(crate::MAIN);
    let fields = if whole {
        None
    } else {
        Some(walk.fields.into_iter().collect())
    };
    Ok(Analysis {
        fields,
        functions: walk.functions,
    })
}

/// What `.` and `$` stand for.
#[derive(Clone, Copy)]
struct Scope {
    dot_is_data: bool,
    dollar_is_data: bool,
}

struct Walk {
    fields: BTreeSet<String>,
    whole: bool,
    functions: BTreeSet<String>,
    templates: BTreeSet<String>,
}

impl Walk {
    fn list(&mut self, list: &ListNode, scope: Scope) {
        for node in &list.nodes {
            match node {
                Node::List(list) => self.list(list, scope),
                Node::Text(_) | Node::Break(_) | Node::Continue(_) | Node::Define(_) => {}
                Node::Action(action) => self.pipe(&action.pipe, scope),
                Node::If(branch) => self.branch(branch, scope, scope),
                Node::Range(branch) | Node::With(branch) => {
                    self.branch(
                        branch,
                        scope,
                        Scope {
                            dot_is_data: false,
                            ..scope
                        },
                    );
                }
                Node::Template(call) => {
                    self.templates.insert(call.name.to_string());
                    if let Some(pipe) = &call.pipe {
                        self.pipe(pipe, scope);
                    }
                }
            }
        }
    }

    fn branch(&mut self, branch: &BranchNode, scope: Scope, body: Scope) {
        self.pipe(&branch.pipe, scope);
        self.list(&branch.body, body);
        if let Some(list) = &branch.else_body {
            self.list(list, scope);
        }
    }

    fn pipe(&mut self, pipe: &PipeNode, scope: Scope) {
        for command in &pipe.commands {
            // `index . "name"` and the like use one field.
            if let [Expr::Identifier(_, function), data, Expr::String(_, name), rest @ ..] = command.args.as_slice()
                && matches!(function.as_str(), "index" | "get" | "hasKey")
                && is_data(data, scope)
            {
                self.functions.insert(function.to_string());
                self.fields.insert(name.to_string());
                rest.iter().for_each(|arg| self.expr(arg, scope));
                continue;
            }
            command.args.iter().for_each(|arg| self.expr(arg, scope));
        }
    }

    fn expr(&mut self, expr: &Expr, scope: Scope) {
        match expr {
            Expr::Dot(_) => self.whole |= scope.dot_is_data,
            Expr::Field(_, names) => {
                if let (true, Some(name)) = (scope.dot_is_data, names.first()) {
                    self.fields.insert(name.to_string());
                }
            }
            Expr::Variable(_, variable, names) => {
                if variable.as_str() == "$" && scope.dollar_is_data {
                    match names.first() {
                        Some(name) => {
                            self.fields.insert(name.to_string());
                        }
                        None => self.whole = true,
                    }
                }
            }
            Expr::Identifier(_, name) => {
                self.functions.insert(name.to_string());
            }
            Expr::Pipe(_, pipe) => self.pipe(pipe, scope),
            Expr::Chain(_, inner, names) => match (inner.as_ref(), names.first()) {
                (inner, Some(name)) if is_data(inner, scope) => {
                    self.fields.insert(name.to_string());
                }
                (inner, _) => self.expr(inner, scope),
            },
            Expr::String(..) | Expr::Number(..) | Expr::Bool(..) | Expr::Nil(_) => {}
        }
    }
}

fn is_data(expr: &Expr, scope: Scope) -> bool {
    match expr {
        Expr::Dot(_) => scope.dot_is_data,
        Expr::Variable(_, name, fields) => scope.dollar_is_data && name.as_str() == "$" && fields.is_empty(),
        _ => false,
    }
}
