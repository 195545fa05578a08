//! Who is at the other end: a process, as the kernel says, or the holder of a
//! certificate; and which person of `[[admin]]` that is.

use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use nix::unistd::{Uid, User, geteuid};
use tokio::net::UnixListener;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::config::{Admin, Rights};
use crate::grants::model::{Actor, END_USER};

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peer {
    /// SO_PEERCRED; None: the kernel did not say.
    Process { uid: Option<u32> },
    /// The common name and the alternative names of a certificate that the
    /// authority signed.
    Certificate { names: Vec<String> },
}

impl Connected<IncomingStream<'_, UnixListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        Self::Process { uid: stream.io().peer_cred().ok().map(|c| c.uid()) }
    }
}

impl Peer {
    /// One that can't be read has no names.
    pub(super) fn of_certificate(der: &[u8]) -> Self {
        let names = X509Certificate::from_der(der).map_or_else(|_| Vec::new(), |(_, cert)| names(&cert));
        Self::Certificate { names }
    }

    /// Who that is. Err: the name of somebody who may not come in. Reads the
    /// user database: may block.
    pub fn actor(self, admins: &[Admin]) -> Result<Actor, String> {
        match self {
            Self::Process { uid } => process(uid, admins),
            Self::Certificate { names } => certificate(&names, admins),
        }
    }
}

/// Recorded by uid and name. Root and the proxy's own user may administer
/// without being named.
fn process(uid: Option<u32>, admins: &[Admin]) -> Result<Actor, String> {
    let Some(uid) = uid.map(Uid::from_raw) else { return Err("uid:unknown".to_owned()) };
    let os_user = User::from_uid(uid).ok().flatten().map(|u| u.name);
    let named = admins.iter().find(|a| a.os_user.is_some() && a.os_user == os_user);
    let name = match os_user {
        Some(name) => format!("uid:{uid}({name})"),
        None => format!("uid:{uid}"),
    };
    let by_itself = uid.is_root() || uid == geteuid();
    match named {
        Some(admin) => Ok(Actor { admin: by_itself || admin.rights == Rights::All, ..person(name, admin) }),
        None if by_itself => Ok(Actor { name, login: None, end_user: None, admin: true }),
        None => Err(name),
    }
}

/// Recorded by the name that `[[admin]]` has. A certificate of two people is nobody's.
fn certificate(names: &[String], admins: &[Admin]) -> Result<Actor, String> {
    let is_named = |admin: &&Admin| admin.certificate.as_ref().is_some_and(|name| names.contains(name));
    let mut named = admins.iter().filter(is_named);
    match (named.next(), named.next()) {
        (Some(admin), None) => {
            let name = format!("cert:{}", admin.certificate.as_deref().unwrap_or_default());
            Ok(person(name, admin))
        }
        _ => Err(format!("cert:{}", names.join(","))),
    }
}

fn person(name: String, admin: &Admin) -> Actor {
    Actor {
        name,
        login: Some(admin.login.clone()),
        end_user: admin.end_user.as_ref().map(|name| format!("{END_USER}{name}")),
        admin: admin.rights == Rights::All,
    }
}

fn names(cert: &X509Certificate<'_>) -> Vec<String> {
    let common = cert.subject().iter_common_name().filter_map(|name| name.as_str().ok());
    let mut names: Vec<String> = common.map(str::to_owned).collect();
    if let Ok(Some(alternative)) = cert.subject_alternative_name() {
        names.extend(alternative.value.general_names.iter().filter_map(|name| match name {
            GeneralName::DNSName(name) | GeneralName::RFC822Name(name) | GeneralName::URI(name) => {
                Some((*name).to_owned())
            }
            _ => None,
        }));
    }
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admin(certificate: &str, login: &str, rights: Rights) -> Admin {
        Admin {
            os_user: None,
            certificate: Some(certificate.into()),
            login: login.into(),
            end_user: None,
            rights,
        }
    }

    #[test]
    fn a_certificate_is_who_admin_says_and_nobody_else() {
        let admins = [admin("sam", "sam", Rights::Approve), admin("kim@example.com", "kim", Rights::All)];
        let shown = |names: &[&str]| {
            Peer::Certificate { names: names.iter().map(ToString::to_string).collect() }.actor(&admins)
        };
        let sam = shown(&["sam", "other"]).unwrap();
        assert_eq!((sam.name.as_str(), sam.login.as_deref(), sam.admin), ("cert:sam", Some("sam"), false));
        assert!(shown(&["kim@example.com"]).unwrap().admin);
        assert_eq!(shown(&["eve"]), Err("cert:eve".into()));
        assert_eq!(shown(&[]), Err("cert:".into()));
        assert!(shown(&["kim@example.com", "sam"]).is_err());
        assert_eq!(Peer::of_certificate(b"junk"), Peer::Certificate { names: vec![] });
        // A socket's user is none of the certificates.
        assert!(Peer::Process { uid: None }.actor(&admins).is_err());
    }
}
