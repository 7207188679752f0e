//! The table of routes: everything that the server answers to.

use super::{App, answer, api, auth, ledger, page};
use axum::body::Body;
use axum::http::header::ALLOW;
use axum::http::{HeaderValue, Method, Request, Response, StatusCode};
use component::BoxFuture;
use std::sync::Arc;

/// A request on its way to a handler.
pub(crate) struct Call {
    pub(crate) app: Arc<App>,
    pub(crate) request: Request<Body>,
    /// The part of the path that the pattern leaves open, decoded.
    pub(crate) open: String,
}

/// One line of the table.
pub(crate) struct Route {
    /// Where the pattern starts: at the root, or below the path prefix of the user interface.
    pub(crate) base: Base,
    /// A path with at most one open part in braces. `{id}` is not empty and may hold slashes, `{rest}` may be empty.
    pub(crate) pattern: &'static str,
    /// Methods; none means any.
    pub(crate) methods: &'static [Method],
    /// Whether the `http` block's authentication covers it.
    pub(crate) auth: bool,
    /// Whether a request changes anything; such a request is refused from another site's page.
    pub(crate) changes_state: bool,
    pub(crate) handler: fn(Call) -> BoxFuture<'static, Response<Body>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Base {
    Root,
    Ui,
}

const ANY: &[Method] = &[];
const READ: &[Method] = &[Method::GET, Method::HEAD];

/// All routes; the first that matches answers.
pub(crate) static ROUTES: &[Route] = &[
    get(Base::Root, "/-/healthy", ANY, |call| Box::pin(api::healthy(call))),
    get(Base::Root, "/-/ready", ANY, |call| Box::pin(api::ready(call))),
    Route {
        changes_state: true,
        ..get(Base::Root, "/-/reload", &[Method::GET, Method::POST], |call| {
            Box::pin(api::reload(call))
        })
    },
    get(Base::Root, "/-/{rest}", ANY, |call| Box::pin(api::nothing(call))),
    get(Base::Root, "/metrics", ANY, |call| Box::pin(api::metrics(call))),
    // What a component's handler does is its own affair, so it counts as changing something.
    Route {
        changes_state: true,
        ..get(Base::Root, "/api/v0/component/{rest}", ANY, |call| {
            Box::pin(api::component_handler(call))
        })
    },
    get(Base::Root, "/api/v0/invar/ledger", READ, |call| {
        Box::pin(ledger::ledger(call))
    }),
    get(Base::Root, "/api/v0/invar/why", READ, |call| {
        Box::pin(ledger::why(call))
    }),
    get(Base::Root, "/debug/{rest}", ANY, |call| Box::pin(api::nothing(call))),
    get(Base::Ui, "/api/v0/web/components", READ, |call| {
        Box::pin(api::components(call))
    }),
    get(Base::Ui, "/api/v0/web/modules/{id}/components", READ, |call| {
        Box::pin(api::components(call))
    }),
    get(Base::Ui, "/api/v0/web/components/{id}", READ, |call| {
        Box::pin(api::component(call))
    }),
    get(Base::Ui, "/api/v0/web/peers", READ, |call| Box::pin(api::peers(call))),
    get(Base::Ui, "/api/{rest}", ANY, |call| Box::pin(api::nothing(call))),
    get(Base::Ui, "", READ, |call| Box::pin(page::redirect(call))),
    // Paths of Alloy's single page application all lead to the page, so that bookmarks keep working.
    get(Base::Ui, "/{rest}", READ, |call| Box::pin(page::index(call))),
];

const fn get(
    base: Base,
    pattern: &'static str,
    methods: &'static [Method],
    handler: fn(Call) -> BoxFuture<'static, Response<Body>>,
) -> Route {
    Route {
        base,
        pattern,
        methods,
        auth: true,
        changes_state: false,
        handler,
    }
}

impl Route {
    /// The open part of a decoded path, if it matches.
    pub(crate) fn matches<'p>(&self, ui_prefix: &str, path: &'p str) -> Option<&'p str> {
        let path = match self.base {
            Base::Root => path,
            Base::Ui => path.strip_prefix(ui_prefix)?,
        };
        let Some((before, after)) = self.pattern.split_once('{') else {
            return (path == self.pattern).then_some("");
        };
        let (name, after) = after.split_once('}')?;
        let open = path.strip_prefix(before)?.strip_suffix(after)?;
        (name == "rest" || !open.is_empty()).then_some(open)
    }

    fn allows(&self, method: &Method) -> bool {
        self.methods.is_empty() || self.methods.contains(method)
    }
}

