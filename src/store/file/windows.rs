//! Windows: access is a matter of lists, which files inherit from their folder, and open files can be in the way.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::windows::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use etcetera::base_strategy::Windows;
use etcetera::{BaseStrategy, HomeDirError};
use tempfile::NamedTempFile;

use self::exclusion::patiently;

mod exclusion;

/// `FILE_SHARE_READ` and `FILE_SHARE_WRITE`: while a file is open, others can open it but not remove or rename it.
const STAYS: u32 = 0x1 | 0x2;

/// The folder of the user for what belongs to this machine. The other one, which Windows can copy to further machines, would
/// give them the same device, and their locks don't know of each other.
pub(super) fn state_folder() -> Result<PathBuf, HomeDirError> {
    Ok(Windows::new()?.cache_dir())
}

/// Fails unless `folder` is or would be in the profile of the user, where other users have no access unless somebody gave it to
/// them. The standard library does not read lists of access, and there is no maintained crate that does so safely.
pub(super) fn check_place(folder: &Path) -> Result<(), String> {
    let profile = etcetera::home_dir().map_err(|error| error.to_string())?;
    let is_within = || {
        let folder = std::path::absolute(folder)?;
        // What does not exist yet has no links in it.
        let existing = folder.ancestors().find(|folder| folder.exists()).unwrap_or(&folder);
        Ok(fs::canonicalize(existing)?.starts_with(fs::canonicalize(&profile)?))
    };
    if is_within()
        .map_err(|error: io::Error| format!("the folder can't be found: {error}; use another one"))?
    {
        return Ok(());
    }
    let within: PathBuf =
        [profile.as_path(), Path::new(r"AppData\Local"), Path::new(env!("CARGO_PKG_NAME"))].iter().collect();
    Err(format!(
        "other users may have access to it, since it is not in your profile, {}; use a folder in that, such as {}, which is \
         created if it does not exist",
        profile.display(),
        within.display()
    ))
}

/// Creates `folder` and those above it, with the access that they inherit.
pub(super) fn create_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).create(folder)
}

/// The folder has the access of the profile.
#[allow(clippy::unnecessary_wraps, reason = "on other systems it fails")]
pub(super) fn check_folder(_: &Path, _: &Metadata) -> Result<(), String> {
    Ok(())
}

/// Files have the access of their folder.
#[allow(clippy::unnecessary_wraps, reason = "on other systems it fails")]
pub(super) fn check_permissions(_: &Metadata) -> Result<(), String> {
    Ok(())
}

/// Opens `path` for reading.
pub(super) fn open(path: &Path) -> io::Result<File> {
    patiently(|| File::open(path))
}

/// Opens `path` for reading and writing, and creates it if it does not exist. Nobody can remove it while it is open.
pub(super) fn open_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).share_mode(STAYS);
    patiently(|| options.open(path))
}

/// Writes `bytes` at the start of `file`.
pub(super) fn write_at_start(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    file.seek(SeekFrom::Start(0))?;
    file.write_all(bytes)
}

/// The file of a lock stays, since it can't be removed while it is open.
pub(super) fn remove_lock(_: &Path) {}

/// Moves `new` to `path`, where readers find the old file or the new one. Unlike that of tempfile, the `rename` of the standard
/// library succeeds while another process of this crate reads the old file.
pub(super) fn persist(new: NamedTempFile, path: &Path) -> io::Result<File> {
    let (file, from) = new.keep().map_err(|error| error.error)?;
    let moved = patiently(|| fs::rename(&from, path));
    if moved.is_err() {
        // If this fails, it is removed later like those of killed processes.
        fs::remove_file(&from).ok();
    }
    moved.map(|()| file)
}

/// The name of a file is written with the file.
pub(super) fn sync_folder(_: &Path) {}

/// Volume and number of a file.
pub(super) type FileId = (u64, u64);

/// The file at `path`. Opening it for no access excludes nobody.
pub(super) fn file_id(path: &Path, _: &Metadata) -> Option<FileId> {
    OpenOptions::new().access_mode(0).open(path).ok().and_then(|file| open_file_id(&file))
}

