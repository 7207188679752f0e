//! What is mapped where: a profile names files and offsets, so that addresses of a program without symbols can be given names later, from one with them.

/// Code of a file, in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mapping {
    /// First address.
    pub(crate) start: u64,
    /// The address after the last.
    pub(crate) end: u64,
    /// Where it begins in the file.
    pub(crate) offset: u64,
    /// The file.
    pub(crate) file: String,
}

impl Mapping {
    /// The mappings of `/proc/PID/maps` that hold code of files, in order of their addresses.
    pub(crate) fn all(maps: &str) -> Vec<Mapping> {
        maps.lines().filter_map(Mapping::parse).collect()
    }

    /// Its addresses.
    pub(crate) fn range(&self) -> std::ops::Range<u64> {
        self.start..self.end
    }

    /// `5581a000-5581b000 r-xp 00002000 08:01 1234   /usr/bin/invar`
    fn parse(line: &str) -> Option<Mapping> {
        let mut rest = line;
        let mut word = || {
            let (word, after) = rest.trim_start().split_once(' ')?;
            rest = after;
            Some(word)
        };
        let (range, rights, offset) = (word()?, word()?, word()?);
        let (_device, _inode) = (word()?, word()?);
        let (start, end) = range.split_once('-')?;
        let number = |text| u64::from_str_radix(text, 16).ok();
        let file = rest.trim_start();
        let file = file.strip_suffix(" (deleted)").unwrap_or(file);
        (rights.contains('x') && !file.is_empty()).then_some(())?;
        Some(Mapping {
            start: number(start)?,
            end: number(end)?,
            offset: number(offset)?,
            file: file.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_of_files_counts() {
        let maps = "5581a000-5581b000 r--p 00000000 08:01 1234                       /usr/bin/a b\n\
                    5581b000-5581c000 r-xp 00001000 08:01 1234                       /usr/bin/a b (deleted)\n\
                    5581c000-5581d000 rw-p 00000000 00:00 0 \n\
                    7ffd1000-7ffd3000 r-xp 00000000 00:00 0                          [vdso]\n\
                    nonsense\n";
        let mapping = |start, end, offset, file: &str| Mapping {
            start,
            end,
            offset,
            file: file.to_owned(),
        };
        assert_eq!(
            Mapping::all(maps),
            [
                mapping(0x5581_b000, 0x5581_c000, 0x1000, "/usr/bin/a b"),
                mapping(0x7ffd_1000, 0x7ffd_3000, 0, "[vdso]"),
            ]
        );
    }
}
