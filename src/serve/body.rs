//! Reads a request's body into memory, within bounds of size and time.

use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use hyper::body::Bytes;

use super::shed::Overloaded;

/// Bytes made room for before any arrived: most reviews fit.
const AT_FIRST: usize = 16 << 10;

/// Why a body could not be read. As a response it has the status and a sentence.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// 413.
    #[error("The request's body is larger than the {max} bytes that Draingate accepts.")]
    TooLarge {
        /// The limit in bytes.
        max: usize,
    },
    /// 408.
    #[error("The request's body did not arrive within {} seconds.", .limit.as_secs_f64())]
    Timeout {
        /// The limit.
        limit: Duration,
    },
    /// 429.
    #[error(transparent)]
    Overloaded(#[from] Overloaded),
    /// 400.
    #[error("The request's body could not be read: {0}.")]
    Broken(String),
}

impl BodyError {
    /// The HTTP status for it.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Timeout { .. } => StatusCode::REQUEST_TIMEOUT,
            Self::Overloaded(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Broken(_) => StatusCode::BAD_REQUEST,
        }
    }
}

impl IntoResponse for BodyError {
    fn into_response(self) -> Response {
        match self {
            Self::Overloaded(overloaded) => overloaded.into_response(),
            _ => (self.status(), format!("{self}\n")).into_response(),
        }
    }
}

/// Reads the whole body: at most `max` bytes within `limit`.
///
/// # Errors
/// When it is larger, slower, or broken off.
pub async fn read_body(body: Body, max: usize, limit: Duration) -> Result<Bytes, BodyError> {
    // One that announces too much is not read at all.
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > max {
        return Err(BodyError::TooLarge { max });
    }
    match tokio::time::timeout(limit, collect(body, announced, max)).await {
        Ok(result) => result,
        Err(_elapsed) => Err(BodyError::Timeout { limit }),
    }
}

async fn collect(mut body: Body, announced: usize, max: usize) -> Result<Bytes, BodyError> {
    let mut bytes = Vec::with_capacity(announced.min(AT_FIRST));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broken(&error))?;
        let Ok(data) = frame.into_data() else { continue };
        if data.len() > max - bytes.len() {
            return Err(BodyError::TooLarge { max });
        }
        // Grown by what has arrived: what is only announced takes no memory.
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.into())
}

/// The innermost cause, which says what happened; the outer ones say where.
fn broken(error: &axum::Error) -> BodyError {
    let mut error: &(dyn std::error::Error + 'static) = error;
    while let Some(source) = error.source() {
        error = source;
    }
    match error.downcast_ref::<Overloaded>() {
        Some(overloaded) => BodyError::Overloaded(*overloaded),
        None => BodyError::Broken(error.to_string()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{BodyError, read_body};
    use axum::body::Body;
    use futures::stream;
    use std::io;
    use std::time::Duration;

    const LIMIT: Duration = Duration::from_secs(5);

    fn chunks(chunks: Vec<io::Result<&'static str>>) -> Body {
        Body::from_stream(stream::iter(chunks))
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_the_limit() {
        assert_eq!(read_body(Body::from("12345"), 5, LIMIT).await.unwrap(), "12345");
        assert_eq!(read_body(chunks(vec![Ok("123"), Ok("45")]), 5, LIMIT).await.unwrap(), "12345");
        for body in [Body::from("123456"), chunks(vec![Ok("123"), Ok("456")])] {
            let error = read_body(body, 5, LIMIT).await.unwrap_err();
            assert!(matches!(error, BodyError::TooLarge { max: 5 }), "{error}");
        }
    }

    #[tokio::test]
    async fn a_broken_body_says_why() {
        let error = read_body(chunks(vec![Ok("1"), Err(io::Error::other("gone"))]), 5, LIMIT).await.unwrap_err();
        assert_eq!(
            (error.status().as_u16(), error.to_string().as_str()),
            (400, "The request's body could not be read: gone.")
        );
    }

    #[tokio::test]
    async fn a_slow_body_is_given_up() {
        let error = read_body(Body::from_stream(stream::pending::<io::Result<&str>>()), 5, Duration::from_millis(50))
            .await
            .unwrap_err();
        assert_eq!(
            (error.status().as_u16(), error.to_string().as_str()),
            (408, "The request's body did not arrive within 0.05 seconds.")
        );
    }
}
