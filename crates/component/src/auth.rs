//! Authentication as a value of the configuration language: what `otelcol.auth.*` export and clients and servers use.

use futures_util::future::BoxFuture;
use std::fmt;
use std::sync::Arc;
use value::{Capsule, CapsuleValue, FromValue, Type, Value, ValueError};

/// Adds credentials to requests.
pub trait ClientAuth: Send + Sync + 'static {
    /// Which metadata of the requests that telemetry came with [`headers`](ClientAuth::headers) wants to know: names in lower case, each once. A client
    /// keeps telemetry apart in which it differs.
    fn context_keys(&self) -> &[String] {
        &[]
    }

    /// Headers, or metadata of a call, for the next request: names in lower case. `context` is what is known of the
    /// [`context_keys`](ClientAuth::context_keys) for its telemetry; its values may be secret.
    ///
    /// # Errors
    /// Why there are no credentials, without secrets.
    fn headers<'a>(&'a self, context: &'a [(String, String)]) -> BoxFuture<'a, Result<Vec<(String, String)>, String>>;
}

/// Checks credentials of requests, in constant time.
pub trait ServerAuth: Send + Sync + 'static {
    /// Whether a request with these headers, or metadata of a call, may pass. `header` gives the value of a header by its name in lower case.
    ///
    /// # Errors
    /// Why it may not, without secrets.
    fn check(&self, header: &dyn Fn(&str) -> Option<String>) -> Result<(), String>;
}

/// What an `otelcol.auth.*` component offers.
#[derive(Clone)]
pub struct Auth {
    /// Id of the component.
    pub owner: Arc<str>,
    /// For clients; none if it is not for them.
    pub client: Option<Arc<dyn ClientAuth>>,
    /// For servers; none if it is not for them.
    pub server: Option<Arc<dyn ServerAuth>>,
}

/// An authentication, as `otelcol.auth.*` export it and `auth` takes it. Nil until its component was built.
#[derive(Clone, Default)]
pub struct AuthHandler(pub Option<Auth>);

const TYPE_NAME: &str = "otelcol.Handler";

impl PartialEq for AuthHandler {
    fn eq(&self, other: &AuthHandler) -> bool {
        let same = |a: &Auth, b: &Auth| {
            let client = match (&a.client, &b.client) {
                (Some(a), Some(b)) => Arc::ptr_eq(a, b),
                (None, None) => true,
                _ => false,
            };
            let server = match (&a.server, &b.server) {
                (Some(a), Some(b)) => Arc::ptr_eq(a, b),
                (None, None) => true,
                _ => false,
            };
            client && server
        };
        match (&self.0, &other.0) {
            (Some(a), Some(b)) => same(a, b),
            (None, None) => true,
            _ => false,
        }
    }
}

impl fmt::Debug for AuthHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(auth) => write!(f, "AuthHandler({})", auth.owner),
            None => f.write_str("AuthHandler(nil)"),
        }
    }
}

impl CapsuleValue for AuthHandler {
    fn type_name(&self) -> &str {
        TYPE_NAME
    }

    fn equals(&self, other: &dyn CapsuleValue) -> bool {
        (other as &dyn std::any::Any).downcast_ref::<AuthHandler>() == Some(self)
    }
}

impl FromValue for AuthHandler {
    fn ty() -> Type {
        Type::Capsule(TYPE_NAME)
    }

    fn zero() -> Self {
        AuthHandler(None)
    }

    fn from_value(value: &Value) -> Result<Self, ValueError> {
        match value {
            Value::Null => Ok(AuthHandler(None)),
            Value::Capsule(capsule) => capsule
                .downcast_ref::<AuthHandler>()
                .cloned()
                .ok_or_else(|| ValueError::wrong_capsule(TYPE_NAME, capsule.type_name())),
            other => Err(ValueError::wrong_kind("capsule", other)),
        }
    }

    fn to_value(&self) -> Value {
        Value::Capsule(Capsule::new(self.clone()))
    }
}
