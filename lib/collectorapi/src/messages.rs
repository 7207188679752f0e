//! The messages. Field numbers are those of `collector.proto`.

use protowire::{Error, Field, Reader, push_bytes, push_message, push_uint};
use std::collections::BTreeMap;

/// `RegisterCollectorRequest`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registration {
    /// Id of the collector.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// What it says of itself, as servers of today read it.
    pub local_attributes: BTreeMap<String, String>,
    /// The same for servers that do not know `local_attributes`.
    pub attributes: BTreeMap<String, String>,
}

/// `GetConfigRequest`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigRequest {
    /// Id of the collector.
    pub id: String,
    /// What it says of itself.
    pub local_attributes: BTreeMap<String, String>,
    /// The same for servers that do not know `local_attributes`.
    pub attributes: BTreeMap<String, String>,
    /// Hash of the configuration that it was sent last, as the server named it; empty if there is none.
    pub hash: String,
    /// What became of the configuration; left out if that was said before.
    pub status: Option<ConfigStatus>,
    /// What runs; left out if that was said before.
    pub effective: Option<EffectiveConfig>,
}

/// `RemoteConfigStatus`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigStatus {
    /// What became of the configuration.
    pub state: ConfigState,
    /// Why, if it failed.
    pub error_message: String,
}

/// `RemoteConfigStatuses`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConfigState {
    /// There was none.
    #[default]
    Unset,
    /// It runs.
    Applied,
    /// It is being tried.
    Applying,
    /// It was refused.
    Failed,
}

impl ConfigState {
    /// Its name in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            ConfigState::Unset => "unset",
            ConfigState::Applied => "applied",
            ConfigState::Applying => "applying",
            ConfigState::Failed => "failed",
        }
    }

    fn number(self) -> u64 {
        match self {
            ConfigState::Unset => 0,
            ConfigState::Applied => 1,
            ConfigState::Applying => 2,
            ConfigState::Failed => 3,
        }
    }
}

/// `EffectiveConfig`: files by name, or one with an empty name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EffectiveConfig {
    /// The files: content and content type.
    pub files: BTreeMap<String, (Vec<u8>, String)>,
}

impl EffectiveConfig {
    /// One text without a name.
    pub fn of_text(text: &str) -> Self {
        let file = (text.as_bytes().to_vec(), "text/plain".to_owned());
        EffectiveConfig {
            files: [(String::new(), file)].into(),
        }
    }
}

/// `GetConfigResponse`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigAnswer {
    /// The whole configuration.
    pub content: String,
    /// Its hash, in whatever form the server likes.
    pub hash: String,
    /// Whether the hash of the request is that of the configuration, whose content is left out then.
    pub not_modified: bool,
}

impl Registration {
    /// The message as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        push_text(&mut out, 1, &self.id);
        push_map(&mut out, 2, &self.attributes);
        push_text(&mut out, 3, &self.name);
        push_map(&mut out, 4, &self.local_attributes);
        out
    }

    /// The message from bytes.
    ///
    /// # Errors
    /// If it is malformed.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let mut message = Registration::default();
        let mut reader = Reader::new(bytes);
        while let Some((number, field)) = reader.field()? {
            match (number, field) {
                (1, Field::Bytes(bytes, at)) => message.id = text(bytes, at)?,
                (2, Field::Bytes(_, entry)) => pair(entry, &mut message.attributes)?,
                (3, Field::Bytes(bytes, at)) => message.name = text(bytes, at)?,
                (4, Field::Bytes(_, entry)) => pair(entry, &mut message.local_attributes)?,
                _ => {}
            }
        }
        Ok(message)
    }
}

/// `UnregisterCollectorRequest`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Farewell {
    /// Id of the collector.
    pub id: String,
}

impl Farewell {
    /// The message as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        push_text(&mut out, 1, &self.id);
        out
    }

    /// The message from bytes.
    ///
    /// # Errors
    /// If it is malformed.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        // A registration that says nothing but the id.
        let Registration { id, .. } = Registration::decode(bytes)?;
        Ok(Farewell { id })
    }
}

