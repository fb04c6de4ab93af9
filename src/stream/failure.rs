//! Why a list or a watch ended, and whether it can go on from there.

use tokio::time::error::Elapsed;

/// Why nothing is heard.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// The API server answered with an error.
    #[error("{message}")]
    Refused { code: u16, message: String },
    /// It did not answer.
    #[error("no answer in time")]
    NoAnswer,
    /// A watch brought nothing for so long that its connection is taken for dead.
    #[error("no answer in time")]
    Silence,
    /// What it sent cannot be read.
    #[error("{0}")]
    Unreadable(String),
    /// It could not be asked, or the connection broke.
    #[error("{0}")]
    Connection(String),
}

impl Failure {
    /// The API server's code, where it answered.
    pub(crate) fn code(&self) -> Option<u16> {
        match self {
            Failure::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// The API server does not know the kind.
    pub(crate) fn is_missing(&self) -> bool {
        self.code() == Some(404)
    }

    /// Whether a watch can go on from where it was. The API server may have forgotten that place (410), may not have come
    /// so far (504), or may answer with something that will never be read.
    pub(super) fn is_resumable(&self) -> bool {
        match self {
            Failure::Refused { code, .. } => matches!(code, 401 | 403 | 429 | 500 | 502 | 503),
            Failure::Unreadable(_) => false,
            Failure::NoAnswer | Failure::Silence | Failure::Connection(_) => true,
        }
    }
}

impl From<kube::Error> for Failure {
    fn from(error: kube::Error) -> Failure {
        match error {
            kube::Error::Api(status) => Failure::Refused { code: status.code, message: status.message },
            kube::Error::SerdeError(_) => Failure::Unreadable(error.to_string()),
            error => Failure::Connection(error.to_string()),
        }
    }
}

impl From<Elapsed> for Failure {
    fn from(_: Elapsed) -> Failure {
        Failure::NoAnswer
    }
}
