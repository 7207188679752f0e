//! The table of routes: everything that the server answers to.

use super::{App, answer, api, auth, insight, ledger, live, page, service};
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
const GET: &[Method] = &[Method::GET];
const QUERY: &[Method] = &[Method::GET, Method::HEAD, Method::POST, Method::OPTIONS];

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
    // Its making takes as long as was asked for, so nobody only asks for its head.
    get(Base::Root, "/-/support", GET, |call| Box::pin(service::support(call))),
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
    get(Base::Root, "/api/v0/invar/components/{id}", READ, |call| {
        Box::pin(insight::component(call))
    }),
    get(Base::Root, "/api/v0/invar/queues", READ, |call| {
        Box::pin(insight::queues(call))
    }),
    get(Base::Root, "/api/v0/invar/top", READ, |call| {
        Box::pin(insight::top(call))
    }),
    get(Base::Root, "/api/v0/invar/tap", READ, |call| Box::pin(live::tap(call))),
    get(Base::Root, "/api/v0/invar/remotecfg", READ, |call| {
        Box::pin(insight::remote(call))
    }),
    Route {
        changes_state: true,
        ..get(Base::Root, "/api/v1/ckit/transport/{rest}", ANY, |call| {
            Box::pin(service::cluster(call))
        })
    },
    get(Base::Root, "/debug/pprof", GET, |call| {
        Box::pin(service::profiles(call))
    }),
    get(Base::Root, "/debug/pprof/{rest}", GET, |call| {
        Box::pin(service::profiles(call))
    }),
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
    get(Base::Ui, "/api/v0/web/remotecfg/components", READ, |call| {
        Box::pin(api::remote_components(call))
    }),
    get(
        Base::Ui,
        "/api/v0/web/remotecfg/modules/{id}/components",
        READ,
        |call| Box::pin(api::remote_components(call)),
    ),
    get(Base::Ui, "/api/v0/web/remotecfg/components/{id}", READ, |call| {
        Box::pin(api::remote_component(call))
    }),
    get(Base::Ui, "/api/v0/web/debug/{id}", READ, |call| {
        Box::pin(live::debug(call))
    }),
    get(Base::Ui, "/api/v0/web/graph", READ, |call| Box::pin(live::graph(call))),
    get(Base::Ui, "/api/v0/web/graph/{id}", READ, |call| {
        Box::pin(live::graph(call))
    }),
    get(Base::Ui, "/graphql", QUERY, |call| Box::pin(service::graphql(call))),
    get(Base::Ui, "/graphql/playground", READ, |call| {
        Box::pin(service::playground(call))
    }),
    get(Base::Ui, "/api/{rest}", ANY, |call| Box::pin(api::nothing(call))),
    get(Base::Ui, "/assets/{rest}", READ, |call| Box::pin(page::asset(call))),
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

/// The route of a decoded path, and the open part of it.
pub(super) fn find(ui_prefix: &str, path: &str) -> Option<(&'static Route, String)> {
    ROUTES
        .iter()
        .find_map(|route| Some((route, route.matches(ui_prefix, path)?.to_owned())))
}

/// Finds the handler of a request and calls it.
pub(crate) async fn dispatch(app: Arc<App>, request: Request<Body>) -> Response<Body> {
    let head = request.method() == Method::HEAD;
    let tracer = app.parts.tracer.clone();
    let (_, mut response) = match tracer {
        Some(tracer) => {
            let span = tracer.start_request(request.headers(), request.method(), request.uri().path());
            let (route, response) = span.scope(answer_to(app, request)).await;
            span.end(route.unwrap_or_default(), response.status());
            (route, response)
        }
        None => answer_to(app, request).await,
    };
    if head {
        *response.body_mut() = Body::empty();
    }
    response
}

/// The answer, and the pattern of the route that gave it.
async fn answer_to(app: Arc<App>, request: Request<Body>) -> (Option<&'static str>, Response<Body>) {
    let Some(path) = decode(request.uri().path()) else {
        let message = "the path holds an escape that is not UTF-8";
        return (None, answer::error(StatusCode::BAD_REQUEST, message));
    };
    let route = find(&app.ui_prefix, &path);
    let pattern = route.as_ref().map(|(route, _)| route.pattern);
    (pattern, answer_on(app, request, &path, route).await)
}

async fn answer_on(
    app: Arc<App>,
    request: Request<Body>,
    path: &str,
    route: Option<(&'static Route, String)>,
) -> Response<Body> {
    // A path that leads nowhere says so only to those who may ask.
    let needs_auth = route.as_ref().is_none_or(|(route, _)| route.auth);
    if needs_auth && !app.policy.load().auth.passes(path, request.headers()) {
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
    use crate::http::{AuthArgs, BasicArgs, Handler, Parts, Policy};
    use arc_swap::ArcSwap;
    use promtext::Registry;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn pattern(prefix: &str, path: &str) -> Option<(&'static str, String)> {
        find(prefix, path).map(|(route, open)| (route.pattern, open))
    }

    #[test]
    fn paths_find_their_routes() {
        let cases = [
            ("", "/-/ready", Some(("/-/ready", ""))),
            ("", "/-/support", Some(("/-/support", ""))),
            ("", "/-/quit", Some(("/-/{rest}", "quit"))),
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
            let found = pattern(prefix, path);
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
        assert_eq!(
            changing,
            ["/-/reload", "/api/v0/component/{rest}", "/api/v1/ckit/transport/{rest}"]
        );
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

    /// A service that is there.
    struct Answers;

    impl Handler for Answers {
        fn answer(&self, rest: String, _: Request<Body>) -> BoxFuture<'static, Response<Body>> {
            Box::pin(std::future::ready(Response::new(Body::from(rest))))
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
        let ledger = signals::Ledger::default();
        let clock = Arc::new(host::SystemClock);
        let live = tap::LiveDebugging::new(&ledger, clock.clone());
        live.prepare(tap::Arguments { enabled: true }).apply();
        let app = Arc::new(App {
            started: 0,
            health: super::super::health::HealthHistory::default(),
            rates: super::super::rates::Rates::default(),
            live,
            cluster: component::Cluster::alone("", ""),
            streams: Arc::new(tokio::sync::Semaphore::new(1)),
            queue_limit: 0,
            parts: Parts {
                cluster: Some(Arc::new(Answers)),
                graphql: Some(Arc::new(Answers)),
                playground: Some(Arc::new(Answers)),
                profiles: Some(Arc::new(Answers)),
                support: Some(Arc::new(Answers)),
                ..Parts::default()
            },
            stop: component::CancellationToken::new(),
            controller: controller.clone(),
            left_out: api::LeftOut::default(),
            metrics,
            ledger,
            budget: signals::Budget::new(1),
            history: Arc::new(super::super::history::History::new(0)),
            clock,
            policy: Arc::new(ArcSwap::from_pointee(policy)),
            ui_prefix: "/ui".to_owned(),
            ui_dir: None,
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