impl ConfigRequest {
    /// The message as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        push_text(&mut out, 1, &self.id);
        push_map(&mut out, 2, &self.attributes);
        push_text(&mut out, 3, &self.hash);
        push_map(&mut out, 4, &self.local_attributes);
        if let Some(status) = &self.status {
            push_message(&mut out, 5, |out| {
                if status.state != ConfigState::Unset {
                    push_uint(out, 1, status.state.number());
                }
                push_text(out, 2, &status.error_message);
            });
        }
        if let Some(effective) = &self.effective {
            push_message(&mut out, 6, |out| {
                push_message(out, 1, |out| {
                    for (name, (body, content_type)) in &effective.files {
                        push_message(out, 1, |out| {
                            push_text(out, 1, name);
                            push_message(out, 2, |out| {
                                push_bytes(out, 1, body);
                                push_text(out, 2, content_type);
                            });
                        });
                    }
                });
            });
        }
        out
    }

    /// The message from bytes.
    ///
    /// # Errors
    /// If it is malformed.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let mut message = ConfigRequest::default();
        let mut reader = Reader::new(bytes);
        while let Some((number, field)) = reader.field()? {
            match (number, field) {
                (1, Field::Bytes(bytes, at)) => message.id = text(bytes, at)?,
                (2, Field::Bytes(_, entry)) => pair(entry, &mut message.attributes)?,
                (3, Field::Bytes(bytes, at)) => message.hash = text(bytes, at)?,
                (4, Field::Bytes(_, entry)) => pair(entry, &mut message.local_attributes)?,
                (5, Field::Bytes(_, inner)) => message.status = Some(status(inner)?),
                (6, Field::Bytes(_, inner)) => message.effective = Some(effective(inner)?),
                _ => {}
            }
        }
        Ok(message)
    }
}

impl ConfigAnswer {
    /// The message as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        push_text(&mut out, 1, &self.content);
        push_text(&mut out, 2, &self.hash);
        if self.not_modified {
            push_uint(&mut out, 3, 1);
        }
        out
    }

    /// The message from bytes.
    ///
    /// # Errors
    /// If it is malformed.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let mut message = ConfigAnswer::default();
        let mut reader = Reader::new(bytes);
        while let Some((number, field)) = reader.field()? {
            match (number, field) {
                (1, Field::Bytes(bytes, at)) => message.content = text(bytes, at)?,
                (2, Field::Bytes(bytes, at)) => message.hash = text(bytes, at)?,
                (3, Field::Varint(value)) => message.not_modified = value != 0,
                _ => {}
            }
        }
        Ok(message)
    }
}

fn push_text(out: &mut Vec<u8>, number: u64, text: &str) {
    if !text.is_empty() {
        push_bytes(out, number, text.as_bytes());
    }
}

fn push_map(out: &mut Vec<u8>, number: u64, map: &BTreeMap<String, String>) {
    for (key, value) in map {
        push_message(out, number, |out| {
            push_text(out, 1, key);
            push_text(out, 2, value);
        });
    }
}

fn text(bytes: &[u8], at: Reader<'_>) -> Result<String, Error> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(at.error("a text is not UTF-8")),
    }
}

fn pair(mut entry: Reader<'_>, map: &mut BTreeMap<String, String>) -> Result<(), Error> {
    let (mut key, mut value) = (String::new(), String::new());
    while let Some((number, field)) = entry.field()? {
        match (number, field) {
            (1, Field::Bytes(bytes, at)) => key = text(bytes, at)?,
            (2, Field::Bytes(bytes, at)) => value = text(bytes, at)?,
            _ => {}
        }
    }
    map.insert(key, value);
    Ok(())
}

fn status(mut reader: Reader<'_>) -> Result<ConfigStatus, Error> {
    let mut status = ConfigStatus::default();
    while let Some((number, field)) = reader.field()? {
        match (number, field) {
            (1, Field::Varint(value)) => {
                status.state = match value {
                    1 => ConfigState::Applied,
                    2 => ConfigState::Applying,
                    3 => ConfigState::Failed,
                    _ => ConfigState::Unset,
                }
            }
            (2, Field::Bytes(bytes, at)) => status.error_message = text(bytes, at)?,
            _ => {}
        }
    }
    Ok(status)
}

