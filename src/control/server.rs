//! The socket itself, and who is at its other end.
//!
//! Invariant: the file never exists with a wider mode than configured, and a
//! running proxy's socket is never taken from it.

use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use nix::unistd::{Uid, User, geteuid};
use tokio::net::{UnixListener, UnixStream};

use super::{Control, routes};
use crate::config::Admin;
use crate::grants::model::{Actor, END_USER};

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

/// The process at the other end, as the kernel says (SO_PEERCRED).
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// None: the kernel did not say.
    pub uid: Option<u32>,
}

impl Connected<IncomingStream<'_, UnixListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        Self { uid: stream.io().peer_cred().ok().map(|c| c.uid()) }
    }
}

impl Peer {
    /// Who that is: recorded by uid and name, known as the login that
    /// `[[admin]]` maps the name to. Root, the proxy's own user and those whom
    /// `[[admin]]` names may administer. Reads the user database: may block.
    pub fn actor(self, admins: &[Admin]) -> Actor {
        let Some(uid) = self.uid else {
            return Actor { name: "uid:unknown".to_owned(), login: None, end_user: None, admin: false };
        };
        let uid = Uid::from_raw(uid);
        let os_user = User::from_uid(uid).ok().flatten().map(|u| u.name);
        let admin = os_user.as_ref().and_then(|name| admins.iter().find(|a| a.os_user == *name));
        let login = admin.map(|a| a.login.clone());
        let end_user = admin.and_then(|a| a.end_user.as_ref()).map(|name| format!("{END_USER}{name}"));
        Actor {
            name: match os_user {
                Some(name) => format!("uid:{uid}({name})"),
                None => format!("uid:{uid}"),
            },
            admin: uid.is_root() || uid == geteuid() || login.is_some(),
            login,
            end_user,
        }
    }
}
