//! `remote.kubernetes.secret`

use super::{Common, Get, Object, Wire};
use crate::poll::Polled;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use component::prelude::*;
use std::collections::BTreeMap;
use value::OptionalSecret;

/// The component around it.
type RemoteSecret = Polled<Get<Secret>>;

/// The component.
pub const COMPONENT: Registration =
    Registration::of::<RemoteSecret>("remote.kubernetes.secret", Stability::GenerallyAvailable);

/// Exposes the data of a Secret of Kubernetes to other components, as secrets.
///
/// It is asked for again and again, and exported again when it changes. While that fails, the last data stay and the component is unhealthy. The
/// first time must not fail, or the component is not built.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = validate)]
pub struct Arguments {
    #[arg(flatten)]
    /// What it takes.
    pub common: Common,
}

fn validate(args: &Arguments) -> Result<(), value::Invalid> {
    super::validate(&args.common)
}

impl From<Arguments> for Common {
    fn from(args: Arguments) -> Common {
        args.common
    }
}

/// Secrets.
pub struct Secret;

impl Object for Secret {
    type Arguments = Arguments;
    type Wire = Wire;
    const PLURAL: &'static str = "secrets";
    const GOT: &'static str = "got secret";

    fn common(args: &Arguments) -> &Common {
        &args.common
    }

    fn data(wire: Wire) -> Result<BTreeMap<String, OptionalSecret>, String> {
        let one = |(key, value): (String, String)| match STANDARD.decode(value) {
            Ok(value) => Ok((key, OptionalSecret::new(true, value))),
            Err(_) => Err(format!("the value of {key:?} is no base64")),
        };
        wire.data.unwrap_or_default().into_iter().map(one).collect()
    }
}
