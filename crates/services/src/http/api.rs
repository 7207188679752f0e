//! The handlers, but for the page.

use super::REMOTE;
use super::answer::{self, TEXT};
use super::routes::Call;
use crate::controller::ComponentInfo;
use axum::body::Body as HttpBody;
use axum::http::header::ACCEPT;
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderValue, Request, Response, StatusCode, Uri};
use component::HealthState;
use promtext::GatherError;
use serde::Serialize;
use serde_json::value::RawValue;
use std::sync::{Mutex, PoisonError};

pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// `/-/healthy`: whether no component of the root is unhealthy.
pub(crate) async fn healthy(call: Call) -> Response<HttpBody> {
    let components = call.app.controller.components("").await.unwrap_or_default();
    let unhealthy: Vec<&str> = components
        .iter()
        .filter(|component| component.health.state == HealthState::Unhealthy)
        .map(|component| component.name.as_str())
        .collect();
    if unhealthy.is_empty() {
        return answer::text(StatusCode::OK, "All Alloy components are healthy.");
    }
    let message = format!("unhealthy components: {}", unhealthy.join(", "));
    answer::error(StatusCode::INTERNAL_SERVER_ERROR, message)
}

/// `/-/ready`: whether a configuration was loaded.
pub(crate) async fn ready(call: Call) -> Response<HttpBody> {
    if call.app.controller.ready() {
        answer::text(StatusCode::OK, "Alloy is ready.")
    } else {
        answer::text(StatusCode::SERVICE_UNAVAILABLE, "Alloy is not ready.")
    }
}

/// `/-/reload`: loads the configuration again.
pub(crate) async fn reload(call: Call) -> Response<HttpBody> {
    // On its own, because a client that goes away must not leave a load half done.
    match tokio::spawn(call.app.controller.reload()).await {
        Ok(Ok(())) => answer::text(StatusCode::OK, "config reloaded"),
        Ok(Err(diagnostics)) => answer::error(StatusCode::BAD_REQUEST, diagnostics),
        Err(error) => {
            tracing::error!(service = "http", err = %error, "the reload broke off");
            answer::error(StatusCode::INTERNAL_SERVER_ERROR, "the reload broke off; see the log")
        }
    }
}

/// `/metrics`: everything the process counts.
pub(crate) async fn metrics(call: Call) -> Response<HttpBody> {
    let app = &call.app;
    let gathered = app.metrics.gather();
    // Said when it starts, not at every scrape.
    for error in app.left_out.replace(&gathered.errors) {
        tracing::warn!(service = "http", err = %error, "a metric is left out");
    }
    let accept: Vec<&str> = call
        .request
        .headers()
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    let format = promtext::negotiate(&accept.join(","));
    let text = promtext::encode(&gathered.families, format);
    let content_type = HeaderValue::from_static(format.content_type());
    answer::document(call.request.headers(), content_type, text.into_bytes())
}

/// What the last scrape had to leave out.
#[derive(Default)]
pub(crate) struct LeftOut(Mutex<Vec<GatherError>>);

impl LeftOut {
    /// Keeps what is left out now; gives what was not before.
    fn replace(&self, now: &[GatherError]) -> Vec<GatherError> {
        let mut before = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let new = now.iter().filter(|error| !before.contains(error)).cloned().collect();
        *before = now.to_vec();
        new
    }
}

/// Most parts of a component's id: modules in modules, and the component. A path may have thousands, and each is looked up.
const DEEPEST: usize = 64;

/// `/api/v0/component/{id}/{rest}`: a component's own handler.
pub(crate) async fn component_handler(call: Call) -> Response<HttpBody> {
    let path = call.request.uri().path().to_owned();
    let open = call.open.trim_end_matches('/').to_owned();
    if open.is_empty() {
        let message = format!("failed to parse URL path {path:?}: it names no component");
        return answer::error(StatusCode::BAD_REQUEST, message);
    }
    let ends = open.match_indices('/').map(|(at, _)| at).chain([open.len()]);
    for end in ends.take(DEEPEST).collect::<Vec<_>>().into_iter().rev() {
        let id = &open[..end];
        if call.app.component(id).await.is_none() {
            continue;
        }
        let Some(request) = below(call.request, &call.open[end..]) else {
            let message = format!("failed to parse URL path {path:?}: what follows the component is not a path");
            return answer::error(StatusCode::BAD_REQUEST, message);
        };
        let served = call.app.controller_of(id).node_http(id, request).await;
        return served.unwrap_or_else(|| answer::empty(StatusCode::NOT_FOUND));
    }
    answer::empty(StatusCode::NOT_FOUND)
}