fn effective(mut reader: Reader<'_>) -> Result<EffectiveConfig, Error> {
    let mut effective = EffectiveConfig::default();
    while let Some((number, field)) = reader.field()? {
        let (1, Field::Bytes(_, mut files)) = (number, field) else {
            continue;
        };
        while let Some((number, field)) = files.field()? {
            let (1, Field::Bytes(_, mut entry)) = (number, field) else {
                continue;
            };
            let (mut name, mut file) = (String::new(), (Vec::new(), String::new()));
            while let Some((number, field)) = entry.field()? {
                match (number, field) {
                    (1, Field::Bytes(bytes, at)) => name = text(bytes, at)?,
                    (2, Field::Bytes(_, mut inner)) => {
                        while let Some((number, field)) = inner.field()? {
                            match (number, field) {
                                (1, Field::Bytes(bytes, _)) => file.0 = bytes.to_vec(),
                                (2, Field::Bytes(bytes, at)) => file.1 = text(bytes, at)?,
                                _ => {}
                            }
                        }
                    }
                    _ => {}
                }
            }
            effective.files.insert(name, file);
        }
    }
    Ok(effective)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes() -> BTreeMap<String, String> {
        [
            ("collector.os".to_owned(), "linux".to_owned()),
            ("a".to_owned(), String::new()),
        ]
        .into()
    }

    #[test]
    fn messages_round_trip() {
        let registration = Registration {
            id: "id".to_owned(),
            name: "näme".to_owned(),
            local_attributes: attributes(),
            attributes: attributes(),
        };
        assert_eq!(Registration::decode(&registration.encode()), Ok(registration.clone()));
        let request = ConfigRequest {
            id: "id".to_owned(),
            local_attributes: attributes(),
            attributes: BTreeMap::new(),
            hash: "h".to_owned(),
            status: Some(ConfigStatus {
                state: ConfigState::Failed,
                error_message: "x".repeat(300),
            }),
            effective: Some(EffectiveConfig::of_text(&"a.b \"c\" { }\n".repeat(50))),
        };
        assert_eq!(ConfigRequest::decode(&request.encode()), Ok(request.clone()));
        // That there was no configuration is said, too.
        let request = ConfigRequest {
            status: Some(ConfigStatus::default()),
            ..ConfigRequest::default()
        };
        assert_eq!(ConfigRequest::decode(&request.encode()), Ok(request.clone()));
        for not_modified in [false, true] {
            let answer = ConfigAnswer {
                content: "c".to_owned(),
                hash: "h".to_owned(),
                not_modified,
            };
            assert_eq!(ConfigAnswer::decode(&answer.encode()), Ok(answer.clone()));
        }
    }

    #[test]
    fn numbers_of_fields_are_those_of_the_protocol() {
        let request = ConfigRequest {
            id: "i".to_owned(),
            local_attributes: [("k".to_owned(), "v".to_owned())].into(),
            hash: "h".to_owned(),
            status: Some(ConfigStatus {
                state: ConfigState::Applied,
                error_message: String::new(),
            }),
            effective: Some(EffectiveConfig::of_text("b")),
            ..ConfigRequest::default()
        };
        let mut expected = vec![0x0a, 1, b'i', 0x1a, 1, b'h', 0x22, 6, 0x0a, 1, b'k', 0x12, 1, b'v'];
        expected.extend([0x2a, 2, 0x08, 1]);
        // config_map, its one entry without a key, body and content_type.
        expected.extend([0x32, 21, 0x0a, 19, 0x0a, 17, 0x12, 15, 0x0a, 1, b'b', 0x12, 10]);
        expected.extend(b"text/plain");
        assert_eq!(request.encode(), expected);
        let farewell = Farewell { id: "i".to_owned() };
        assert_eq!(farewell.encode(), [0x0a, 1, b'i']);
        assert_eq!(Farewell::decode(&farewell.encode()), Ok(farewell));
    }

    #[test]
    fn malformed_messages_are_errors_and_unknown_fields_are_none() {
        assert!(ConfigAnswer::decode(&[0x0a, 2, b'x']).is_err());
        assert!(ConfigAnswer::decode(&[0x0a, 1, 0xff]).is_err());
        let mut bytes = Vec::new();
        push_uint(&mut bytes, 99, 1);
        push_text(&mut bytes, 2, "h");
        assert_eq!(ConfigAnswer::decode(&bytes).unwrap().hash, "h");
    }
}
