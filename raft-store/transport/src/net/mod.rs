//! Sockets that members and clients are served on, and connections to members: TCP or Unix, plain or
//! under TLS.

mod authority;
mod dial;
mod listen;
mod serve;
mod socket;
mod url;

pub(crate) use dial::Dialer;
pub use listen::{ListenError, Sockets};
pub use serve::{Serving, serve};
pub(crate) use socket::Bytes;
pub use socket::{Caller, Socket};
pub use url::{Url, UrlError};
