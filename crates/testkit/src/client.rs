//! A plain blocking HTTP client for tests, which shares no code with the server under test.

use std::time::Duration;

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Body, decompressed; what is not UTF-8 in it is replaced.
    pub body: String,
    /// The body's bytes.
    pub bytes: Vec<u8>,
    /// `Retry-After`, if sent.
    pub retry_after: Option<String>,
    /// All headers, names in lower case.
    pub headers: Vec<(String, String)>,
}

impl Answer {
    /// The first header of a name, given in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none; the message shows the body.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("not JSON ({e}): {}", self.body))
    }
}

/// A client with kept-alive connections. Error statuses are answers.
#[derive(Clone)]
pub struct Http(ureq::Agent);

impl Default for Http {
    fn default() -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(60)))
            .build();
        Self(config.into())
    }
}

impl Http {
    /// GET with headers.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn get(&self, url: &str, headers: &[(&str, &str)]) -> Result<Answer, String> {
        let mut request = self.0.get(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(request.call())
    }

    /// POST of bytes with headers.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn post(&self, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Answer, String> {
        let mut request = self.0.post(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(request.send(body))
    }

    /// DELETE without headers.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn delete(&self, url: &str) -> Result<Answer, String> {
        answer(self.0.delete(url).call())
    }
}

fn answer(outcome: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Answer, String> {
    let mut response = outcome.map_err(|e| e.to_string())?;
    let retry_after = response.headers().get("retry-after").and_then(|v| v.to_str().ok()).map(str::to_owned);
    let text = |value: &ureq::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = response.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    let bytes = response.body_mut().with_config().limit(1 << 30).read_to_vec().map_err(|e| e.to_string())?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Ok(Answer { status: response.status().as_u16(), body: text, bytes, retry_after, headers })
}

/// Percent-encodes everything but letters and digits.
#[must_use]
pub fn percent_encode(text: &str) -> String {
    let encode = |b: u8| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") };
    text.bytes().map(encode).collect()
}
