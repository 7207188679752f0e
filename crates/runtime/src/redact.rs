//! Configurations as people may see them: without secrets.

use crate::catalogue::Catalogue;
use crate::controller::{Controller, LoadError};
use crate::registry::Allowed;
use component::Stability;
use std::ops::Range;
use syntax::Source;
use syntax::ast::{Attribute, Block, Body, Expr, ExprKind, LiteralKind, Stmt};
use value::Type;
use value::shape::Shape;

/// What stands in place of a secret.
const HIDDEN: &str = "(secret)";

/// Parts of names of attributes, keys and parameters whose values are secrets, whatever they are part of.
const WORDS: &[&str] = &[
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "secret",
    "token",
    "credential",
    "apikey",
    "api_key",
    "api-key",
    "_key",
    "-key",
    "cookie",
    "authorization",
];

/// Ends of names that say where a secret is, and not what it is.
const PLACES: &[&str] = &["_file", "_path", "_url", "_name"];

/// The text of a configuration in which the secrets that it names are replaced by `(secret)`, for pages and support bundles: what
/// stands in arguments that are secrets by their type or by their name, passwords in URLs, and comments that look like either. The rest
/// stays as it was written. Of a text that cannot be parsed no string at all is shown.
///
/// What a name does not give away is not found: a password in an attribute of a module that is called `value`, for example.
pub fn redact(catalogue: &Catalogue, text: &[u8]) -> String {
    redactor(catalogue, text, true).apply(text)
}

/// The same for the lines that a report of errors shows: what is a secret is starred, so that lines and columns stay what they are. Of a text
/// that cannot be parsed strings are hidden where their lines name a secret: the others are what the errors are about.
pub(crate) fn mask(catalogue: &Catalogue, text: &[u8]) -> Vec<u8> {
    redactor(catalogue, text, false).mask(text)
}

fn redactor<'a>(catalogue: &'a Catalogue, text: &[u8], thorough: bool) -> Redactor<'a> {
    let (file, problems) = syntax::parse("", text);
    let mut redactor = Redactor {
        catalogue,
        edits: Vec::new(),
    };
    let broken = problems
        .iter()
        .any(|problem| problem.severity == syntax::diag::Severity::Error);
    for token in &file.tokens {
        let range = token.span.range();
        let written = String::from_utf8_lossy(&text[range.clone()]);
        match token.kind.as_str() {
            "COMMENT" if is_telling(&written) => {
                let hidden = match written.starts_with("/*") {
                    true => format!("/* {HIDDEN} */"),
                    false => format!("// {HIDDEN}"),
                };
                redactor.edits.push((range, hidden));
            }
            "STRING" | "ILLEGAL" if broken && (thorough || is_telling(line_before(text, range.start))) => {
                redactor.hide(range);
            }
            _ => {}
        }
    }
    if !broken {
        redactor.module(&file.body);
    }
    redactor
}

/// What stands in front of an offset in its line.
fn line_before(text: &[u8], offset: usize) -> &str {
    let start = text[..offset].iter().rposition(|byte| *byte == b'\n');
    std::str::from_utf8(&text[start.map_or(0, |at| at + 1)..offset]).unwrap_or_default()
}

impl Controller {
    /// The text of a configuration without its secrets; see [`redact`].
    pub fn redact(&self, text: &[u8]) -> String {
        redact(&self.0.options.catalogue, text)
    }

    /// An error of a load whose report shows no secrets: for those who read it over the network, and for logs.
    pub fn conceal(&self, error: LoadError) -> LoadError {
        let mask = |source: &Source| Source::new(source.name(), &mask(&self.0.options.catalogue, source.text()));
        LoadError {
            sources: error.sources.iter().map(mask).collect(),
            ..error
        }
    }
}

struct Redactor<'a> {
    catalogue: &'a Catalogue,
    edits: Vec<(Range<usize>, String)>,
}

