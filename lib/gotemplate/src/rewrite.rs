//! Changes to a parsed template that make the engine do what Go does.
//!
//! - What an action prints is formatted by our `%v`: the engine writes 1000000.0 as 1000000, Go as 1e+06.
//! - `{{ template "x" }}` without data passes nil, where the engine passes the current data.
//! - Maps are values here and references in Go: `set $x ...` and `unset $x ...` are made to assign to `$x`.

use gotmpl::parse::{ActionNode, BranchNode, CommandNode, Expr, ListNode, Node, PipeNode, Pos, SmolStr};

/// Prints a value. The names cannot be written in a template.
pub(crate) const SHOW: &str = " show";
/// Gives nil.
pub(crate) const NIL: &str = " nil";
/// The functions that a rewritten template may call.
pub(crate) const FUNCTIONS: [&str; 2] = [SHOW, NIL];

pub(crate) fn rewrite(list: &mut ListNode) {
    let nodes = std::mem::take(&mut list.nodes);
    for mut node in nodes {
        match &mut node {
            Node::List(inner) => rewrite(inner),
            Node::If(branch) | Node::Range(branch) | Node::With(branch) => rewrite_branch(branch),
            Node::Template(call) => {
                if call.pipe.is_none() {
                    let commands = vec![CommandNode {
                        pos: call.pos,
                        args: vec![identifier(call.pos, NIL)],
                    }];
                    call.pipe = Some(PipeNode {
                        pos: call.pos,
                        decl: Vec::new(),
                        commands,
                        is_assign: false,
                    });
                }
            }
            Node::Action(action) => {
                if let Some(assignment) = mutation(&mut action.pipe) {
                    list.nodes.push(Node::Action(ActionNode {
                        pos: action.pos,
                        pipe: assignment,
                    }));
                }
                if action.pipe.decl.is_empty() {
                    let args = vec![identifier(action.pos, SHOW)];
                    action.pipe.commands.push(CommandNode { pos: action.pos, args });
                }
            }
            Node::Define(define) => rewrite(&mut define.body),
            Node::Text(_) | Node::Break(_) | Node::Continue(_) => {}
        }
        list.nodes.push(node);
    }
}

fn rewrite_branch(branch: &mut BranchNode) {
    rewrite(&mut branch.body);
    if let Some(list) = &mut branch.else_body {
        rewrite(list);
    }
}

/// If the pipeline is `set $x ...`, makes it `$x` and returns `$x = set $x ...`, to be run before it.
fn mutation(pipe: &mut PipeNode) -> Option<PipeNode> {
    let [command] = pipe.commands.as_slice() else {
        return None;
    };
    let [Expr::Identifier(_, function), Expr::Variable(pos, name, fields), ..] = command.args.as_slice() else {
        return None;
    };
    if !matches!(function.as_str(), "set" | "unset") || !fields.is_empty() || name.as_str() == "$" {
        return None;
    }
    let (pos, name) = (*pos, name.clone());
    let read = CommandNode {
        pos,
        args: vec![Expr::Variable(pos, name.clone(), Vec::new())],
    };
    let commands = std::mem::replace(&mut pipe.commands, vec![read]);
    Some(PipeNode {
        pos,
        decl: vec![name],
        commands,
        is_assign: true,
    })
}

fn identifier(pos: Pos, name: &'static str) -> Expr {
    Expr::Identifier(pos, SmolStr::new_static(name))
}
