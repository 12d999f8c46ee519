//! Which mount a file lies on, told by the kernel: device numbers tell neither bind mounts nor the files of an overlay.

use rustix::fs::{AtFlags, StatxFlags};
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// The number of the mount; it means nothing but that equal numbers are the same mount. From statx(2), or from
/// `/proc/self/fdinfo` where the kernel (before 5.8) does not say it there.
pub fn of(opened: &impl AsFd) -> io::Result<u64> {
    let fd = opened.as_fd();
    if let Ok(found) = rustix::fs::statx(fd, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID)
        && found.stx_mask & StatxFlags::MNT_ID.bits() != 0
    {
        return Ok(found.stx_mnt_id);
    }
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.as_raw_fd()))?;
    from_fdinfo(&info).ok_or_else(|| io::Error::other("the kernel does not say on which mount it lies"))
}

fn from_fdinfo(info: &str) -> Option<u64> {
    info.lines().find_map(|line| line.strip_prefix("mnt_id:"))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_say_the_same_and_tell_mounts_apart() {
        let open = |path: &str| fs::File::open(path).unwrap();
        let of_file = |file: &fs::File| of(file).unwrap();
        let (etc, proc) = (open("/etc"), open("/proc"));
        assert_eq!(of_file(&etc), of_file(&open("/")));
        assert_ne!(of_file(&etc), of_file(&proc));
        let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", proc.as_raw_fd())).unwrap();
        assert_eq!(from_fdinfo(&info), Some(of_file(&proc)));
        assert_eq!(from_fdinfo("pos:\t0\nflags:\t0\n"), None);
    }
}
