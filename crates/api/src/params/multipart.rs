//! Form fields of a `multipart/form-data` body. Source: RFC 7578, and what Go's `ParseMultipartForm` makes of it.
//!
//! Bodies are small and whole in memory (a cap stands before), so that this is a walk over one slice.

/// The most parts that a body may have, as in Go.
const PARTS_MAX: usize = 1000;

/// The boundary that a content type of this kind names.
pub(super) fn boundary_of(content_type: &str) -> Option<&str> {
    let (media, parameters) = content_type.split_once(';')?;
    if !media.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = parameter(parameters, "boundary")?;
    (1..=70).contains(&boundary.len()).then_some(boundary)
}

/// The name and value of each field; files are left out.
///
/// # Errors
/// What is wrong with the body, and at which byte.
pub(super) fn parse(body: &[u8], boundary: &str) -> Result<Vec<(String, String)>, String> {
    let delimiter = format!("\r\n--{boundary}");
    let fail = |at: usize, what: &str| Err(format!("multipart body: expected {what} at byte {at}"));
    let mut fields = Vec::new();
    // The first delimiter may stand at the very start, without its line break.
    let Some(mut at) = (if body.starts_with(&delimiter.as_bytes()[2..]) {
        Some(delimiter.len() - 2)
    } else {
        find(body, delimiter.as_bytes(), 0).map(|start| start + delimiter.len())
    }) else {
        return fail(0, "the boundary that the content type names");
    };
    for _ in 0..PARTS_MAX {
        if body[at..].starts_with(b"--") {
            return Ok(fields);
        }
        let Some(head_end) = find(body, b"\r\n\r\n", at) else { return fail(at, "the headers of a part") };
        let content = head_end + 4;
        // An empty value: the delimiter's line break is that of the headers' end.
        let Some(end) = find(body, delimiter.as_bytes(), head_end + 2) else {
            return fail(content, "the end of a part");
        };
        if let Some(name) = field_name(&body[at..head_end]) {
            let value = body.get(content..end).unwrap_or_default();
            fields.push((name, String::from_utf8_lossy(value).into_owned()));
        }
        at = end + delimiter.len();
    }
    Err(format!("multipart body: more than {PARTS_MAX} parts"))
}

/// The field's name from the headers of a part, unless it is a file.
fn field_name(headers: &[u8]) -> Option<String> {
    let headers = String::from_utf8_lossy(headers);
    let disposition = headers.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("content-disposition").then_some(value)
    })?;
    let (kind, parameters) = disposition.split_once(';')?;
    let is_field = kind.trim().eq_ignore_ascii_case("form-data") && parameter(parameters, "filename").is_none();
    is_field.then(|| parameter(parameters, "name").map(str::to_owned)).flatten()
}

/// The value of `name=value` or `name="value"` among parameters that semicolons divide.
fn parameter<'a>(parameters: &'a str, wanted: &str) -> Option<&'a str> {
    parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim().trim_matches('"'))
    })
}

fn find(body: &[u8], what: &[u8], from: usize) -> Option<usize> {
    body.get(from..)?.windows(what.len()).position(|window| window == what).map(|at| from + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_and_files_left_out() {
        assert_eq!(boundary_of("multipart/form-data; boundary=\"x y\""), Some("x y"));
        assert_eq!(boundary_of("application/x-www-form-urlencoded; boundary=x"), None);
        let body = "preamble\r\n--B\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\nup\r\n--B\r\n\
                    content-disposition: form-data; name=\"f\"; filename=\"a\"\r\n\r\nfile\r\n--B\r\n\
                    Content-Disposition: form-data; name=\"empty\"\r\n\r\n\r\n--B--\r\n";
        let fields = parse(body.as_bytes(), "B").unwrap();
        assert_eq!(fields, [("query".to_owned(), "up".to_owned()), ("empty".to_owned(), String::new())]);
        assert!(parse(b"--B--", "B").unwrap().is_empty());
    }

    #[test]
    fn a_broken_body_says_where() {
        assert_eq!(
            parse(b"", "B").unwrap_err(),
            "multipart body: expected the boundary that the content type names at byte 0"
        );
        assert_eq!(parse(b"--B\r\nx", "B").unwrap_err(), "multipart body: expected the headers of a part at byte 3");
        assert_eq!(
            parse(b"--B\r\nx\r\n\r\nv", "B").unwrap_err(),
            "multipart body: expected the end of a part at byte 10"
        );
        let many = "--B\r\n\r\n".to_owned() + &"\r\n--B\r\n\r\n".repeat(PARTS_MAX);
        assert_eq!(parse(many.as_bytes(), "B").unwrap_err(), "multipart body: more than 1000 parts");
    }
}
