//! The files that Amazon's tools share (<https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html>).

use std::collections::BTreeMap;

/// The settings of one profile by their names in lower case.
pub(crate) type Profile = BTreeMap<String, String>;

/// Profiles by name.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Profiles(BTreeMap<String, Profile>);

impl Profiles {
    /// Adds what the configuration file has: `[default]`, and `[profile NAME]`.
    pub(crate) fn add_config(&mut self, text: &str) {
        self.add(text, |section| match section.strip_prefix("profile") {
            Some(name) if name.starts_with([' ', '\t']) => Some(name.trim()),
            _ => Some(section).filter(|section| *section == "default"),
        });
    }

    /// Adds what the credentials file has: `[NAME]`. It wins over the configuration file.
    pub(crate) fn add_credentials(&mut self, text: &str) {
        self.add(text, |section| {
            Some(section).filter(|name| !name.starts_with("profile "))
        });
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Profile> {
        self.0.get(name)
    }

    fn add<'t>(&mut self, text: &'t str, name: impl Fn(&'t str) -> Option<&'t str>) {
        let mut section: Option<&'t str> = None;
        for line in text.lines() {
            // Indented lines are settings within a setting, such as those of S3.
            if line.trim().is_empty() || line.starts_with(['#', ';', ' ', '\t']) {
                continue;
            }
            if let Some(rest) = line.strip_prefix('[') {
                section = rest.split_once(']').and_then(|(inner, _)| name(inner.trim()));
                if let Some(name) = section {
                    self.0.entry(name.to_owned()).or_default();
                }
                continue;
            }
            if let (Some(section), Some((key, value))) = (section, line.split_once('=')) {
                let value = [" #", " ;", "\t#", "\t;"].iter().fold(value, |value, mark| {
                    value.split_once(mark).map_or(value, |(value, _)| value)
                });
                let profile = self.0.entry(section.to_owned()).or_default();
                profile.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_files_are_understood_and_credentials_win() {
        let mut profiles = Profiles::default();
        profiles.add_config(
            "# a comment\nregion = nowhere\n[default]\nRegion=eu-central-1 ; near\ns3 =\n  addressing_style = path\n\
             [profile  prod ]\nrole_arn = arn:aws:iam::1:role/x\naws_access_key_id = OLD\n[prod]\nregion = not-a-profile\n[sso-session s]\na = b\n",
        );
        profiles.add_credentials(
            "[prod]\naws_access_key_id = AK#ID\n[profile prod]\naws_access_key_id = no\n[broken\nx = y\n",
        );
        let get = |profile: &str, key: &str| {
            profiles
                .get(profile)
                .and_then(|profile| profile.get(key).map(String::as_str))
        };
        assert_eq!(get("default", "region"), Some("eu-central-1"));
        assert_eq!(get("default", "addressing_style"), None);
        assert_eq!(get("prod", "role_arn"), Some("arn:aws:iam::1:role/x"));
        assert_eq!(get("prod", "aws_access_key_id"), Some("AK#ID"));
        assert_eq!(get("prod", "region"), None);
        assert_eq!(profiles.0.len(), 2);
    }
}
