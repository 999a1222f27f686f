//! Writes mails into a directory, for a first look without a mail server.
//!
//! Whoever reads these files can use the links in them, so the directory is its owner's
//! alone. A reader that takes every `*.eml` never sees half a mail.

use std::{
    fmt, io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

use tokio::{
    fs::{self, File, OpenOptions},
    io::AsyncWriteExt,
};
use uuid::Uuid;

use crate::{DeliveryError, TransportError};

/// A directory with mode 0700 that takes one `<id>.eml` with mode 0600 a mail.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
}

impl Directory {
    /// Makes the directory, and closes it to others if it was open.
    pub(crate) fn open(path: &Path) -> Result<Self, TransportError> {
        prepare(path).map_err(|source| TransportError::Directory {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            path: path.to_owned(),
        })
    }

    pub(crate) async fn deliver(
        &self,
        id: Uuid,
        mail: &lettre::Message,
    ) -> Result<(), DeliveryError> {
        let unfinished = self.path.join(format!("{id}.part"));
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&unfinished)
            .await?;
        file.write_all(&mail.formatted()).await?;
        file.sync_all().await?;
        fs::rename(&unfinished, self.path.join(format!("{id}.eml"))).await?;
        File::open(&self.path).await?.sync_all().await?;
        Ok(())
    }
}

impl fmt::Display for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "files in {}", self.path.display())
    }
}

fn prepare(path: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)?;
    if std::fs::metadata(path)?.permissions().mode() & 0o077 != 0 {
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o700))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn mail(text: &str) -> lettre::Message {
        lettre::Message::builder()
            .from("no-reply@id.example".parse().unwrap())
            .to("ada@example.org".parse().unwrap())
            .body(text.to_owned())
            .unwrap()
    }

    #[tokio::test]
    async fn a_mail_is_one_private_file_named_after_its_id() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("data/mail");
        let directory = Directory::open(&path).unwrap();
        let mail = mail("Hello");
        directory.deliver(Uuid::from_u128(7), &mail).await.unwrap();

        let names: Vec<_> = std::fs::read_dir(&path)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, ["00000000-0000-0000-0000-000000000007.eml"]);
        let file = path.join(&names[0]);
        assert_eq!(std::fs::read(&file).unwrap(), mail.formatted());
        assert_eq!((mode(&path), mode(&file)), (0o700, 0o600));
    }

    #[tokio::test]
    async fn a_mail_delivered_twice_is_still_one_file() {
        let parent = tempfile::tempdir().unwrap();
        let directory = Directory::open(parent.path()).unwrap();
        for text in ["first", "first"] {
            let mail = mail(text);
            directory.deliver(Uuid::from_u128(7), &mail).await.unwrap();
        }
        assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_directory_that_was_open_to_others_is_closed() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("mail");
        std::fs::create_dir(&path).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        Directory::open(&path).unwrap();
        assert_eq!(mode(&path), 0o700);
    }

    #[test]
    fn a_file_in_the_place_of_the_directory_is_an_error_that_names_it() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("mail");
        std::fs::write(&path, "").unwrap();
        let error = Directory::open(&path).unwrap_err();
        assert!(
            error.to_string().contains(path.to_str().unwrap()),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_directory_that_vanished_is_no_reason_to_give_the_mail_up() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("mail");
        let directory = Directory::open(&path).unwrap();
        std::fs::remove_dir(&path).unwrap();
        let result = directory.deliver(Uuid::from_u128(7), &mail("Hello")).await;
        assert!(!result.unwrap_err().is_permanent());
    }
}
