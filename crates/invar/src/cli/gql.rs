//! `invar gql`: its flags.

use clap::Args;

#[derive(Args)]
pub struct Gql {
    /// The query. Fields alone are a query, too: 'components { id }'. - reads it from standard input.
    #[arg(value_name = "QUERY", allow_hyphen_values = true)]
    pub query: String,
    /// Address of the HTTP server; a user and password before the host are sent as basic authentication.
    #[arg(long, default_value = "http://127.0.0.1:12345", value_name = "URL")]
    pub addr: String,
    /// URL of GraphQL, if it is not /graphql at the address: with a path prefix, for example.
    #[arg(long, value_name = "URL", conflicts_with = "addr")]
    pub endpoint: Option<String>,
}
