//! The `remotecfg` block.

use net::{HttpClientConfig, Url};
use std::collections::BTreeMap;
use value::{Block, GoDuration, Invalid};

/// Attributes whose names start with this and a dot are the collector's own.
const RESERVED: &str = "collector";
/// Servers are asked no more often than this.
const LEAST_FREQUENCY: GoDuration = GoDuration::seconds(10);

/// A server that configuration is fetched from, which runs beside that of the file or folder. Nothing is fetched without `url`.
///
/// What was fetched last is kept below `storage.path` and used while the server does not answer. A configuration that cannot be loaded leaves
/// the one before it running, and so does one whose components become unhealthy within `--remotecfg.grace-period`.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = validate)]
pub struct RemotecfgArgs {
    /// URL of the service that is asked.
    #[arg(default)]
    pub url: String,
    /// Id of this collector. Without it, one that is made once and kept below `storage.path`.
    #[arg(default)]
    pub id: String,
    /// Name of this collector for people.
    #[arg(default)]
    pub name: String,
    /// What the server is told of this collector. Names that start with `collector.` are reserved: `collector.version` and `collector.os` are
    /// always there.
    #[arg(default)]
    pub attributes: BTreeMap<String, String>,
    /// How often to ask; at least `10s`.
    #[arg(default = GoDuration::minutes(1))]
    pub poll_frequency: GoDuration,
    #[arg(flatten)]
    /// How requests are made.
    pub client: HttpClientConfig,
}

fn validate(args: &RemotecfgArgs) -> Result<(), Invalid> {
    if args.poll_frequency < LEAST_FREQUENCY {
        let got = gotime::format_duration(args.poll_frequency.0);
        let message = format!("poll_frequency must be at least \"10s\", got \"{got}\"");
        return Err(message.into());
    }
    let reserved = |name: &String| name.strip_prefix(RESERVED).is_some_and(|rest| rest.starts_with('.'));
    if args.attributes.keys().any(reserved) {
        let message = format!("\"{RESERVED}\" is a reserved namespace for remotecfg attribute keys");
        return Err(Invalid::argument("attributes", message));
    }
    args.client.validate()?;
    if !args.url.is_empty() {
        parse_url(&args.url).map_err(|message| Invalid::argument("url", message))?;
    }
    Ok(())
}

/// The URL of a service, without a slash at the end of its path.
pub(crate) fn parse_url(text: &str) -> Result<Url, String> {
    let mut url = Url::parse(text).map_err(|error| format!("is no URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("must have the scheme http or https".to_owned());
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

/// A URL as it is shown: without credentials, and without what follows its path.
pub(crate) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // Fails only for URLs that have no host, and those have no credentials.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.as_str().trim_end_matches('/').to_owned()
}

/// What the server is told: the arguments' attributes and the collector's own.
pub(crate) fn attributes(args: &RemotecfgArgs, version: &str) -> BTreeMap<String, String> {
    let os = match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    };
    let own = [("version", version), ("os", os)];
    let own = own.map(|(name, value)| (format!("{RESERVED}.{name}"), value.to_owned()));
    args.attributes.clone().into_iter().chain(own).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use value::{Body, Item, Place, Value};

    fn decode(attributes: &[(&str, Value)]) -> Result<RemotecfgArgs, String> {
        let items = attributes.iter().map(|(name, value)| Item::Attr {
            name: (*name).to_owned(),
            value: Ok(Some(value.clone())),
            place: Place(0),
        });
        let body = Body {
            label: String::new(),
            items: items.collect(),
        };
        value::decode(&body).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_wrong_is_said_as_upstream_says_it() {
        let args = decode(&[]).unwrap();
        assert_eq!((args.url.as_str(), args.poll_frequency), ("", GoDuration::minutes(1)));
        let frequency = decode(&[("poll_frequency", Value::string("9s"))]).unwrap_err();
        assert!(
            frequency.contains("poll_frequency must be at least \"10s\", got \"9s\""),
            "{frequency}"
        );
        let attributes = |name: &str| {
            let object = [(name, Value::string("x"))].into_iter().collect();
            decode(&[("attributes", Value::object(object))])
        };
        let reserved = attributes("collector.version").unwrap_err();
        assert!(reserved.contains("\"collector\" is a reserved namespace"), "{reserved}");
        assert!(attributes("collectors").is_ok());
        assert!(decode(&[("url", Value::string("ftp://h"))]).is_err());
    }

    #[test]
    fn credentials_in_a_url_are_not_shown() {
        let url = parse_url("https://u:p@h:1/a/b/?x=y#z").unwrap();
        assert_eq!(shown(&url), "https://h:1/a/b");
        assert_eq!(shown(&parse_url("http://h/").unwrap()), "http://h");
    }
}
