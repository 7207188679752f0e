//! `remote.kubernetes.*`: the data of one object of a Kubernetes cluster.

pub(crate) mod configmap;
pub(crate) mod secret;

use crate::poll::{Remote, check_durations};
use ::kubernetes::{Access, ClientArguments, connect, kube};
use component::prelude::*;
use host::Host;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::time::Duration;
use tokio::sync::OnceCell;
use value::{GoDuration, OptionalSecret};

/// What both take.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = validate)]
pub struct Common {
    /// Namespace of the object.
    #[arg]
    pub namespace: String,
    /// Name of the object.
    #[arg]
    pub name: String,
    /// How often to ask.
    #[arg(default = GoDuration::minutes(1))]
    pub poll_frequency: GoDuration,
    /// How long an answer may take.
    #[arg(default = GoDuration::seconds(15))]
    pub poll_timeout: GoDuration,
    /// How to reach the API server.
    #[arg(block)]
    pub client: Option<ClientArguments>,
}

/// What others may refer to.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Exports {
    /// The values of the object by their keys.
    #[arg]
    pub data: BTreeMap<String, OptionalSecret>,
}

fn validate(args: &Common) -> Result<(), value::Invalid> {
    component::first(problems(args))
}

fn problems(args: &Common) -> Vec<Error> {
    let names = [("namespace", &args.namespace), ("name", &args.name)];
    // They become parts of a path.
    let wrong = names.into_iter().filter(|(_, value)| {
        !value
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'))
    });
    let wrong = wrong.map(|(name, _)| Error::about(name, "is no name of Kubernetes: letters, digits, \"-\" and \".\""));
    check_durations(args.poll_frequency, args.poll_timeout)
        .into_iter()
        .chain(wrong)
        .collect()
}

/// A kind of object with data.
pub trait Object: Send + Sync + 'static {
    /// What its block takes.
    type Arguments: Block + Clone + Send + Into<Common>;
    /// How the server sends it.
    type Wire: DeserializeOwned + Send;
    /// As the path names it.
    const PLURAL: &'static str;
    /// What health says after it was got.
    const GOT: &'static str;

    /// What both kinds take.
    fn common(args: &Self::Arguments) -> &Common;

    /// The values.
    fn data(wire: Self::Wire) -> Result<BTreeMap<String, OptionalSecret>, String>;
}

/// Asks for an object.
pub struct Get<O> {
    host: Host,
    access: Access,
    args: Common,
    client: OnceCell<kube::Client>,
    object: PhantomData<O>,
}

impl<O: Object> Remote for Get<O> {
    type Arguments = O::Arguments;
    type Exports = Exports;
    const GOT: &'static str = O::GOT;

    fn new(host: &Host, args: O::Arguments) -> Result<Self> {
        let args: Common = args.into();
        let client = args.client.clone().unwrap_or_default();
        Ok(Get {
            host: host.clone(),
            access: client.access(&*host.fs)?,
            args,
            client: OnceCell::new(),
            object: PhantomData,
        })
    }

    fn frequency(&self) -> Duration {
        self.args.poll_frequency.as_std()
    }

    async fn get(&self) -> Result<Exports, String> {
        let Common { namespace, name, .. } = &self.args;
        let ask = async {
            let client = self
                .client
                .get_or_try_init(|| connect(&self.access, &self.host))
                .await?;
            let path = format!("/api/v1/namespaces/{namespace}/{}/{name}", O::PLURAL);
            O::data(::kubernetes::get(client, &path).await?)
        };
        let found = match tokio::time::timeout(self.args.poll_timeout.as_std(), ask).await {
            Ok(found) => found,
            Err(_) => Err("no answer in time (\"poll_timeout\")".to_owned()),
        };
        let data = found.map_err(|error| {
            format!(
                "cannot get {name:?} of the {} in namespace {namespace:?}: {error}",
                O::PLURAL
            )
        })?;
        Ok(Exports { data })
    }

    fn check(args: &O::Arguments) -> Vec<Error> {
        let args = O::common(args);
        let client = args.client.iter().flat_map(ClientArguments::problems);
        problems(args)
            .into_iter()
            .chain(client.map(|error| error.inside("client", 0)))
            .collect()
    }
}

/// The part of an object that is read; `null` is no data.
#[derive(Deserialize)]
pub struct Wire {
    #[serde(default)]
    data: Option<BTreeMap<String, String>>,
}
