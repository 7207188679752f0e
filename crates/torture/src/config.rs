//! A configuration made harmless: it reads files below one folder and sends to loopback, and is otherwise what it was.

mod pattern;

use crate::line::Form;
use syntax::ast::{Block, Body, Expr, ExprKind, LiteralKind, Stmt};
use syntax::{Source, Span, literal};

pub use pattern::Pattern;

/// Components that touch nothing but files and other components.
const HARMLESS: [&str; 8] = [
    "local.file",
    "local.file_match",
    "loki.source.file",
    "loki.source.api",
    "loki.process",
    "loki.relabel",
    "loki.echo",
    "loki.write",
];
/// Blocks of the process itself that reach nobody.
const OWN: [&str; 3] = ["logging", "livedebugging", "http"];
/// What an endpoint keeps: everything that says when and how much is sent, nothing that says to whom or as whom.
const KEPT: [&str; 11] = [
    "url",
    "name",
    "batch_wait",
    "batch_size",
    "remote_timeout",
    "min_backoff_period",
    "max_backoff_period",
    "max_backoff_retries",
    "tenant_id",
    "retry_on_http_429",
    "queue_config",
];

/// One file of a configuration.
#[derive(Clone, Debug)]
pub struct ConfigFile {
    /// Name for messages.
    pub name: String,
    /// Name of the file without folder.
    pub file: String,
    /// Content.
    pub text: Vec<u8>,
}

/// What is needed to rewrite a configuration.
pub struct Harmless<'a> {
    /// Folder below which files are read, absolute and without a slash at its end.
    pub root: &'a str,
    /// Gives the address to push to of the endpoint of this name.
    pub endpoint: &'a mut dyn FnMut(String) -> String,
    /// Evaluates an expression without references to a string.
    pub evaluate: &'a dyn Fn(&str) -> Option<String>,
    /// A free port.
    pub port: &'a mut dyn FnMut() -> Result<u16, String>,
}

/// A rewritten configuration.
#[derive(Clone, Debug, Default)]
pub struct Rewritten {
    /// The files, by name.
    pub files: Vec<(String, String)>,
    /// What files are read, below the new root.
    pub patterns: Vec<Pattern>,
    /// Patterns of files that are not read.
    pub excluded: Vec<Pattern>,
    /// The form of lines that its stages parse.
    pub form: Option<Form>,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// Replaces what leads away from this machine, or says what cannot be replaced.
pub fn rewrite(files: &[ConfigFile], how: &mut Harmless<'_>) -> Result<Rewritten, String> {
    let mut all = Rewritten::default();
    for file in files {
        let (tree, problems) = syntax::parse(&file.name, &file.text);
        if !problems.is_empty() {
            return Err(format!("{:?} does not parse; \"invar validate\" says where", file.name));
        }
        let mut rewriter = Rewriter {
            source: &tree.source,
            how: &mut *how,
            edits: Vec::new(),
            all: &mut all,
        };
        rewriter.top(&tree.body)?;
        let text = apply(&file.text, rewriter.edits)?;
        all.files.push((file.file.clone(), text));
    }
    if all.patterns.is_empty() {
        return Err("the configuration reads no files: there is no \"__path__\" to write load for".to_owned());
    }
    Ok(all)
}

fn apply(text: &[u8], mut edits: Vec<(Span, String)>) -> Result<String, String> {
    let mut out = text.to_vec();
    edits.sort_by_key(|(span, _)| std::cmp::Reverse(span.start));
    for (span, new) in edits {
        out.splice(span.start as usize..span.end as usize, new.into_bytes());
    }
    String::from_utf8(out).map_err(|_| "the configuration is not UTF-8".to_owned())
}

struct Rewriter<'a, 'h> {
    source: &'a Source,
    how: &'a mut Harmless<'h>,
    edits: Vec<(Span, String)>,
    all: &'a mut Rewritten,
}

impl Rewriter<'_, '_> {
    fn at(&self, span: Span) -> String {
        let position = self.source.position(span.start);
        format!("{}:{}:{}", self.source.name(), position.line, position.column)
    }

