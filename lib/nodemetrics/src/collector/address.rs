//! The addresses of network devices.

use crate::error::Failure;
use std::ffi::CStr;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) device: String,
    pub(super) address: IpAddr,
    pub(super) prefix: u32,
}

/// The addresses of all devices.
#[allow(unsafe_code)]
pub(super) fn addresses() -> Result<Vec<Address>, Failure> {
    let mut first: *mut libc::ifaddrs = std::ptr::null_mut();
    // SAFETY: `first` is a place for a pointer, which the call fills unless it fails.
    if unsafe { libc::getifaddrs(&raw mut first) } != 0 {
        return Err(Failure::System {
            call: "getifaddrs",
            error: io::Error::last_os_error(),
        });
    }
    let mut found = Vec::new();
    let mut next = first;
    // SAFETY: each entry is null or lives until `freeifaddrs`.
    while let Some(entry) = unsafe { next.as_ref() } {
        next = entry.ifa_next;
        // SAFETY: both addresses are null or as long as their family says.
        let (address, mask) = unsafe { (ip(entry.ifa_addr), ip(entry.ifa_netmask)) };
        let (Some(address), Some(mask)) = (address, mask) else {
            continue;
        };
        // SAFETY: the name is a string that ends with a zero, and lives until `freeifaddrs`.
        let device = unsafe { CStr::from_ptr(entry.ifa_name) }.to_string_lossy().into_owned();
        let prefix = match mask {
            IpAddr::V4(mask) => u32::from(mask).leading_ones(),
            IpAddr::V6(mask) => u128::from(mask).leading_ones(),
        };
        found.push(Address {
            device,
            address,
            prefix,
        });
    }
    // SAFETY: the list came from `getifaddrs`, and nothing of it is kept.
    unsafe { libc::freeifaddrs(first) };
    Ok(found)
}

/// The IP address in a socket address; `None` for one of another family.
///
/// # Safety
///
/// `address` is null or points to a socket address that is as long as its family says.
#[allow(unsafe_code)]
// SAFETY: nothing is read beyond what the caller promises.
unsafe fn ip(address: *const libc::sockaddr) -> Option<IpAddr> {
    // SAFETY: promised by the caller.
    let family = unsafe { address.as_ref() }?.sa_family;
    match i32::from(family) {
        libc::AF_INET => {
            // SAFETY: an address of this family is a `sockaddr_in`; it need not be aligned as one.
            let address = unsafe { address.cast::<libc::sockaddr_in>().read_unaligned() };
            Some(Ipv4Addr::from(address.sin_addr.s_addr.to_ne_bytes()).into())
        }
        libc::AF_INET6 => {
            // SAFETY: an address of this family is a `sockaddr_in6`; it need not be aligned as one.
            let address = unsafe { address.cast::<libc::sockaddr_in6>().read_unaligned() };
            Some(Ipv6Addr::from(address.sin6_addr.s6_addr).into())
        }
        _ => None,
    }
}

/// How far an address reaches.
pub(super) fn scope(address: IpAddr) -> &'static str {
    let (near, interface) = match address {
        IpAddr::V4(v4) => (
            v4.is_loopback() || v4.is_link_local() || v4.octets()[..3] == [224, 0, 0],
            false,
        ),
        IpAddr::V6(v6) => {
            let [first, second, ..] = v6.octets();
            let near = v6.is_loopback() || v6.is_unicast_link_local() || (first == 0xff && second & 0x0f == 2);
            (near, first == 0xff && second & 0x0f == 1)
        }
    };
    if near {
        "link-local"
    } else if interface {
        "interface-local"
    } else if address.is_unspecified() || address.is_multicast() || address == Ipv4Addr::BROADCAST {
        ""
    } else {
        "global"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_has_its_address() {
        let addresses = addresses().unwrap();
        let loopback = addresses.iter().find(|address| address.address == Ipv4Addr::LOCALHOST);
        assert_eq!(
            loopback.map(|loopback| (&*loopback.device, loopback.prefix)),
            Some(("lo", 8))
        );
    }

    #[test]
    fn scopes() {
        for (address, expected) in [
            ("127.0.0.1", "link-local"),
            ("169.254.1.1", "link-local"),
            ("10.0.0.1", "global"),
            ("255.255.255.255", ""),
            ("::1", "link-local"),
            ("fe80::1", "link-local"),
            ("ff01::1", "interface-local"),
            ("fd00::1", "global"),
        ] {
            assert_eq!(scope(address.parse().unwrap()), expected, "{address}");
        }
    }
}
