//! Every response that Velt documents, and responses of proxies.

use reqwest::header::HeaderMap;

use super::*;

const NOW: SystemTime = SystemTime::UNIX_EPOCH;

/// The credentials must live as long as the context.
fn with_context<T>(use_context: impl FnOnce(Context<'_>) -> T) -> T {
    use_context(Context {
        now: NOW,
        api_key: &"api-key-1".into(),
        auth_token: &"auth-token-1".into(),
    })
}

fn read(response: &Response) -> Result<Token, Error> {
    with_context(|context| token(response, context))
}

fn refusal(http_status: u16, body: &str) -> Error {
    let response = Response {
        status: http_status,
        headers: HeaderMap::new(),
        body: body.into(),
    };
    read(&response).unwrap_err()
}

#[test]
fn the_status_decides_whatever_the_http_status_is() {
    let table = [
        ("UNAUTHENTICATED", Code::Unauthorized, false),
        ("PERMISSION_DENIED", Code::Unauthorized, false),
        ("RESOURCE_EXHAUSTED", Code::RateLimited, true),
        ("UNAVAILABLE", Code::Unavailable, true),
        ("INTERNAL", Code::Unavailable, true),
        ("UNKNOWN", Code::Unavailable, true),
        ("ABORTED", Code::Unavailable, true),
        ("CANCELLED", Code::Unavailable, true),
        ("DEADLINE_EXCEEDED", Code::Unavailable, true),
        ("INVALID_ARGUMENT", Code::Rejected, false),
        ("FAILED_PRECONDITION", Code::Rejected, false),
        ("OUT_OF_RANGE", Code::Rejected, false),
        ("NOT_FOUND", Code::Rejected, false),
        ("ALREADY_EXISTS", Code::Rejected, false),
        ("UNIMPLEMENTED", Code::Rejected, false),
        ("DATA_LOSS", Code::Rejected, false),
    ];
    for http_status in [200, 400, 401, 429, 503] {
        for (status, code, retryable) in table {
            let body = format!(r#"{{"error":{{"message":"No.","status":"{status}"}}}}"#);
            let error = refusal(http_status, &body);
            assert_eq!((error.code, error.retryable), (code, retryable), "{status}");
            assert_eq!(error.status.as_deref(), Some(status));
            assert_eq!(error.http_status, Some(http_status));
            assert_eq!(error.cause.as_deref(), Some("Velt responded: No."));
        }
    }
}

#[test]
fn without_a_status_the_http_status_decides() {
    let table = [
        (200, Code::BadResponse, true),
        (204, Code::BadResponse, true),
        (302, Code::BadResponse, false),
        (400, Code::Rejected, false),
        (401, Code::Unauthorized, false),
        (403, Code::Unauthorized, false),
        (404, Code::Rejected, false),
        (408, Code::Unavailable, true),
        (429, Code::RateLimited, true),
        (500, Code::Unavailable, true),
        (501, Code::Rejected, false),
        (502, Code::Unavailable, true),
        (503, Code::Unavailable, true),
        (504, Code::Unavailable, true),
    ];
    let bodies = [
        "",
        "<html>",
        "{}",
        r#"{"error":"no"}"#,
        r#"{"error":{"status":7}}"#,
    ];
    for (http_status, code, retryable) in table {
        for body in bodies {
            let error = refusal(http_status, body);
            assert_eq!(
                (error.code, error.retryable),
                (code, retryable),
                "{http_status}"
            );
            assert_eq!((error.status, error.cause), (None, None));
        }
    }
}

#[test]
fn a_field_of_the_wrong_type_hides_no_other_field() {
    for message in ["null", "7", "{}", "[]", "true"] {
        let body = format!(r#"{{"error":{{"message":{message},"status":"NOT_FOUND"}}}}"#);
        let error = refusal(502, &body);
        assert_eq!(error.status.as_deref(), Some("NOT_FOUND"), "{message}");
        assert_eq!((error.code, error.cause), (Code::Rejected, None));
    }
    for status in ["null", "7", "{}", "[]", "true"] {
        let body = format!(r#"{{"error":{{"message":"No.","status":{status}}}}}"#);
        let error = refusal(502, &body);
        assert_eq!((error.code, error.status), (Code::Unavailable, None));
        let cause = error.cause.as_deref();
        assert_eq!(cause, Some("Velt responded: No."), "{status}");
    }
}

#[test]
fn wrong_credentials_are_distinguished_from_other_invalid_arguments() {
    let body = |message: &str| {
        format!(r#"{{"error":{{"message":"{message}","status":"INVALID_ARGUMENT"}}}}"#)
    };
    for message in [
        "Auth token not found.",
        "Invalid API key",
        "apiKey is required",
    ] {
        assert_eq!(
            refusal(400, &body(message)).code,
            Code::Unauthorized,
            "{message}"
        );
    }
    assert_eq!(
        refusal(400, &body("userId is required")).code,
        Code::Rejected
    );
}

#[test]
fn only_a_non_empty_string_is_a_token() {
    let response = |token: &str| Response {
        status: 200,
        headers: HeaderMap::new(),
        body: format!(r#"{{"result":{{"status":"success","data":{{"token":{token}}}}}}}"#).into(),
    };
    assert_eq!(read(&response(r#""tok""#)).unwrap().expose(), "tok");
    for token in [r#""""#, r#"" ""#, "null", "7", "{}", r#"["tok"]"#] {
        let error = read(&response(token)).unwrap_err();
        assert_eq!(error.code, Code::BadResponse, "{token}");
    }
}

#[test]
fn retry_after_is_read_in_both_its_forms() {
    let read = |text| retry_after(&HeaderValue::from_static(text), NOW);
    assert_eq!(read("7"), Some(Duration::from_secs(7)));
    assert_eq!(read("0"), Some(Duration::ZERO));
    assert_eq!(
        read("Thu, 01 Jan 1970 00:00:09 GMT"),
        Some(Duration::from_secs(9))
    );
    assert_eq!(read("18446744073709551615"), Some(MAX_RETRY_AFTER_HEADER));
    assert_eq!(
        read("Fri, 31 Dec 9999 23:59:59 GMT"),
        Some(MAX_RETRY_AFTER_HEADER)
    );
    for text in ["", "-1", "1.5", "soon", "99999999999999999999999"] {
        assert_eq!(read(text), None, "{text}");
    }
    let past = NOW + Duration::from_secs(60);
    let date = HeaderValue::from_static("Thu, 01 Jan 1970 00:00:09 GMT");
    assert_eq!(retry_after(&date, past), Some(Duration::ZERO));
}

#[test]
fn velts_message_is_short_and_contains_no_secret() {
    let say = |message: &str| with_context(|context| velts_message(message, context));
    assert_eq!(say("Auth token auth-token-1 not found."), None);
    assert_eq!(say("Key api-key-1 is unknown."), None);
    assert_eq!(say("a\n\u{1b}[31mb").unwrap(), "Velt responded: a[31mb");
    assert_eq!(
        say(&"x".repeat(5000)).unwrap().len(),
        "Velt responded: ".len() + 200
    );
}

#[test]
fn a_status_that_is_no_known_code_is_dropped() {
    let error = refusal(400, r#"{"error":{"message":"","status":"Your key: abc"}}"#);
    assert_eq!((error.code, error.status), (Code::Rejected, None));
}

fn response(status: u16, body: &str) -> Response {
    Response {
        status,
        headers: HeaderMap::new(),
        body: body.into(),
    }
}

#[test]
fn permissions_are_read_as_the_reference_shows_them() {
    let read = |status, body| with_context(|context| permissions(&response(status, body), context));
    let denied = r#"{"result":{"status":"success","message":"User permissions retrieved successfully.",
        "data":{"1.1":{"documents":{"document5":{"error":"User does not have access to document",
        "errorCode":"permission_denied","accessType":"restricted"}},
        "organization":{"org1":{"accessRole":"editor"}}}}}}"#;
    let data = read(200, denied).unwrap();
    assert_eq!(
        data["1.1"]["documents"]["document5"]["errorCode"],
        "permission_denied"
    );
    let missing = r#"{"error":{"details":{"1.1":{"documents":{"doc":{"error":"Document does not exist",
        "errorCode":"does_not_exist"}},"organization":{"org1":{"accessRole":"editor"}}}},
        "message":"Folder or document does not exist","status":"NOT_FOUND"}}"#;
    let data = read(404, missing).unwrap();
    assert_eq!(
        data["1.1"]["documents"]["doc"]["errorCode"],
        "does_not_exist"
    );

    for (status, body, code) in [
        (200, r#"{"result":{"status":"success"}}"#, Code::BadResponse),
        (200, r#"{"result":{"data":{"1.1":7}}}"#, Code::BadResponse),
        (200, r#"{"result":{"data":[]}}"#, Code::BadResponse),
        (
            404,
            r#"{"error":{"message":"No.","status":"NOT_FOUND"}}"#,
            Code::Rejected,
        ),
        (
            404,
            r#"{"error":{"details":{},"message":"No.","status":"NOT_FOUND"}}"#,
            Code::Rejected,
        ),
        (
            400,
            r#"{"error":{"details":{"1.1":{}},"status":"INVALID_ARGUMENT"}}"#,
            Code::Rejected,
        ),
    ] {
        assert_eq!(read(status, body).unwrap_err().code, code, "{body}");
    }
}

#[test]
fn a_change_of_permissions_needs_the_status_success() {
    let read = |body| with_context(|context| permissions_change(&response(200, body), context));
    let body = r#"{"result":{"status":"success","message":"Permissions added successfully."}}"#;
    read(body).unwrap();
    for body in [
        "{}",
        r#"{"result":{}}"#,
        r#"{"result":{"status":"failure"}}"#,
    ] {
        assert_eq!(read(body).unwrap_err().code, Code::BadResponse, "{body}");
    }
}