    fn text(&self, expr: &Expr) -> String {
        String::from_utf8_lossy(self.source.slice(expr.span())).into_owned()
    }

    fn top(&mut self, body: &Body) -> Result<(), String> {
        for block in body.blocks() {
            let name = block.full_name();
            match name.as_str() {
                // Credentials and certificates of the server; it listens on loopback anyway.
                "http" => self.edits.push((block.span(), String::new())),
                "local.file_match" | "loki.source.file" => self.paths_of(block)?,
                "loki.source.api" => self.listener(block)?,
                "loki.process" => self.stages(&block.body)?,
                "loki.write" => self.endpoints(block)?,
                other if HARMLESS.contains(&other) || OWN.contains(&other) => {}
                other => {
                    return Err(format!(
                        "{}: \"{other}\" could reach something outside of this test; torture runs only configurations of {}",
                        self.at(block.header_span()),
                        HARMLESS.join(", ")
                    ));
                }
            }
        }
        Ok(())
    }

    fn endpoints(&mut self, block: &Block) -> Result<(), String> {
        let mut count = 0;
        for endpoint in block.body.blocks().filter(|block| block.full_name() == "endpoint") {
            count += 1;
            let mut address = None;
            for stmt in &endpoint.body.stmts {
                let name = match stmt {
                    Stmt::Attribute(attribute) => attribute.name.name.clone(),
                    Stmt::Block(block) => block.full_name(),
                };
                if !KEPT.contains(&name.as_str()) {
                    self.edits.push((stmt.span(), String::new()));
                }
                match stmt {
                    Stmt::Attribute(attribute) if name == "url" => address = Some(attribute.value.span()),
                    Stmt::Attribute(attribute) if name == "max_backoff_retries" => self.all.notes.push(format!(
                        "{}: max_backoff_retries = {}: what is given up then counts as lost here",
                        self.at(attribute.span()),
                        self.text(&attribute.value)
                    )),
                    _ => {}
                }
            }
            let address =
                address.ok_or_else(|| format!("{}: the endpoint has no \"url\"", self.at(endpoint.span())))?;
            let url = (self.how.endpoint)(format!("{} endpoint {count}", block.id()));
            self.edits.push((address, literal::quote(url.as_bytes())));
        }
        Ok(())
    }

    fn paths_of(&mut self, block: &Block) -> Result<(), String> {
        for attribute in block.body.attributes() {
            if matches!(attribute.name.name.as_str(), "path_targets" | "targets") {
                self.paths(&attribute.value)?;
            }
        }
        Ok(())
    }

    /// Moves every path of the targets in an expression below the root.
    fn paths(&mut self, expr: &Expr) -> Result<(), String> {
        match &expr.kind {
            ExprKind::Object(fields) => {
                for field in fields {
                    let name = field.key.name.as_str();
                    if matches!(name, "__path__" | "__path_exclude__") {
                        self.path(&field.value, name == "__path_exclude__")?;
                    }
                }
                Ok(())
            }
            ExprKind::Array(items) => items.iter().try_for_each(|item| self.paths(item)),
            ExprKind::Paren(inner) => self.paths(inner),
            ExprKind::Call { args, .. } => args.iter().try_for_each(|item| self.paths(item)),
            ExprKind::Access { value, .. } => self.paths(value),
            ExprKind::Index { value, .. } => self.paths(value),
            ExprKind::Binary { left, right, .. } => {
                self.paths(left)?;
                self.paths(right)
            }
            ExprKind::Unary { .. } | ExprKind::Ident(_) | ExprKind::Literal(_) => Ok(()),
        }
    }