impl Redactor<'_> {
    fn apply(mut self, text: &[u8]) -> String {
        self.edits.sort_by_key(|(range, _)| range.start);
        let (mut out, mut at) = (Vec::with_capacity(text.len()), 0);
        for (range, replacement) in self.edits {
            // Something in what is hidden already.
            if range.start < at {
                continue;
            }
            out.extend_from_slice(&text[at..range.start]);
            out.extend_from_slice(replacement.as_bytes());
            at = range.end;
        }
        out.extend_from_slice(&text[at..]);
        String::from_utf8_lossy(&out).into_owned()
    }

    fn mask(self, text: &[u8]) -> Vec<u8> {
        let mut out = text.to_vec();
        for (range, _) in self.edits {
            for byte in &mut out[range] {
                if !byte.is_ascii_whitespace() && !b"\"`".contains(byte) {
                    *byte = b'*';
                }
            }
        }
        out
    }

    fn hide(&mut self, range: Range<usize>) {
        self.edits.push((range, format!("\"{HIDDEN}\"")));
    }

    /// Statements of which each block is a component, or a block of the language.
    fn module(&mut self, body: &Body) {
        for stmt in &body.stmts {
            match stmt {
                Stmt::Attribute(attribute) => self.attribute(attribute, None),
                Stmt::Block(block) => self.component(block),
            }
        }
    }

    fn component(&mut self, block: &Block) {
        let name = block.full_name();
        match name.as_str() {
            "declare" | "template" | "foreach" => return self.module(&block.body),
            "argument" | "export" => {
                let secret = is_secret(block.label_text());
                for attribute in block.body.attributes() {
                    self.expression(&attribute.value, None, secret);
                }
                return;
            }
            "import.string" => {
                for attribute in block.body.attributes() {
                    self.content(&attribute.value);
                }
                return;
            }
            _ => {}
        }
        let shape = self.shape(&name);
        self.block(&block.body, shape.as_ref(), None);
    }

    fn shape(&self, name: &str) -> Option<Shape> {
        let everything = Allowed {
            stability: Stability::Experimental,
            community: true,
        };
        if let Ok(description) = self.catalogue.registry.describe(name, everything) {
            return Some(description.arguments());
        }
        if let Some(config) = self.catalogue.config_block(name) {
            return Some(Shape::of((config.schema)()));
        }
        if let Some(import) = self.catalogue.import(name) {
            return Some(Shape::of((import.arguments)()));
        }
        let described = self.catalogue.registry.describe_block(name, everything)?;
        described.ok().map(|description| description.arguments())
    }

    /// `around` is the shape of the block around it, whose blocks some blocks take again.
    fn block(&mut self, body: &Body, shape: Option<&Shape>, around: Option<&Shape>) {
        for stmt in &body.stmts {
            match stmt {
                Stmt::Attribute(attribute) => self.attribute(attribute, shape),
                Stmt::Block(inner) => {
                    let name = inner.full_name();
                    let find = |shape: Option<&'_ Shape>| {
                        let blocks = &shape?.blocks;
                        blocks.iter().find(|block| block.name == name).cloned()
                    };
                    let found = find(shape).or_else(|| find(around));
                    self.block(&inner.body, found.as_ref().map(|block| block.shape()), shape);
                }
            }
        }
    }

    fn attribute(&mut self, attribute: &Attribute, shape: Option<&Shape>) {
        let name = attribute.name.name.as_str();
        let known = shape.and_then(|shape| shape.attributes.iter().find(|one| one.name == name));
        let ty = known.map(|known| &known.ty);
        // A key that is no secret by its type is one of those that have values.
        let secret = is_secret(name) || (name == "key" && ty.is_none());
        self.expression(&attribute.value, ty, secret);
    }

    fn expression(&mut self, expr: &Expr, ty: Option<&Type>, secret: bool) {
        let secret = secret || matches!(ty, Some(Type::Secret | Type::OptionalSecret));
        match &expr.kind {
            ExprKind::Literal(literal) => match literal.kind {
                LiteralKind::String | LiteralKind::Number | LiteralKind::Float if secret => {
                    self.hide(expr.span.range());
                }
                LiteralKind::String => {
                    if let Some(hidden) = without_credentials(&literal.text) {
                        self.edits.push((expr.span.range(), hidden));
                    }
                }
                _ => {}
            },
            ExprKind::Array(items) => {
                let inner = match ty {
                    Some(Type::List(inner)) => Some(&**inner),
                    _ => None,
                };
                items.iter().for_each(|item| self.expression(item, inner, secret));
            }
            ExprKind::Object(fields) => {
                for field in fields {
                    let key = field.key.name.as_str();
                    let shape = match ty {
                        Some(Type::Object(schema)) => Some(Shape::of(schema)),
                        _ => None,
                    };
                    let known = shape.and_then(|shape| shape.attributes.into_iter().find(|one| one.name == key));
                    let inner = match (ty, &known) {
                        (Some(Type::Map(inner)), _) => Some(&**inner),
                        (_, Some(known)) => Some(&known.ty),
                        _ => None,
                    };
                    let secret = secret || is_secret(key) || key.eq_ignore_ascii_case("key");
                    self.expression(&field.value, inner, secret);
                }
            }
            ExprKind::Ident(_) => {}
            ExprKind::Access { value, .. } => self.expression(value, None, secret),
            ExprKind::Index { value, index, .. } => {
                self.expression(value, None, secret);
                self.expression(index, None, false);
            }
            ExprKind::Call { value, args, .. } => {
                // The name of an environment variable is not what is in it.
                let names = matches!(&value.kind, ExprKind::Access { name, .. } if name.name == "env")
                    || matches!(&value.kind, ExprKind::Ident(name) if name.name == "env");
                args.iter().for_each(|arg| self.expression(arg, None, secret && !names));
            }
            ExprKind::Unary { value, .. } | ExprKind::Paren(value) => self.expression(value, ty, secret),
            ExprKind::Binary { left, right, .. } => {
                self.expression(left, None, secret);
                self.expression(right, None, secret);
            }
        }
    }

    /// A text that is a configuration itself.
    fn content(&mut self, expr: &Expr) {
        let ExprKind::Literal(literal) = &expr.kind else {
            // Pieces of a configuration cannot be judged.
            return self.expression(expr, None, true);
        };
        match syntax::literal::unquote(literal.text.as_bytes()) {
            Ok(inner) => {
                let shown = redact(self.catalogue, &inner);
                if shown.as_bytes() != inner {
                    self.edits
                        .push((expr.span.range(), syntax::literal::quote(shown.as_bytes())));
                }
            }
            Err(_) => self.hide(expr.span.range()),
        }
    }
}

