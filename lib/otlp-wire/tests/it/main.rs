//! Everything against a generated decoder, on random requests and on bytes of any kind.

mod edit;
mod generate;
mod json;
mod model;
mod mutate;
mod oracle;
mod requests;
mod response;
mod robust;

use otlp_wire::Signal;

const SIGNALS: [Signal; 3] = Signal::ALL;