/// The request with a part of its path; the path starts with a slash in any case.
fn below(mut request: Request<HttpBody>, path: &str) -> Option<Request<HttpBody>> {
    let mut rest = String::from("/");
    for c in path.trim_start_matches('/').chars() {
        if c.is_ascii_alphanumeric() || "/-._~!$&'()*+,;=:@".contains(c) {
            rest.push(c);
        } else {
            let mut utf8 = [0; 4];
            for byte in c.encode_utf8(&mut utf8).bytes() {
                rest.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    if let Some(query) = request.uri().query() {
        rest.push('?');
        rest.push_str(query);
    }
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = Some(rest.parse::<PathAndQuery>().ok()?);
    *request.uri_mut() = Uri::from_parts(parts).ok()?;
    Some(request)
}

/// `{prefix}/api/v0/web/components` and `.../modules/{id}/components`.
pub(crate) async fn components(call: Call) -> Response<HttpBody> {
    let module = call.open.clone();
    list(call, module).await
}

/// `{prefix}/api/v0/web/remotecfg/components` and `.../remotecfg/modules/{id}/components`.
pub(crate) async fn remote_components(call: Call) -> Response<HttpBody> {
    let module = remote_id(&call.open);
    list(call, module).await
}

/// `{prefix}/api/v0/web/remotecfg/components/{id}`.
pub(crate) async fn remote_component(call: Call) -> Response<HttpBody> {
    let id = remote_id(&call.open);
    one(call, id).await
}

/// The global id of what is in the remote configuration; Alloy's clients leave its first part out, or do not.
fn remote_id(id: &str) -> String {
    match id {
        "" => REMOTE.to_owned(),
        id if id == REMOTE || id.starts_with("remotecfg/") => id.to_owned(),
        id => format!("{REMOTE}/{id}"),
    }
}

async fn list(call: Call, module: String) -> Response<HttpBody> {
    match call.app.controller_of(&module).components(&module).await {
        Ok(components) => web(
            &call,
            &components
                .iter()
                .map(|info| Component::new(info, false))
                .collect::<Vec<_>>(),
        ),
        Err(_) => answer::error(StatusCode::NOT_FOUND, format!("module {module:?} not found")),
    }
}

/// `{prefix}/api/v0/web/components/{id}`.
pub(crate) async fn component(call: Call) -> Response<HttpBody> {
    let id = call.open.clone();
    one(call, id).await
}

async fn one(call: Call, id: String) -> Response<HttpBody> {
    match call.app.component(&id).await {
        Some(info) => web(&call, &Component::new(&info, true)),
        None => answer::error(StatusCode::NOT_FOUND, format!("component {id:?} not found")),
    }
}

/// `{prefix}/api/v0/web/peers`: the cluster, or this process alone.
pub(crate) async fn peers(call: Call) -> Response<HttpBody> {
    let peers = call.app.cluster.peers();
    let shown = peers.iter().map(|peer| Peer {
        name: &peer.name,
        addr: &peer.addr,
        is_self: peer.is_self,
        state: peer.state.as_str(),
    });
    web(&call, &shown.collect::<Vec<_>>())
}

/// Paths that belong to the API and lead nowhere, which the user interface must not answer.
pub(crate) async fn nothing(_: Call) -> Response<HttpBody> {
    answer::error(StatusCode::NOT_FOUND, "404 page not found")
}

/// JSON as the user interface's API sends it: Go guesses the type, and guesses text.
fn web(call: &Call, content: &impl Serialize) -> Response<HttpBody> {
    json(call, HeaderValue::from_static(TEXT), content)
}

pub(super) fn json(call: &Call, content_type: HeaderValue, content: &impl Serialize) -> Response<HttpBody> {
    match serde_json::to_vec(content) {
        Ok(content) => answer::document(call.request.headers(), content_type, content),
        Err(error) => answer::error(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
}

/// A component in Alloy's JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Component<'a> {
    name: &'a str,
    r#type: &'static str,
    #[serde(rename = "localID")]
    local_id: &'a str,
    #[serde(rename = "moduleID")]
    module_id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    label: &'a str,
    references_to: &'a [String],
    referenced_by: &'a [String],
    data_flow_edges_to: &'a [String],
    health: Health<'a>,
    original: &'static str,
    arguments: Box<RawValue>,
    exports: Box<RawValue>,
    debug_info: Box<RawValue>,
    #[serde(rename = "createdModuleIDs", skip_serializing_if = "<[String]>::is_empty")]
    created_module_ids: &'a [String],
    live_debugging_enabled: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Health<'a> {
    state: &'static str,
    message: &'a str,
    updated_time: String,
}

impl<'a> Component<'a> {
    fn new(info: &'a ComponentInfo, detail: bool) -> Self {
        let body = |text: Option<String>| {
            let text = text.filter(|_| detail).unwrap_or_else(|| "[]".to_owned());
            // The encoder writes JSON; were it not, the rest of the object is still worth showing.
            RawValue::from_string(text).unwrap_or_else(|_| RawValue::NULL.to_owned())
        };
        Component {
            name: &info.name,
            r#type: "block",
            local_id: &info.local_id,
            module_id: &info.module_id,
            label: &info.label,
            references_to: &info.references_to,
            referenced_by: &info.referenced_by,
            data_flow_edges_to: &info.data_flow_edges_to,
            health: Health {
                state: info.health.state.as_str(),
                message: &info.health.message,
                updated_time: gotime::format_rfc3339_nano(info.health.updated),
            },
            original: "",
            arguments: body(info.arguments.as_ref().map(value::body_json)),
            exports: body(info.exports.as_ref().map(value::body_json)),
            debug_info: body(info.debug_json()),
            created_module_ids: &info.created_module_ids,
            live_debugging_enabled: info.live_debugging_enabled,
        }
    }
}

#[derive(Serialize)]
struct Peer<'a> {
    name: &'a str,
    addr: &'a str,
    #[serde(rename = "isSelf")]
    is_self: bool,
    state: &'static str,
}