/// Whether what has this name is a secret.
pub(crate) fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    WORDS.iter().any(|word| name.contains(word)) && !PLACES.iter().any(|end| name.ends_with(end))
}

/// Whether a comment speaks of something that has the name of a secret, and may give its value, or holds a URL with a password.
fn is_telling(comment: &str) -> bool {
    let lower = comment.to_ascii_lowercase();
    let named = WORDS.iter().any(|word| lower.contains(word)) || lower.contains("key");
    // A value follows a sign, or is a word that no language has.
    let is_odd = |word: &str| {
        word.len() >= 6 && word.bytes().any(|c| c.is_ascii_digit()) && word.bytes().any(|c| c.is_ascii_alphabetic())
    };
    let valued = lower.contains(['=', ':', '"', '`']) || lower.split_whitespace().any(is_odd);
    (named && valued) || without_credentials(comment).is_some()
}

/// A text without the password of a URL in it, the parameters of a URL that are secrets, and what follows a scheme of
/// authentication; `None` if there is nothing of all that.
fn without_credentials(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut found = false;
    while let Some((before, after)) = rest.split_once("://") {
        out.push_str(before);
        out.push_str("://");
        let end = after.find(['"', '`', ' ', '\n', ',']).unwrap_or(after.len());
        let (url, behind) = after.split_at(end);
        let shown = url_without_credentials(url);
        found |= shown != url;
        out.push_str(&shown);
        rest = behind;
    }
    out.push_str(rest);
    for scheme in ["Bearer ", "Basic "] {
        if let Some(at) = out.find(scheme) {
            let start = at + scheme.len();
            let end = out[start..].find(['"', '`', '\n']).map_or(out.len(), |end| start + end);
            if end > start {
                out.replace_range(start..end, HIDDEN);
                found = true;
            }
        }
    }
    found.then_some(out)
}

