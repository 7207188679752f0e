//! The value type.

use crate::capsule::Capsule;
use crate::error::ValueError;
use crate::number::Number;
use crate::object::Object;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// A string of the language: bytes, since escapes and base64 make strings that are not UTF-8. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Str(Arc<[u8]>);

impl Str {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text; bytes that are not UTF-8 become U+FFFD.
    pub fn to_str_lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }
}

impl<T: AsRef<[u8]>> From<T> for Str {
    fn from(bytes: T) -> Self {
        Str(Arc::from(bytes.as_ref()))
    }
}

impl fmt::Debug for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_str_lossy(), f)
    }
}

type HostFn = dyn Fn(&[Value]) -> Result<Value, ValueError> + Send + Sync;

/// A function of the host.
#[derive(Clone)]
pub struct Function {
    /// Its name, for messages.
    pub name: Arc<str>,
    /// Least number of arguments.
    pub min_args: usize,
    /// Whether more are allowed.
    pub variadic: bool,
    call: Arc<HostFn>,
}

impl Function {
    /// A function of exactly `args` arguments, or at least that many if `variadic`.
    pub fn new(
        name: &str,
        args: usize,
        variadic: bool,
        call: impl Fn(&[Value]) -> Result<Value, ValueError> + Send + Sync + 'static,
    ) -> Self {
        Function {
            name: Arc::from(name),
            min_args: args,
            variadic,
            call: Arc::new(call),
        }
    }

    /// Calls it. The number of arguments was checked by the caller.
    pub fn call(&self, args: &[Value]) -> Result<Value, ValueError> {
        (self.call)(args)
    }
}

/// A value of the language. Cheap to clone.
#[derive(Clone, Default)]
pub enum Value {
    /// `null`
    #[default]
    Null,
    /// A number.
    Number(Number),
    /// A string.
    String(Str),
    /// A bool.
    Bool(bool),
    /// A list.
    Array(Arc<Vec<Value>>),
    /// A list of bytes, which unlike other lists converts to a string; what decoding base64 gives.
    Bytes(Str),
    /// A set of named values.
    Object(Arc<Object>),
    /// A function.
    Function(Function),
    /// An opaque value of the host.
    Capsule(Capsule),
}

impl Value {
    /// Name of its kind, as messages have it.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Bool(_) => "bool",
            Value::Array(_) | Value::Bytes(_) => "array",
            Value::Object(_) => "object",
            Value::Function(_) => "function",
            Value::Capsule(_) => "capsule",
        }
    }

    /// A list.
    pub fn array(items: Vec<Value>) -> Self {
        Value::Array(Arc::new(items))
    }

    /// An object.
    pub fn object(object: Object) -> Self {
        Value::Object(Arc::new(object))
    }

    /// The elements of a list; `None` for other kinds.
    pub fn items(&self) -> Option<Cow<'_, [Value]>> {
        match self {
            Value::Array(items) => Some(Cow::Borrowed(items)),
            Value::Bytes(bytes) => {
                let number = |byte: &u8| Value::Number(Number::Uint(u64::from(*byte)));
                Some(Cow::Owned(bytes.as_bytes().iter().map(number).collect()))
            }
            _ => None,
        }
    }

    /// The fields of an object, or of a capsule that can be used as one; `None` for everything else.
    pub fn fields(&self) -> Option<Arc<Object>> {
        match self {
            Value::Object(object) => Some(object.clone()),
            Value::Capsule(capsule) => capsule.as_object().map(Arc::new),
            _ => None,
        }
    }

    /// Whether nothing that uses it could tell it from the other. Stricter than the language's `==`: numbers of different
    /// representations differ, as do a list of bytes and another list. Functions are the same if they are one; capsules
    /// decide themselves.
    pub fn same(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Number(a), Value::Number(b)) => a.same(*b),
            (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| a.same(b)),
            (Value::Array(_), Value::Bytes(_)) | (Value::Bytes(_), Value::Array(_)) => false,
            (Value::Object(a), Value::Object(b)) => a.same(b),
            (Value::Object(_), Value::Capsule(_)) | (Value::Capsule(_), Value::Object(_)) => false,
            (Value::Function(a), Value::Function(b)) => Arc::ptr_eq(&a.call, &b.call),
            _ => self == other,
        }
    }

    /// A signed integer.
    pub fn int(n: i64) -> Self {
        Value::Number(Number::Int(n))
    }

    /// A string.
    pub fn string(text: impl AsRef<[u8]>) -> Self {
        Value::String(Str::from(text))
    }
}

/// Values of different kinds differ; numbers compare after promotion; functions equal nothing; capsules decide themselves. A capsule
/// that can be used as an object equals the object that it is used as.
impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Number(a), Value::Number(b)) => a == b,
            (Value::String(a), Value::String(b)) => a == b,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Array(a), Value::Array(b)) => a == b,
            (Value::Bytes(a), Value::Bytes(b)) => a == b,
            (Value::Array(_), Value::Bytes(_)) | (Value::Bytes(_), Value::Array(_)) => self.items() == other.items(),
            (Value::Object(a), Value::Object(b)) => a == b,
            (Value::Capsule(a), Value::Capsule(b)) => a == b,
            (Value::Capsule(a), Value::Object(b)) | (Value::Object(b), Value::Capsule(a)) => {
                a.as_object().is_some_and(|a| a == **b)
            }
            _ => false,
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::text::to_text(self))
    }
}
