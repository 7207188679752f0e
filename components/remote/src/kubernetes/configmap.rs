//! `remote.kubernetes.configmap`

use super::{Common, Get, Object, Wire};
use crate::poll::Polled;
use component::prelude::*;
use std::collections::BTreeMap;
use value::OptionalSecret;

/// The component around it.
type RemoteConfigMap = Polled<Get<ConfigMap>>;

/// The component.
pub const COMPONENT: Registration =
    Registration::of::<RemoteConfigMap>("remote.kubernetes.configmap", Stability::GenerallyAvailable);

/// Exposes the data of a ConfigMap of Kubernetes to other components.
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

/// ConfigMaps.
pub struct ConfigMap;

impl Object for ConfigMap {
    type Arguments = Arguments;
    type Wire = Wire;
    const PLURAL: &'static str = "configmaps";
    const GOT: &'static str = "got configmap";

    fn common(args: &Arguments) -> &Common {
        &args.common
    }

    fn data(wire: Wire) -> Result<BTreeMap<String, OptionalSecret>, String> {
        let data = wire.data.unwrap_or_default().into_iter();
        Ok(data
            .map(|(key, value)| (key, OptionalSecret::new(false, value)))
            .collect())
    }
}
