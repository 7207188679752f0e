//! Opaque values of the host.

use crate::object::Object;
use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// What a type must tell to travel through the language as a value.
pub trait CapsuleValue: Any + Send + Sync {
    /// Name of the type in messages.
    fn type_name(&self) -> &str;
    /// Whether it equals another capsule.
    fn equals(&self, other: &dyn CapsuleValue) -> bool;
    /// Its fields, if it can be used as an object.
    fn as_object(&self) -> Option<Object> {
        None
    }
    /// Its text in the language, if it has one.
    fn text(&self) -> Option<String> {
        None
    }
}

/// A shared capsule.
#[derive(Clone)]
pub struct Capsule(Arc<dyn CapsuleValue>);

impl Capsule {
    /// Wraps a host value.
    pub fn new(value: impl CapsuleValue) -> Self {
        Capsule(Arc::new(value))
    }

    /// The host value, if it is of this type.
    pub fn downcast_ref<T: 'static>(&self) -> Option<&T> {
        (&*self.0 as &dyn Any).downcast_ref()
    }

    /// Name of the type.
    pub fn type_name(&self) -> &str {
        self.0.type_name()
    }

    /// See [`CapsuleValue::as_object`].
    pub fn as_object(&self) -> Option<Object> {
        self.0.as_object()
    }

    /// See [`CapsuleValue::text`].
    pub fn text(&self) -> Option<String> {
        self.0.text()
    }
}

impl PartialEq for Capsule {
    fn eq(&self, other: &Capsule) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.equals(&*other.0)
    }
}

impl fmt::Debug for Capsule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "capsule({:?})", self.type_name())
    }
}
