//! The machine's file system behind the [`Disk`] seam.

use super::{Disk, DiskFile, Open};
use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice};
use std::path::Path;

/// The machine's file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsDisk;

impl Disk for OsDisk {
    fn open(&self, path: &Path, mode: Open) -> io::Result<Box<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        options.read(true);
        match mode {
            Open::Read => &mut options,
            Open::Write => options.write(true),
            Open::CreateNew => options.write(true).create_new(true),
        };
        Ok(Box::new(OsFile(options.open(path)?)))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = std::fs::read_dir(dir)?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect::<io::Result<Vec<_>>>()?;
        names.sort();
        Ok(names)
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        std::fs::create_dir_all(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }
}

#[derive(Debug)]
struct OsFile(File);

impl DiskFile for OsFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        use std::os::unix::fs::FileExt;
        let mut done = 0;
        while done < buffer.len() {
            match self.0.read_at(&mut buffer[done..], offset + done as u64) {
                Ok(0) => break,
                Ok(n) => done += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn write_at(&self, offset: u64, slices: &[&[u8]]) -> io::Result<()> {
        let mut owned: Vec<IoSlice<'_>> = slices.iter().map(|slice| IoSlice::new(slice)).collect();
        let mut rest: &mut [IoSlice<'_>] = &mut owned;
        let mut at = offset;
        // The kernel takes at most IOV_MAX (1024) slices a call and may write fewer bytes than asked.
        while !rest.is_empty() {
            let head = rest.len().min(1024);
            let asked = rest[..head].iter().any(|slice| !slice.is_empty());
            match rustix::io::pwritev(&self.0, &rest[..head], at) {
                // Trying again would be spinning.
                Ok(0) if asked => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    at += written as u64;
                    IoSlice::advance_slices(&mut rest, written);
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn allocate(&self, length: u64) -> io::Result<()> {
        let flags = rustix::fs::FallocateFlags::empty();
        match rustix::fs::fallocate(&self.0, flags, 0, length) {
            Ok(()) => Ok(()),
            // A file system without the call still takes the bytes, only less quickly.
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => self.0.set_len(length),
            Err(errno) => Err(errno.into()),
        }
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{read, replace};
    use super::*;

    #[test]
    fn slices_land_one_after_the_other_even_when_there_are_many() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let file = OsDisk.open(&path, Open::CreateNew).unwrap();
        file.allocate(8192).unwrap();
        let parts: Vec<[u8; 2]> = (0..3000u16).map(u16::to_be_bytes).collect();
        let slices: Vec<&[u8]> = parts.iter().map(|part| &part[..]).collect();
        file.write_at(7, &slices).unwrap();
        file.sync_data().unwrap();
        let bytes = read(&OsDisk, &path).unwrap();
        assert_eq!(bytes.len(), 8192);
        assert_eq!(&bytes[7..6007], parts.concat());
        assert_eq!(bytes[6007], 0);
    }

    #[test]
    fn replace_leaves_no_temporary_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("vote");
        replace(&OsDisk, &path, b"one").unwrap();
        replace(&OsDisk, &path, b"two").unwrap();
        assert_eq!(read(&OsDisk, &path).unwrap(), b"two");
        assert_eq!(OsDisk.list(dir.path()).unwrap(), ["vote"]);
    }
}