/// The open `file`.
pub(super) fn open_file_id(file: &File) -> Option<FileId> {
    let found = winapi_util::file::information(file).ok()?;
    Some((found.volume_serial_number(), found.file_index()))
}

#[cfg(feature = "read-cache-file")]
#[allow(clippy::unnecessary_wraps, reason = "on other systems it fails")]
pub(super) fn resolved(folder: &Path) -> io::Result<PathBuf> {
    Ok(folder.to_owned())
}

/// Sets the time of the last change of the file at `path`.
#[cfg(feature = "read-cache-file")]
pub(super) fn touch(path: &Path) -> io::Result<()> {
    File::options().write(true).open(path)?.set_modified(std::time::SystemTime::now())
}

/// Renames a file, once nobody has it open.
#[cfg(feature = "read-cache-file")]
pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    patiently(|| fs::rename(from, to))
}

/// Whether a file can't be renamed because it is open.
#[cfg(feature = "read-cache-file")]
pub(super) fn is_in_use(error: &io::Error) -> bool {
    exclusion::is_open_elsewhere(error)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::store::FileStore;

    fn new_file(folder: &Path, content: &[u8]) -> NamedTempFile {
        let mut new = NamedTempFile::new_in(folder).unwrap();
        new.write_all(content).unwrap();
        new
    }

    #[test]
    fn a_folder_outside_of_the_profile_is_refused_and_not_created() {
        let profile = etcetera::home_dir().unwrap();
        let elsewhere = profile.with_file_name("social-plus-bot-of-nobody");
        for folder in
            [elsewhere.clone(), profile.join("..").join(elsewhere.file_name().unwrap()).join("deeper")]
        {
            let error = FileStore::new(&folder).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::Config);
            let said = error.to_string();
            assert!(said.contains("it is not in your profile"), "{said}");
            let within = profile.join(r"AppData\Local\social-plus-bot");
            assert!(said.contains(&format!("such as {}", within.display())), "{said}");
            assert!(!elsewhere.exists());
        }
    }

    #[test]
    fn a_folder_in_the_profile_is_created() {
        let parent = tempfile::tempdir_in(etcetera::home_dir().unwrap()).unwrap();
        let folder = parent.path().join("one").join("two");
        assert_eq!(FileStore::new(&folder).unwrap().folder(), folder);
        assert!(folder.is_dir());
        let other_case = PathBuf::from(folder.to_str().unwrap().to_uppercase());
        FileStore::new(other_case).unwrap();
    }

    #[test]
    fn a_file_is_replaced_while_somebody_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "old").unwrap();
        let mut reader = open(&path).unwrap();
        persist(new_file(folder.path(), b"new"), &path).unwrap();
        let mut read = String::new();
        reader.read_to_string(&mut read).unwrap();
        assert_eq!((read.as_str(), fs::read_to_string(&path).unwrap().as_str()), ("old", "new"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_can_not_be_replaced_leaves_no_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::create_dir(&path).unwrap();
        persist(new_file(folder.path(), b"new"), &path).unwrap_err();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_stays_open_elsewhere_is_not_waited_for_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "content").unwrap();
        let scanner = OpenOptions::new().read(true).share_mode(0).open(&path).unwrap();
        for error in [open(&path).unwrap_err(), open_private(&path).unwrap_err()] {
            assert!(exclusion::is_open_elsewhere(&error), "{error}");
        }
        drop(scanner);
        open(&path).unwrap();
    }

    #[test]
    fn the_file_of_a_lock_can_be_opened_but_not_removed_while_it_is_open() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.lock");
        let held = open_private(&path).unwrap();
        let other = open_private(&path).unwrap();
        fs::remove_file(&path).unwrap_err();
        fs::rename(&path, folder.path().join("b")).unwrap_err();
        drop((held, other));
        fs::remove_file(&path).unwrap();
    }
}
