//! Memory that only the start of a program needed.

/// Gives back pages of the program's own file that are mapped to be read and executed. Starting touches much of it that is not needed again
/// for a long time; what is needed comes back from the page cache when it is touched. Returns the bytes of the mappings, 0 where the
/// system does not say what they are.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
pub fn forget_startup_pages() -> usize {
    let (Ok(program), Ok(maps)) = (std::env::current_exe(), std::fs::read_to_string("/proc/self/maps")) else {
        return 0;
    };
    let mut forgotten = 0;
    for mapping in maps
        .lines()
        .filter_map(|line| Mapping::parse(line, &program.to_string_lossy()))
    {
        // SAFETY: the mapping is private, of a file, and was never written to: code, or the part at the start of the file that holds
        // constants and, unlike the one that relocation changes, was never writable. Dropping its pages changes nothing that can be
        // read: they are read from the file again. The range comes from the kernel, and this program unmaps no part of itself.
        let given_back = unsafe {
            rustix::mm::madvise(
                std::ptr::with_exposed_provenance_mut(mapping.start),
                mapping.len,
                rustix::mm::Advice::LinuxDontNeed,
            )
        };
        if given_back.is_ok() {
            forgotten += mapping.len;
        }
    }
    forgotten
}

/// Other systems are not asked.
#[cfg(not(target_os = "linux"))]
pub fn forget_startup_pages() -> usize {
    0
}

/// A mapping of the program's file that nothing was written to.
#[derive(Debug, PartialEq, Eq)]
struct Mapping {
    start: usize,
    len: usize,
}

impl Mapping {
    /// Reads a line of `/proc/self/maps` (proc(5)): `start-end perms offset dev inode path`.
    fn parse(line: &str, program: &str) -> Option<Mapping> {
        let mut fields = line.split_ascii_whitespace();
        let (start, end) = fields.next()?.split_once('-')?;
        let (permissions, offset) = (fields.next()?, fields.next()?);
        let untouched = permissions == "r-xp" || (permissions == "r--p" && offset.bytes().all(|digit| digit == b'0'));
        if !untouched || fields.nth(2)? != program || fields.next().is_some() {
            return None;
        }
        let start = usize::from_str_radix(start, 16).ok()?;
        let len = usize::from_str_radix(end, 16).ok()?.checked_sub(start)?;
        Some(Mapping { start, len })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_never_written_is_forgotten() {
        let parse = |line| Mapping::parse(line, "/usr/bin/invar");
        assert_eq!(
            parse("5581a000-5581c000 r-xp 00532000 fe:00 42    /usr/bin/invar"),
            Some(Mapping {
                start: 0x5581_a000,
                len: 0x2000
            })
        );
        assert!(parse("5581a000-5581c000 r--p 00000000 fe:00 42    /usr/bin/invar").is_some());
        for line in [
            // Relocated, then made read-only.
            "5581a000-5581c000 r--p 01224000 fe:00 42    /usr/bin/invar",
            "5581a000-5581c000 rw-p 00000000 fe:00 42    /usr/bin/invar",
            "5581a000-5581c000 r-xp 00000000 fe:00 42    /usr/lib/libc.so.6",
            "5581a000-5581c000 r-xp 00000000 fe:00 42    /usr/bin/invar (deleted)",
            "7ffc1000-7ffc2000 r-xp 00000000 00:00 0     [vdso]",
            "",
        ] {
            assert_eq!(parse(line), None, "{line}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_program_goes_on() {
        assert!(forget_startup_pages() > 0);
        assert_eq!(format!("{}", 40 + 2), "42");
    }
}
