//! Where keys come from, as far as configuration, environment and files say.
//!
//! The order is that of Amazon's SDK for Go: keys of the configuration; if it names no profile, keys and then a web identity of the
//! environment; then the profile, with the roles and profiles that it leads to; at last the container's service and the
//! machine's.

use super::AwsConfig;
use super::profiles::{Profile, Profiles};
use host::{Env, Fs};
use sigv4::Credentials;
use std::path::Path;

/// Where keys come from, and what becomes of them.
#[derive(Debug, PartialEq)]
pub(crate) struct Plan {
    pub(crate) source: Source,
    /// Roles to assume, one with the keys of the one before it.
    pub(crate) roles: Vec<Role>,
    pub(crate) region: Option<String>,
    /// What has no keys, for an error.
    pub(crate) tried: Vec<String>,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Source {
    Keys(Credentials),
    WebIdentity(WebIdentity),
    /// A command that prints keys.
    Process(String),
    /// The service that `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI` or `…_FULL_URI` names.
    Container,
    /// The metadata service of a virtual machine.
    Instance,
}

/// A token in a file that a role is assumed with.
#[derive(Debug, PartialEq)]
pub(crate) struct WebIdentity {
    pub(crate) file: String,
    pub(crate) role: Role,
}

/// A role to assume. What is empty is not sent.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Role {
    pub(crate) arn: String,
    pub(crate) external_id: String,
    pub(crate) session: String,
    /// Seconds that the session lasts; empty for the usual 15 minutes.
    pub(crate) seconds: String,
}

/// Makes the plan.
///
/// # Errors
/// What is needed is not there or not supported, in words.
pub(crate) fn plan(config: &AwsConfig, env: &dyn Env, fs: &dyn Fs) -> Result<Plan, String> {
    let var = |names: [&str; 2]| names.into_iter().find_map(|name| env.var(name));
    let files = match Files::read(env, fs) {
        // Who has keys already needs no files, but for a region that they may have.
        Err(_) if !config.access_key.is_empty() => Files::default(),
        files => files?,
    };
    let named = Some(config.profile.clone()).filter(|name| !name.is_empty());
    let wanted = named.clone().or_else(|| var(["AWS_PROFILE", "AWS_DEFAULT_PROFILE"]));
    let name = wanted.clone().unwrap_or_else(|| "default".to_owned());
    let profile = files.profiles.get(&name);
    if profile.is_none() && wanted.is_some() {
        return Err(format!("there is no profile {name:?} in {}", files.names));
    }

    let mut roles = Vec::new();
    let mut tried = Vec::new();
    let keys = match (
        var(["AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY"]),
        var(["AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY"]),
    ) {
        (Some(access_key), Some(secret_key)) => Some(Credentials {
            access_key,
            secret_key,
            session_token: env.var("AWS_SESSION_TOKEN").unwrap_or_default(),
        }),
        _ => None,
    };
    let source = if !config.access_key.is_empty() {
        Source::Keys(Credentials {
            access_key: config.access_key.clone(),
            secret_key: config.secret_key.expose_str(),
            session_token: String::new(),
        })
    } else if let (None, Some(keys)) = (&named, &keys) {
        Source::Keys(keys.clone())
    } else if let (None, Some(file)) = (&named, env.var("AWS_WEB_IDENTITY_TOKEN_FILE")) {
        let arn = env.var("AWS_ROLE_ARN");
        Source::WebIdentity(WebIdentity {
            file,
            role: Role {
                arn: arn.ok_or("AWS_WEB_IDENTITY_TOKEN_FILE is set and AWS_ROLE_ARN is not")?,
                session: env.var("AWS_ROLE_SESSION_NAME").unwrap_or_default(),
                ..Role::default()
            },
        })
    } else {
        if named.is_none() {
            tried.push("AWS_ACCESS_KEY_ID and AWS_WEB_IDENTITY_TOKEN_FILE are not set".to_owned());
        }
        let mut way = Way {
            files: &files,
            env_keys: keys,
            env,
            seen: Vec::new(),
        };
        match way.follow(&name, &mut roles)? {
            Some(source) => source,
            None => {
                tried.push(format!("profile {name:?} in {} has no keys", files.names));
                machine(env, &mut tried)?
            }
        }
    };
    if !config.role_arn.is_empty() {
        roles.push(Role {
            arn: config.role_arn.clone(),
            external_id: config.external_id.clone(),
            ..Role::default()
        });
    }
    let region = Some(config.region.clone())
        .filter(|region| !region.is_empty())
        .or_else(|| var(["AWS_REGION", "AWS_DEFAULT_REGION"]))
        .or_else(|| profile.and_then(|profile| setting(profile, "region")));
    Ok(Plan {
        source,
        roles,
        region,
        tried,
    })
}