/// What follows `://`.
fn url_without_credentials(url: &str) -> String {
    let (authority, path) = url.split_at(url.find(['/', '?', '#']).unwrap_or(url.len()));
    let mut out = String::new();
    match authority.rsplit_once('@') {
        Some((user, host)) => {
            let name = user.split_once(':').map(|(name, _)| format!("{name}:"));
            out.push_str(&format!("{}{HIDDEN}@{host}", name.unwrap_or_default()));
        }
        None => out.push_str(authority),
    }
    let Some((path, query)) = path.split_once('?') else {
        out.push_str(path);
        return out;
    };
    out.push_str(path);
    for (i, pair) in query.split('&').enumerate() {
        out.push(if i == 0 { '?' } else { '&' });
        match pair.split_once('=') {
            Some((name, _)) if is_secret(name) || name == "key" || name == "sig" => {
                out.push_str(&format!("{name}={HIDDEN}"));
            }
            _ => out.push_str(pair),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::{Known, Registry};
    use std::collections::BTreeMap;
    use value::{Block as _, Secret};

    #[derive(value::Block, Clone, PartialEq)]
    struct Inner {
        #[arg(default)]
        hidden: Secret,
        #[arg(default)]
        key: String,
    }

    #[derive(value::Block, Clone, PartialEq)]
    struct Arguments {
        #[arg(default)]
        data: Secret,
        #[arg(default)]
        url: String,
        #[arg(default)]
        headers: BTreeMap<String, Vec<Secret>>,
        #[arg(block)]
        inner: Option<Inner>,
    }

    fn catalogue() -> Catalogue {
        let known = Known {
            name: "a.b",
            stability: Stability::Experimental,
            community: true,
            arguments: |_| Shape::of(Arguments::schema()),
            exports: |_| Shape::default(),
        };
        Catalogue {
            registry: Registry::new([], [known]),
            config_blocks: Vec::new(),
            imports: &[],
            allowed: Allowed {
                stability: Stability::GenerallyAvailable,
                community: false,
            },
            check: false,
        }
    }

    fn shown(text: &str) -> String {
        redact(&catalogue(), text.as_bytes())
    }

    #[test]
    fn secrets_by_type_and_by_name_are_hidden_and_the_rest_stays() {
        let table = [
            (
                "a.b \"x\" {\n\tdata = \"s1\" // fine\n\turl = \"http://h/p\"\n}",
                "a.b \"x\" {\n\tdata = \"(secret)\" // fine\n\turl = \"http://h/p\"\n}",
            ),
            (
                "a.b \"x\" {\n headers = { a = [\"s1\", f(`s2`)] }\n inner {\n  hidden = 17\n  key = \"k\"\n }\n}",
                "a.b \"x\" {\n headers = { a = [\"(secret)\", f(\"(secret)\")] }\n inner {\n  hidden = \"(secret)\"\n  key = \"k\"\n }\n}",
            ),
            (
                "a.b \"x\" { data = sys.env(\"NAME\") + m[\"k\"] + \"s\" }",
                "a.b \"x\" { data = sys.env(\"NAME\") + m[\"k\"] + \"(secret)\" }",
            ),
            (
                "declare \"m\" {\n a.b \"x\" { data = \"s\" }\n}\nm \"x\" {\n api_token = \"s\"\n token_file = \"f\"\n o = { \"X-Api-Key\" = \"s\", b = 1 }\n}",
                "declare \"m\" {\n a.b \"x\" { data = \"(secret)\" }\n}\nm \"x\" {\n api_token = \"(secret)\"\n token_file = \"f\"\n o = { \"X-Api-Key\" = \"(secret)\", b = 1 }\n}",
            ),
            (
                "foreach \"f\" {\n collection = [{password = \"s\"}]\n template {\n  a.b \"x\" { data = \"s\" }\n }\n}",
                "foreach \"f\" {\n collection = [{password = \"(secret)\"}]\n template {\n  a.b \"x\" { data = \"(secret)\" }\n }\n}",
            ),
            (
                "a.b \"x\" { url = \"http://u:s@h/p?token=s&a=b\" }",
                "a.b \"x\" { url = \"http://u:(secret)@h/p?token=(secret)&a=b\" }",
            ),
            (
                "// password = \"s\"\n// about passwords\n/* \"http://u:s@h\" */",
                "// (secret)\n// about passwords\n/* (secret) */",
            ),
            (
                "import.string \"i\" { content = \"a.b \\\"x\\\" { data = \\\"s\\\" }\" }",
                "import.string \"i\" { content = \"a.b \\\"x\\\" { data = \\\"(secret)\\\" }\" }",
            ),
            (
                "argument \"password\" { default = \"s\" }\nm \"x\" { h = \"Bearer s\" }",
                "argument \"password\" { default = \"(secret)\" }\nm \"x\" { h = \"Bearer (secret)\" }",
            ),
        ];
        for (text, expected) in table {
            assert_eq!(shown(text), expected);
        }
    }

    #[test]
    fn of_a_broken_text_no_string_is_shown() {
        assert_eq!(
            shown("a.b \"x\" { data = = \"s\"\n url = `t`"),
            "a.b \"(secret)\" { data = = \"(secret)\"\n url = \"(secret)\""
        );
    }

    #[test]
    fn reports_show_stars_where_secrets_are() {
        let catalogue = catalogue();
        let text = b"a.b \"x\" {\n  data = \"hunter2\"\n  url = \"plain\"\n}\n";
        let masked = mask(&catalogue, text);
        assert_eq!(masked.len(), text.len());
        let shown = String::from_utf8(masked).unwrap();
        assert_eq!(shown, "a.b \"x\" {\n  data = \"*******\"\n  url = \"plain\"\n}\n");
        let broken = b"a.b \"x\" {\n  password = \"hunter2\"\n  url = = \"plain\"\n}\n";
        let shown = String::from_utf8(mask(&catalogue, broken)).unwrap();
        assert!(!shown.contains("hunter2") && shown.contains("plain"), "{shown}");
    }
}
