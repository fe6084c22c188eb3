//! The header `traceparent` of W3C Trace Context.

use reqwest::header::HeaderValue;

/// The length of version 00: `00-` trace id `-` span id `-` flags.
const LENGTH: usize = 55;

/// A header of version 00, such as `00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traceparent([u8; LENGTH]);

impl Traceparent {
    /// `None` for another format, so that nothing else is sent in the header.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; LENGTH] = text.as_bytes().try_into().ok()?;
        let is_valid = bytes.iter().enumerate().all(|(index, byte)| match index {
            0 | 1 => *byte == b'0',
            2 | 35 | 52 => *byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        });
        is_valid.then_some(Self(bytes))
    }

    /// The value of the header.
    ///
    /// # Panics
    /// Never: the bytes are ASCII.
    #[must_use]
    pub fn header(&self) -> HeaderValue {
        HeaderValue::from_bytes(&self.0).expect("hexadecimal digits and hyphens")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_version_00_is_parsed() {
        let valid = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(Traceparent::parse(valid).unwrap().header(), valid);
        let long = format!("{valid}0");
        let upper = valid.to_uppercase();
        let version = valid.replacen("00", "01", 1);
        let moved = valid.replace("-b", "b-");
        for invalid in ["", &valid[..54], &long, &upper, &version, &moved] {
            assert_eq!(Traceparent::parse(invalid), None, "{invalid}");
        }
    }
}