fn setting(profile: &Profile, name: &str) -> Option<String> {
    profile.get(name).filter(|value| !value.is_empty()).cloned()
}

/// The service of the container or of the machine.
fn machine(env: &dyn Env, tried: &mut Vec<String>) -> Result<Source, String> {
    let variables = [
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    ];
    if variables.into_iter().any(|name| env.var(name).is_some()) {
        return Ok(Source::Container);
    }
    tried.push(format!("{} and …_FULL_URI are not set", variables[0]));
    let off = env.var("AWS_EC2_METADATA_DISABLED");
    if off.is_some_and(|off| off.eq_ignore_ascii_case("true")) {
        tried.push("AWS_EC2_METADATA_DISABLED forbids to ask the machine's metadata service".to_owned());
        return Err(tried.join("; "));
    }
    Ok(Source::Instance)
}

/// The shared files.
#[derive(Default)]
struct Files {
    profiles: Profiles,
    /// Their names, for errors.
    names: String,
}

impl Files {
    fn read(env: &dyn Env, fs: &dyn Fs) -> Result<Files, String> {
        let home = env.var("HOME").unwrap_or_default();
        let path = |variable: &str, name: &str| env.var(variable).unwrap_or_else(|| format!("{home}/.aws/{name}"));
        let config = path("AWS_CONFIG_FILE", "config");
        let credentials = path("AWS_SHARED_CREDENTIALS_FILE", "credentials");
        let text = |path: &str| match fs.read(Path::new(path)) {
            Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
            Err(error) => Err(format!("cannot read {path:?}: {error}")),
        };
        let mut profiles = Profiles::default();
        profiles.add_config(&text(&config)?);
        profiles.add_credentials(&text(&credentials)?);
        Ok(Files {
            profiles,
            names: format!("{config:?} or {credentials:?}"),
        })
    }
}

/// The way from a profile to keys, through those that it names.
struct Way<'a> {
    files: &'a Files,
    env_keys: Option<Credentials>,
    env: &'a dyn Env,
    seen: Vec<String>,
}

impl Way<'_> {
    /// Where the way ends; `None` if the profile says nothing of keys. Roles are added in the order in which they are assumed.
    fn follow(&mut self, name: &str, roles: &mut Vec<Role>) -> Result<Option<Source>, String> {
        if self.seen.iter().any(|seen| seen == name) {
            return Err(format!("the profiles {:?} name each other as their source", self.seen));
        }
        self.seen.push(name.to_owned());
        let names = &self.files.names;
        let Some(profile) = self.files.profiles.get(name) else {
            return match self.seen.len() {
                // The default profile need not exist.
                1 => Ok(None),
                _ => Err(format!(
                    "there is no profile {name:?} in {names}, which another names as its source"
                )),
            };
        };
        let get = |key: &str| setting(profile, key);
        let keys = match (get("aws_access_key_id"), get("aws_secret_access_key")) {
            (Some(access_key), Some(secret_key)) => Some(Source::Keys(Credentials {
                access_key,
                secret_key,
                session_token: get("aws_session_token").unwrap_or_default(),
            })),
            _ => get("credential_process").map(Source::Process),
        };
        let Some(arn) = get("role_arn") else {
            return match (keys, unsupported(profile)) {
                (None, Some(key)) => Err(format!("profile {name:?} has {key}, which is not supported")),
                (keys, _) => Ok(keys),
            };
        };
        if profile.contains_key("mfa_serial") {
            return Err(format!(
                "profile {name:?} asks for a second factor (mfa_serial), which nobody can type here"
            ));
        }
        let role = Role {
            arn,
            external_id: get("external_id").unwrap_or_default(),
            session: get("role_session_name").unwrap_or_default(),
            seconds: get("duration_seconds").unwrap_or_default(),
        };
        let source = if let Some(file) = get("web_identity_token_file") {
            return Ok(Some(Source::WebIdentity(WebIdentity { file, role })));
        } else if let Some(source) = get("source_profile") {
            match (source == name, keys) {
                // A profile may be its own source, of keys.
                (true, Some(keys)) => keys,
                _ => self
                    .follow(&source, roles)?
                    .ok_or_else(|| format!("profile {source:?} has no keys; {name:?} names it as its source"))?,
            }
        } else if let Some(kind) = get("credential_source") {
            match kind.as_str() {
                "Environment" => Source::Keys(self.env_keys.clone().ok_or("AWS_ACCESS_KEY_ID is not set")?),
                "EcsContainer" => Source::Container,
                "Ec2InstanceMetadata" => Source::Instance,
                other => return Err(format!("profile {name:?} has an unknown credential_source {other:?}")),
            }
        } else if let Some(keys) = keys {
            keys
        } else {
            machine(self.env, &mut Vec::new())?
        };
        roles.push(role);
        Ok(Some(source))
    }
}