/// Finds the handler of a request and calls it.
pub(crate) async fn dispatch(app: Arc<App>, request: Request<Body>) -> Response<Body> {
    let head = request.method() == Method::HEAD;
    let mut response = answer_to(app, request).await;
    if head {
        *response.body_mut() = Body::empty();
    }
    response
}

async fn answer_to(app: Arc<App>, request: Request<Body>) -> Response<Body> {
    let Some(path) = decode(request.uri().path()) else {
        return answer::error(StatusCode::BAD_REQUEST, "the path holds an escape that is not UTF-8");
    };
    let route = ROUTES.iter().find_map(|route| {
        route
            .matches(&app.ui_prefix, &path)
            .map(|open| (route, open.to_owned()))
    });
    // A path that leads nowhere says so only to those who may ask.
    let needs_auth = route.as_ref().is_none_or(|(route, _)| route.auth);
    if needs_auth && !app.policy.load().auth.passes(&path, request.headers()) {
        return auth::refusal();
    }
    let Some((route, open)) = route else {
        return answer::error(StatusCode::NOT_FOUND, "404 page not found");
    };
    if !route.allows(request.method()) {
        let mut response = answer::empty(StatusCode::METHOD_NOT_ALLOWED);
        let methods: Vec<&str> = route.methods.iter().map(Method::as_str).collect();
        if let Ok(methods) = HeaderValue::from_str(&methods.join(", ")) {
            response.headers_mut().insert(ALLOW, methods);
        }
        return response;
    }
    if route.changes_state && is_cross_site(&request) {
        return answer::error(
            StatusCode::FORBIDDEN,
            "refused: the request comes from a page of another site",
        );
    }
    (route.handler)(Call { app, request, open }).await
}

/// Whether a browser sends this on behalf of another site's page. Other clients do not send the header.
fn is_cross_site(request: &Request<Body>) -> bool {
    request
        .headers()
        .get("sec-fetch-site")
        .is_some_and(|site| site == "cross-site")
}

