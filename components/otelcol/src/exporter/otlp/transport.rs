//! One request as a call.

use super::args::{Arguments, Server, server};
use super::status::outcome;
use crate::export::{Compression, Context, Packed, context_keys};
use bytes::{BufMut, BytesMut};
use component::{BoxFuture, ClientAuth, Error, Result};
use delivery::{Body, Outcome, Transport, Verdict, credentials};
use host::Host;
use net::{Channel, ChannelConfig, HeaderMap, HeaderName, HeaderValue, PathAndQuery};
use std::sync::Arc;
use std::time::Duration;

/// Bytes of an answer that are read.
const ANSWER: usize = 64 << 10;
const USER_AGENT: &str = concat!("Invar/", env!("CARGO_PKG_VERSION"));
/// What `ping_response_timeout` is if it is not set.
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// The least that gRPC makes of `ping_wait`.
const LEAST_PING: Duration = Duration::from_secs(10);

/// The way to one endpoint.
pub(super) struct GrpcEndpoint {
    channel: Channel,
    headers: HeaderMap,
    auth: Option<Arc<dyn ClientAuth>>,
    /// Whether who the records came from has a part in the credentials.
    by_client: bool,
    timeout: Option<Duration>,
}

impl GrpcEndpoint {
    pub(super) fn new(args: &Arguments, host: &Host) -> Result<GrpcEndpoint> {
        let client = &args.client;
        let Server {
            host: name,
            port,
            plain,
        } = server(&client.endpoint).map_err(|message| Error::about("endpoint", message))?;
        let keepalive = client.keepalive.as_ref();
        let set = |time: value::GoDuration| Some(time.as_std()).filter(|time| !time.is_zero());
        let config = ChannelConfig {
            host: name,
            port,
            authority: client.authority.clone(),
            tls: (!plain.unwrap_or(client.tls.insecure)).then(|| (client.tls.config(), client.tls.extras())),
            spread: client.balancer_name == "round_robin",
            ping_every: keepalive
                .and_then(|keepalive| set(keepalive.ping_wait))
                .map(|time| time.max(LEAST_PING)),
            ping_timeout: keepalive
                .and_then(|keepalive| set(keepalive.ping_response_timeout))
                .unwrap_or(PING_TIMEOUT),
            ping_idle: keepalive.is_some_and(|keepalive| keepalive.ping_without_stream),
        };
        let channel = Channel::new(config, host.fs.clone())
            .map_err(|error| Error::caused(format!("endpoint {:?}", client.title()), error))?;
        let mut headers = HeaderMap::new();
        for (name, value) in &client.headers {
            let key = HeaderName::from_bytes(name.as_bytes())
                .map_err(|error| Error::caused(format!("header {name:?}"), error))?;
            let mut value =
                HeaderValue::from_str(value).map_err(|error| Error::caused(format!("header {name:?}"), error))?;
            value.set_sensitive(true);
            headers.insert(key, value);
        }
        Ok(GrpcEndpoint {
            channel,
            headers,
            by_client: !context_keys(&client.auth).is_empty(),
            auth: client.auth.0.as_ref().and_then(|auth| auth.client.clone()),
            timeout: set(args.timeout),
        })
    }

    async fn attempt(&self, tenant: &str, body: Body) -> Outcome {
        let unreachable = |message: String| Outcome {
            status: None,
            message,
            verdict: Verdict::Later(None),
        };
        let context = match Context::of(tenant) {
            Ok(context) => context,
            Err(outcome) => return outcome,
        };
        let packed = Packed::open(body);
        let mut headers = self.headers.clone();
        if let Some(auth) = &self.auth {
            match credentials(&**auth, &context.metadata).await {
                Ok(more) => headers.extend(more),
                Err(error) => return unreachable(format!("cannot be asked without credentials: {error}")),
            }
        }
        let fixed = [
            ("content-type", "application/grpc"),
            ("te", "trailers"),
            ("user-agent", USER_AGENT),
        ];
        for (name, value) in fixed {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let coding = packed.compression.name();
        if !coding.is_empty() {
            headers.insert("grpc-encoding", HeaderValue::from_static(coding));
        }
        if let Some(timeout) = self.timeout {
            // At most eight digits.
            let millis = timeout.as_millis().min(99_999_999) as u64;
            if let Ok(value) = HeaderValue::from_str(&format!("{millis}m")) {
                headers.insert("grpc-timeout", value);
            }
        }
        let Ok(length) = u32::try_from(packed.content.len()) else {
            return Outcome {
                status: None,
                message: "cannot be sent more than 4 GiB at a time".to_owned(),
                verdict: Verdict::Refused { too_large: true },
            };
        };
        let mut prefix = BytesMut::with_capacity(5);
        prefix.put_u8(u8::from(packed.compression != Compression::None));
        prefix.put_u32(length);
        let path = PathAndQuery::from_static(context.signal.grpc_path());
        let mut message = Body::from(prefix.freeze());
        packed.content.pieces().for_each(|piece| message.push(piece.clone()));
        let call = self.channel.call(path, headers, message, ANSWER);
        let reply = match self.timeout {
            Some(timeout) => match tokio::time::timeout(timeout, call).await {
                Ok(reply) => reply,
                Err(_) => return unreachable("cannot be reached: no answer in time".to_owned()),
            },
            None => call.await,
        };
        match reply {
            Ok(reply) => outcome(&reply, self.by_client),
            Err(error) => unreachable(format!("cannot be reached: {error}")),
        }
    }
}

impl Transport for GrpcEndpoint {
    fn push<'a>(&'a self, tenant: &'a str, body: Body) -> BoxFuture<'a, Outcome> {
        Box::pin(self.attempt(tenant, body))
    }
}