    fn path(&mut self, value: &Expr, excluded: bool) -> Result<(), String> {
        let text = self.text(value);
        let path = (self.how.evaluate)(&text).ok_or_else(|| {
            format!(
                "{}: {text} is not a path that is known before the configuration runs; torture has to know which files to write",
                self.at(value.span())
            )
        })?;
        let pattern = Pattern::below(self.how.root, &path)
            .map_err(|error| format!("{}: {path:?} {error}", self.at(value.span())))?;
        self.edits
            .push((value.span(), literal::quote(pattern.as_str().as_bytes())));
        let list = if excluded {
            &mut self.all.excluded
        } else {
            &mut self.all.patterns
        };
        list.push(pattern);
        Ok(())
    }

    /// Load is written to files; the listener stays, on loopback, but not on the port that a running collector has.
    fn listener(&mut self, block: &Block) -> Result<(), String> {
        for http in block.body.blocks().filter(|block| block.full_name() == "http") {
            for attribute in http.body.attributes() {
                match attribute.name.name.as_str() {
                    "listen_port" => {
                        let port = (self.how.port)()?;
                        self.edits.push((attribute.value.span(), port.to_string()));
                    }
                    "listen_address" => self.edits.push((attribute.value.span(), "\"127.0.0.1\"".to_owned())),
                    _ => {}
                }
            }
            if http.body.attributes().all(|one| one.name.name != "listen_address") {
                self.edits.push((
                    Span::new(http.lcurly + 1, http.lcurly + 1),
                    "\n\tlisten_address = \"127.0.0.1\"\n".to_owned(),
                ));
            }
        }
        if block.body.blocks().all(|block| block.full_name() != "http") {
            let port = (self.how.port)()?;
            self.edits.push((
                Span::new(block.lcurly + 1, block.lcurly + 1),
                format!("\n\thttp {{\n\t\tlisten_address = \"127.0.0.1\"\n\t\tlisten_port = {port}\n\t}}\n"),
            ));
        }
        Ok(())
    }

    /// What form of lines the stages take; stages that drop by chance leave nothing to compare.
    fn stages(&mut self, body: &Body) -> Result<(), String> {
        for block in body.blocks() {
            let form = match block.full_name().as_str() {
                "stage.cri" => Some(Form::Cri),
                "stage.docker" => Some(Form::Docker),
                "stage.json" => Some(Form::Json),
                "stage.logfmt" => Some(Form::Logfmt),
                "stage.sampling" => return Err(self.by_chance(block)),
                "stage.limit" if drops(&block.body) => return Err(self.by_chance(block)),
                _ => None,
            };
            // A container runtime's form stands around the application's.
            let outer = matches!(form, Some(Form::Cri | Form::Docker));
            if self.all.form.is_none() || outer {
                self.all.form = form.or(self.all.form);
            }
            self.stages(&block.body)?;
        }
        Ok(())
    }

    fn by_chance(&self, block: &Block) -> String {
        format!(
            "{}: \"{}\" drops lines by chance or time, so that lost ones cannot be told from dropped ones; leave it out for this test",
            self.at(block.header_span()),
            block.full_name()
        )
    }
}

fn drops(body: &Body) -> bool {
    body.attributes().any(|attribute| {
        attribute.name.name == "drop"
            && !matches!(&attribute.value.kind, ExprKind::Literal(value) if value.kind == LiteralKind::Bool && value.text == "false")
    })
}

/// The configuration that runs if the user has none: the one that documentation begins with.
pub fn built_in(root: &str, url: &str) -> String {
    format!(
        r#"local.file_match "logs" {{
	path_targets = [{{"__path__" = "{root}/var/log/*.log", "job" = "torture"}}]
	sync_period  = "500ms"
}}

loki.source.file "logs" {{
	targets    = local.file_match.logs.targets
	forward_to = [loki.process.logs.receiver]
}}

loki.process "logs" {{
	stage.logfmt {{
		mapping = {{"level" = ""}}
	}}

	stage.labels {{
		values = {{"level" = ""}}
	}}
	forward_to = [loki.write.sink.receiver]
}}

loki.write "sink" {{
	endpoint {{
		url                = "{url}"
		batch_wait         = "100ms"
		max_backoff_period = "2s"
	}}
}}
"#
    )
}

#[cfg(test)]
mod tests;
