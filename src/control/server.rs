//! The socket itself.
//!
//! Invariant: the file never exists with a wider mode than configured, and a
//! running proxy's socket is never taken from it.

use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

use super::peer::Peer;
use super::{Control, routes};

/// Why the socket can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("another bauta listens on {0}")]
    Taken(PathBuf),
    #[error("{0} is in the way: it is no socket")]
    NotASocket(PathBuf),
    #[error("cannot listen on {path}")]
    Io { path: PathBuf, source: io::Error },
}

/// A control socket that listens. Dropping it removes the file.
pub struct Door {
    listener: UnixListener,
    file: SocketFile,
}

struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Gone already, or not ours to remove: nothing to do about it.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Door {
    /// Listens at `path`. A file left over by a dead process is replaced.
    ///
    /// # Errors
    /// Somebody listens there, something else is there, or it can't be made.
    pub async fn open(path: &Path, mode: u32) -> Result<Self, OpenError> {
        let failed = |source| OpenError::Io { path: path.to_owned(), source };
        match std::fs::symlink_metadata(path) {
            Ok(found) if !found.file_type().is_socket() => {
                return Err(OpenError::NotASocket(path.to_owned()));
            }
            Ok(_) if UnixStream::connect(path).await.is_ok() => {
                return Err(OpenError::Taken(path.to_owned()));
            }
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(failed(e)),
        }
        // Under another name first: bind() makes it with the umask's mode, and
        // nobody must come in before it has the right one.
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{}", std::process::id()));
        let fresh = SocketFile(PathBuf::from(name));
        let _ = std::fs::remove_file(&fresh.0);
        let listener = UnixListener::bind(&fresh.0).map_err(failed)?;
        std::fs::set_permissions(&fresh.0, std::fs::Permissions::from_mode(mode)).map_err(failed)?;
        std::fs::rename(&fresh.0, path).map_err(failed)?;
        Ok(Self { listener, file: SocketFile(path.to_owned()) })
    }

    /// Answers until `shutdown` completes; requests under way are finished.
    pub async fn serve(
        self,
        control: Control,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let app = routes::router(control).into_make_service_with_connect_info::<Peer>();
        let served = axum::serve(self.listener, app).with_graceful_shutdown(shutdown).await;
        drop(self.file);
        served
    }
}