/// What a profile asks for that is not supported.
fn unsupported(profile: &Profile) -> Option<&'static str> {
    let kinds = ["sso_session", "sso_start_url", "login_session"];
    kinds.into_iter().find(|key| profile.contains_key(*key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use host::{FixedEnv, MemFs, SystemClock};
    use std::sync::Arc;
    use value::Secret;

    const CONFIG: &str = "[default]\nregion = eu-west-1\n[profile keys]\nregion = eu-west-2\naws_access_key_id = AK\naws_secret_access_key = SK\n\
        [profile role]\nrole_arn = arn:role\nsource_profile = keys\nexternal_id = e\n\
        [profile far]\nrole_arn = arn:far\nsource_profile = role\nduration_seconds = 3600\n\
        [profile web]\nrole_arn = arn:web\nweb_identity_token_file = /token\n\
        [profile machine]\nrole_arn = arn:machine\ncredential_source = Ec2InstanceMetadata\n\
        [profile a]\nrole_arn = arn:a\nsource_profile = b\n[profile b]\nrole_arn = arn:b\nsource_profile = a\n\
        [profile sso]\nsso_session = s\n[profile run]\ncredential_process = print keys\n[profile lost]\nrole_arn = arn:lost\nsource_profile = nobody\n\
        [profile mfa]\nrole_arn = arn:mfa\nmfa_serial = x\nsource_profile = keys\n";

    fn of(config: &AwsConfig, variables: &[(&str, &str)]) -> Result<Plan, String> {
        let fs = MemFs::new(Arc::new(SystemClock));
        fs.create("/home/u/.aws/config", CONFIG.as_bytes());
        let home = [("HOME", "/home/u")];
        plan(config, &FixedEnv::new(home.iter().chain(variables).copied()), &fs)
    }

    fn keys(access_key: &str, secret_key: &str, session_token: &str) -> Source {
        Source::Keys(Credentials {
            access_key: access_key.to_owned(),
            secret_key: secret_key.to_owned(),
            session_token: session_token.to_owned(),
        })
    }

    fn profile(name: &str) -> AwsConfig {
        AwsConfig {
            profile: name.to_owned(),
            ..AwsConfig::default()
        }
    }

    const ENV: [(&str, &str); 4] = [
        ("AWS_ACCESS_KEY_ID", "EAK"),
        ("AWS_SECRET_ACCESS_KEY", "ESK"),
        ("AWS_SESSION_TOKEN", "ET"),
        ("AWS_REGION", "us-east-2"),
    ];

    #[test]
    fn the_configuration_comes_first_then_the_environment() {
        let config = AwsConfig {
            access_key: "CAK".to_owned(),
            secret_key: Secret::new("CSK"),
            region: "here".to_owned(),
            role_arn: "arn:mine".to_owned(),
            external_id: "x".to_owned(),
            ..AwsConfig::default()
        };
        let plan = of(&config, &ENV).unwrap();
        assert_eq!(
            (plan.source, plan.region.as_deref()),
            (keys("CAK", "CSK", ""), Some("here"))
        );
        assert_eq!(
            (plan.roles[0].arn.as_str(), plan.roles[0].external_id.as_str()),
            ("arn:mine", "x")
        );
        let plan = of(&AwsConfig::default(), &ENV).unwrap();
        assert_eq!(
            (plan.source, plan.region.as_deref()),
            (keys("EAK", "ESK", "ET"), Some("us-east-2"))
        );
        assert!(plan.roles.is_empty());
        let web = [
            ("AWS_WEB_IDENTITY_TOKEN_FILE", "/t"),
            ("AWS_ROLE_ARN", "arn:w"),
            ("AWS_PROFILE", "keys"),
        ];
        let Source::WebIdentity(found) = of(&AwsConfig::default(), &web).unwrap().source else {
            panic!("it is a web identity");
        };
        assert_eq!((found.file.as_str(), found.role.arn.as_str()), ("/t", "arn:w"));
        assert!(
            of(&AwsConfig::default(), &web[..1])
                .unwrap_err()
                .contains("AWS_ROLE_ARN is not")
        );
    }

    #[test]
    fn a_profile_that_the_configuration_names_wins_over_keys_of_the_environment() {
        let plan = of(&profile("keys"), &ENV).unwrap();
        assert_eq!(plan.source, keys("AK", "SK", ""));
        assert_eq!(plan.region.as_deref(), Some("us-east-2"));
        assert_eq!(of(&profile("keys"), &[]).unwrap().region.as_deref(), Some("eu-west-2"));
        // One that the environment names does not.
        let variables: Vec<_> = ENV.into_iter().chain([("AWS_PROFILE", "keys")]).collect();
        assert_eq!(
            of(&AwsConfig::default(), &variables).unwrap().source,
            keys("EAK", "ESK", "ET")
        );
    }

    #[test]
    fn profiles_lead_to_roles_and_other_profiles() {
        let far = of(&profile("far"), &[]).unwrap();
        assert_eq!(far.source, keys("AK", "SK", ""));
        let arns: Vec<_> = far
            .roles
            .iter()
            .map(|role| (role.arn.as_str(), role.seconds.as_str()))
            .collect();
        assert_eq!(arns, [("arn:role", ""), ("arn:far", "3600")]);
        assert!(matches!(of(&profile("web"), &[]).unwrap().source, Source::WebIdentity(web) if web.file == "/token"));
        assert_eq!(
            of(&profile("run"), &[]).unwrap().source,
            Source::Process("print keys".to_owned())
        );
        let machine = of(&profile("machine"), &[]).unwrap();
        assert_eq!((machine.source, machine.roles.len()), (Source::Instance, 1));
    }

    #[test]
    fn without_keys_the_container_or_the_machine_is_asked() {
        let container = [("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x")];
        assert_eq!(of(&AwsConfig::default(), &container).unwrap().source, Source::Container);
        let plan = of(&AwsConfig::default(), &[]).unwrap();
        assert_eq!(
            (plan.source, plan.region.as_deref()),
            (Source::Instance, Some("eu-west-1"))
        );
        assert_eq!(plan.tried.len(), 3);
        let error = of(&AwsConfig::default(), &[("AWS_EC2_METADATA_DISABLED", "true")]).unwrap_err();
        for part in [
            "AWS_ACCESS_KEY_ID",
            "profile \"default\"",
            "/home/u/.aws/config",
            "AWS_CONTAINER",
            "DISABLED",
        ] {
            assert!(error.contains(part), "{part}: {error}");
        }
    }

    #[test]
    fn what_leads_nowhere_is_named() {
        for (name, part) in [
            ("a", "name each other"),
            ("sso", "sso_session"),
            ("lost", "no profile \"nobody\""),
            ("mfa", "mfa_serial"),
            ("none", "no profile \"none\""),
        ] {
            let error = of(&profile(name), &[]).unwrap_err();
            assert!(error.contains(part), "{name}: {error}");
        }
    }
}