/// Undoes `%XX`; nothing if the escapes are broken or what comes out is not UTF-8.
fn decode(path: &str) -> Option<String> {
    if !path.contains('%') {
        return Some(path.to_owned());
    }
    let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
    let mut decoded = Vec::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let code = digit(bytes.next())? * 16 + digit(bytes.next())?;
            decoded.push(u8::try_from(code).ok()?);
        } else {
            decoded.push(byte);
        }
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::{ComponentInfo, Controller, NotFound};
    use crate::http::auth::Auth;
    use crate::http::{AuthArgs, BasicArgs, Policy};
    use arc_swap::ArcSwap;
    use promtext::Registry;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn find(prefix: &str, path: &str) -> Option<(&'static str, String)> {
        ROUTES
            .iter()
            .find_map(|route| Some((route.pattern, route.matches(prefix, path)?.to_owned())))
    }

    #[test]
    fn paths_find_their_routes() {
        let cases = [
            ("", "/-/ready", Some(("/-/ready", ""))),
            ("", "/-/support", Some(("/-/{rest}", "support"))),
            ("/ui", "/-/ready", Some(("/-/ready", ""))),
            (
                "",
                "/api/v0/component/a.b/c/d",
                Some(("/api/v0/component/{rest}", "a.b/c/d")),
            ),
            ("", "/api/v0/web/components", Some(("/api/v0/web/components", ""))),
            (
                "",
                "/api/v0/web/components/m.x/a.b",
                Some(("/api/v0/web/components/{id}", "m.x/a.b")),
            ),
            (
                "",
                "/api/v0/web/components/",
                Some(("/api/{rest}", "v0/web/components/")),
            ),
            (
                "",
                "/api/v0/web/modules/m.x/n.y/components",
                Some(("/api/v0/web/modules/{id}/components", "m.x/n.y")),
            ),
            (
                "",
                "/api/v0/web/modules//components",
                Some(("/api/{rest}", "v0/web/modules//components")),
            ),
            ("", "/", Some(("/{rest}", ""))),
            (
                "",
                "/component/local.file.a",
                Some(("/{rest}", "component/local.file.a")),
            ),
            ("/ui", "/ui", Some(("", ""))),
            ("/ui", "/ui/", Some(("/{rest}", ""))),
            ("/ui", "/ui/api/v0/web/peers", Some(("/api/v0/web/peers", ""))),
            ("/ui", "/uix", None),
            ("/ui", "/", None),
            ("/ui", "/api/v0/web/peers", None),
            ("", "//metrics", Some(("/{rest}", "/metrics"))),
        ];
        for (prefix, path, expected) in cases {
            let found = find(prefix, path);
            assert_eq!(
                found.as_ref().map(|(pattern, open)| (*pattern, open.as_str())),
                expected,
                "{prefix} {path}"
            );
        }
    }

    #[test]
    fn every_route_is_covered_by_authentication_and_only_these_change_anything() {
        assert!(ROUTES.iter().all(|route| route.auth));
        let changing: Vec<&str> = ROUTES
            .iter()
            .filter(|route| route.changes_state)
            .map(|route| route.pattern)
            .collect();
        assert_eq!(changing, ["/-/reload", "/api/v0/component/{rest}"]);
    }

    /// Counts reloads, and has no components.
    struct Empty(AtomicUsize);

    impl Controller for Empty {
        fn ready(&self) -> bool {
            true
        }

        fn components(&self, _: &str) -> BoxFuture<'_, Result<Vec<ComponentInfo>, NotFound>> {
            Box::pin(async { Ok(Vec::new()) })
        }

        fn component(&self, _: &str) -> BoxFuture<'_, Option<ComponentInfo>> {
            Box::pin(async { None })
        }

        fn reload(&self) -> BoxFuture<'static, Result<(), String>> {
            self.0.fetch_add(1, Ordering::SeqCst);
            Box::pin(async { Ok(()) })
        }
    }

    #[tokio::test]
    async fn the_table_is_what_the_server_does() {
        let controller = Arc::new(Empty(AtomicUsize::new(0)));
        let metrics = Registry::new();
        let args = AuthArgs {
            basic: Some(BasicArgs {
                username: "u".to_owned(),
                password: value::Secret::new("p"),
            }),
            filter: None,
        };
        let policy = Policy {
            auth: Auth::new(Some(&args)),
            tls: None,
        };
        let app = Arc::new(App {
            controller: controller.clone(),
            left_out: api::LeftOut::default(),
            metrics,
            ledger: signals::Ledger::default(),
            budget: signals::Budget::new(1),
            history: Arc::new(super::super::history::History::new(0)),
            clock: Arc::new(host::SystemClock),
            policy: Arc::new(ArcSwap::from_pointee(policy)),
            ui_prefix: "/ui".to_owned(),
            node_name: String::new(),
            address: ([127, 0, 0, 1], 1).into(),
        });
        let ask = async |path: &str, method: &Method, headers: &[(&'static str, &str)]| {
            let mut request = Request::builder().uri(path).method(method);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            dispatch(app.clone(), request.body(Body::empty()).unwrap())
                .await
                .status()
                .as_u16()
        };
        let known = ("authorization", "Basic dTpw");
        for (at, route) in ROUTES.iter().enumerate() {
            let base = if route.base == Base::Ui { "/ui" } else { "" };
            let path = format!("{base}{}", route.pattern.replace("{id}", "x").replace("{rest}", "x"));
            let first = ROUTES.iter().position(|route| route.matches("/ui", &path).is_some());
            assert_eq!(first, Some(at), "{path} does not reach its own line");
            let method = route.methods.first().unwrap_or(&Method::PATCH);
            assert_eq!(ask(&path, method, &[]).await == 401, route.auth, "{path}");
            assert_ne!(ask(&path, method, &[known]).await, 401, "{path}");
            let refused = ask(&path, method, &[known, ("sec-fetch-site", "cross-site")]).await == 403;
            assert_eq!(refused, route.changes_state, "{path}");
            for method in [
                Method::GET,
                Method::HEAD,
                Method::POST,
                Method::PUT,
                Method::DELETE,
                Method::PATCH,
            ] {
                assert_eq!(
                    ask(&path, &method, &[known]).await == 405,
                    !route.allows(&method),
                    "{method} {path}"
                );
            }
        }
        assert_eq!(
            controller.0.load(Ordering::SeqCst),
            3,
            "once for its first method, then for GET and POST"
        );
    }

    #[test]
    fn escapes_are_undone_or_refused() {
        assert_eq!(decode("/a%2Fb%20c").as_deref(), Some("/a/b c"));
        for broken in ["/%", "/%2", "/%zz", "/%ff"] {
            assert_eq!(decode(broken), None, "{broken}");
        }
    }
}
