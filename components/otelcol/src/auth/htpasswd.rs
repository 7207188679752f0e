//! Passwords in the format of Apache's htpasswd: bcrypt, apr1, SHA-1 and plain.

use crate::lock;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use sha2::Sha256;
use std::collections::HashMap;
use std::sync::Mutex;
use subtle::ConstantTimeEq;

/// Users and the hashes of their passwords.
#[derive(Default)]
pub(super) struct Users {
    hashes: HashMap<String, String>,
    /// Hashes, fast ones, of the passwords that were right: bcrypt takes a tenth of a second on purpose, which is too much for each request.
    right: Mutex<HashMap<String, [u8; 32]>>,
}

impl Users {
    /// Reads lines `user:hash`. Empty lines and those that begin with `#` are left out.
    ///
    /// # Errors
    /// The number of the first line that is none of these.
    pub(super) fn parse(text: &str) -> Result<Users, usize> {
        let mut users = HashMap::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (user, hash) = line.split_once(':').ok_or(number + 1)?;
            users.insert(user.to_owned(), hash.to_owned());
        }
        Ok(Users {
            hashes: users,
            right: Mutex::default(),
        })
    }

    /// Adds a user with a password in clear text.
    pub(super) fn add_plain(&mut self, user: &str, password: &str) {
        self.hashes.insert(user.to_owned(), format!("{PLAIN}{password}"));
    }

    /// Whether this is the password of the user.
    pub(super) fn check(&self, user: &str, password: &str) -> bool {
        let Some(hash) = self.hashes.get(user) else {
            return false;
        };
        let fast: [u8; 32] = Sha256::digest(password).into();
        let known = lock(&self.right).get(user).copied();
        if known.is_some_and(|known| known.ct_eq(&fast).into()) {
            return true;
        }
        let right = matches(hash, password);
        if right {
            lock(&self.right).insert(user.to_owned(), fast);
        }
        right
    }
}

/// In front of a password that is no hash, whatever it looks like.
const PLAIN: &str = "{PLAIN}";

fn matches(hash: &str, password: &str) -> bool {
    let equal = |a: &[u8], b: &[u8]| bool::from(a.ct_eq(b));
    if let Some(plain) = hash.strip_prefix(PLAIN) {
        return equal(plain.as_bytes(), password.as_bytes());
    }
    if ["$2a$", "$2b$", "$2x$", "$2y$"]
        .iter()
        .any(|prefix| hash.starts_with(prefix))
    {
        return bcrypt::verify(password, hash).unwrap_or(false);
    }
    if let Some(rest) = hash.strip_prefix("{SHA}") {
        return equal(
            STANDARD.encode(sha1::Sha1::digest(password)).as_bytes(),
            rest.as_bytes(),
        );
    }
    for magic in ["$apr1$", "$1$"] {
        if let Some((salt, sum)) = hash.strip_prefix(magic).and_then(|rest| rest.split_once('$')) {
            return equal(
                md5_crypt(password.as_bytes(), salt.as_bytes(), magic).as_bytes(),
                sum.as_bytes(),
            );
        }
    }
    equal(hash.as_bytes(), password.as_bytes())
}

/// The hash of `openssl passwd -apr1`, and with another `magic` that of `crypt`'s MD5. Source: Apache's `apr_md5.c`.
fn md5_crypt(password: &[u8], salt: &[u8], magic: &str) -> String {
    let salt = &salt[..salt.len().min(8)];
    let inner = Md5::new()
        .chain_update(password)
        .chain_update(salt)
        .chain_update(password)
        .finalize();
    let mut outer = Md5::new().chain_update(password).chain_update(magic).chain_update(salt);
    let mut left = password.len();
    while left > 0 {
        let taken = left.min(16);
        outer.update(&inner[..taken]);
        left -= taken;
    }
    let mut bits = password.len();
    while bits > 0 {
        match bits & 1 {
            1 => outer.update([0]),
            _ => outer.update(&password[..1]),
        }
        bits >>= 1;
    }
    let mut sum = outer.finalize();
    for round in 0..1000 {
        let mut next = Md5::new();
        if round & 1 == 1 {
            next.update(password);
        } else {
            next.update(sum);
        }
        if round % 3 != 0 {
            next.update(salt);
        }
        if round % 7 != 0 {
            next.update(password);
        }
        if round & 1 == 1 {
            next.update(sum);
        } else {
            next.update(password);
        }
        sum = next.finalize();
    }
    let mut out = String::with_capacity(22);
    let mut push = |mut value: u32, count: usize| {
        const DIGITS: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        for _ in 0..count {
            out.push(char::from(DIGITS[(value & 63) as usize]));
            value >>= 6;
        }
    };
    for (a, b, c) in [(0, 6, 12), (1, 7, 13), (2, 8, 14), (3, 9, 15), (4, 10, 5)] {
        push(u32::from(sum[a]) << 16 | u32::from(sum[b]) << 8 | u32::from(sum[c]), 4);
    }
    push(u32::from(sum[11]), 2);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_hash_is_known() {
        // Made by `openssl passwd`, and by htpasswd's formulas; bcrypt's is the library's own.
        let bcrypt = bcrypt::hash("secret", 4).unwrap();
        let text = format!(
            "# users\n\napr:$apr1$salt1234$G61s9lpZAELkzUFCbj/53/\nsha:{{SHA}}5en6G6MezRroT3XKqkdPOmY/BfQ=\nbc:{bcrypt}\nplain:secret\n"
        );
        let users = Users::parse(&text).unwrap();
        for user in ["apr", "sha", "bc", "plain", "bc"] {
            assert!(users.check(user, "secret"), "{user}");
            assert!(!users.check(user, "secreT"), "{user}");
        }
        assert!(!users.check("nobody", "secret"));
        assert_eq!(Users::parse("a:b\nno colon").err(), Some(2));
    }
}
