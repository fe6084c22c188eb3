//! A request for a token in each version of the API.

use reqwest::header::{HeaderMap, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use url::Url;

use crate::core::config::{ApiVersion, Config};
use crate::core::error::Error;
use crate::core::user::{Resource, ResourceType, User};

#[derive(Serialize)]
struct Envelope<T> {
    data: T,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct V1<'a> {
    api_key: &'a str,
    auth_token: &'a str,
    user_id: &'a str,
    #[serde(skip_serializing_if = "V1Properties::is_empty")]
    user_properties: V1Properties<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct V1Properties<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    is_admin: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
}

impl V1Properties<'_> {
    fn is_empty(&self) -> bool {
        self.is_admin.is_none() && self.organization_id.is_none() && self.email.is_none()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct V2<'a> {
    user_id: &'a str,
    user_properties: V2Properties<'a>,
    permissions: Permissions<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct V2Properties<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_admin: Option<bool>,
}

#[derive(Serialize)]
struct Permissions<'a> {
    resources: Vec<&'a Resource>,
}

/// The URL of the endpoint in Velt's token API.
///
/// # Errors
/// None for a base URL that [`Config`] has validated.
pub fn endpoint(config: &Config) -> Result<Url, Error> {
    let path = match config.api_version {
        ApiVersion::V1 => "/v1/auth/token/get",
        ApiVersion::V2 => "/v2/auth/generate_token",
    };
    Url::parse(&format!(
        "{}{path}",
        config.base_url.as_str().trim_end_matches('/')
    ))
    .map_err(|error| Error::config(format!("baseUrl cannot be used: {error}.")))
}

/// The headers of every request.
///
/// # Errors
/// None for credentials that [`Config`] has validated.
pub fn headers(config: &Config) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    if config.api_version == ApiVersion::V2 {
        headers.insert("x-velt-api-key", sensitive("apiKey", &config.api_key)?);
        headers.insert(
            "x-velt-auth-token",
            sensitive("authToken", &config.auth_token)?,
        );
    }
    Ok(headers)
}

fn sensitive(name: &str, secret: &SecretString) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::from_str(secret.expose_secret())
        .map_err(|_| Error::config(format!("{name} cannot be sent in a header.")))?;
    value.set_sensitive(true);
    Ok(value)
}

/// The body of a request for a token.
#[must_use]
pub fn body(config: &Config, user: &User) -> Vec<u8> {
    match config.api_version {
        ApiVersion::V1 => json(V1 {
            api_key: config.api_key.expose_secret(),
            auth_token: config.auth_token.expose_secret(),
            user_id: &user.user_id,
            user_properties: V1Properties {
                is_admin: user.is_admin,
                organization_id: user.organization_id.as_deref(),
                email: user.email.as_deref(),
            },
        }),
        ApiVersion::V2 => {
            let organization = missing_organization(user);
            json(V2 {
                user_id: &user.user_id,
                user_properties: V2Properties {
                    name: user.name.as_deref(),
                    email: user.email.as_deref(),
                    is_admin: user.is_admin,
                },
                permissions: Permissions {
                    resources: organization
                        .iter()
                        .chain(user.resources.iter().flatten())
                        .collect(),
                },
            })
        }
    }
}

/// In v2 the organization is a resource, not a user property. If the user lists it among the resources,
/// that entry is used: it may have a role and an expiry.
fn missing_organization(user: &User) -> Option<Resource> {
    let id = user.organization_id.as_ref()?;
    let is_it =
        |resource: &&Resource| resource.r#type == ResourceType::Organization && &resource.id == id;
    user.resources
        .iter()
        .flatten()
        .find(is_it)
        .is_none()
        .then(|| Resource {
            r#type: ResourceType::Organization,
            id: id.clone(),
            organization_id: None,
            access_role: None,
            expires_at: None,
        })
}

fn json<T: Serialize>(data: T) -> Vec<u8> {
    serde_json::to_vec(&Envelope { data }).expect("these types always serialize")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::config::Options;
    use crate::core::user::AccessRole;

    fn config(api_version: ApiVersion, base_url: &str) -> Config {
        Config::new(Options {
            api_key: "YOUR_API_KEY".into(),
            auth_token: "YOUR_AUTH_TOKEN".into(),
            api_version,
            base_url: Some(base_url.to_owned()),
            ..Options::default()
        })
        .unwrap()
    }

    fn body_of(api_version: ApiVersion, user: &User) -> String {
        String::from_utf8(body(&config(api_version, "https://api.velt.dev"), user)).unwrap()
    }

    #[test]
    fn v1_has_the_body_of_the_guide() {
        let user = User {
            user_id: "yourUserId".into(),
            organization_id: Some("YOUR_ORGANIZATION_ID".into()),
            email: Some("USER_EMAIL".into()),
            is_admin: Some(true),
            ..User::default()
        };
        assert_eq!(
            body_of(ApiVersion::V1, &user),
            concat!(
                r#"{"data":{"apiKey":"YOUR_API_KEY","authToken":"YOUR_AUTH_TOKEN","#,
                r#""userId":"yourUserId","userProperties":{"isAdmin":true,"#,
                r#""organizationId":"YOUR_ORGANIZATION_ID","email":"USER_EMAIL"}}}"#,
            ),
        );
        let only_id = User {
            user_id: "yourUserId".into(),
            ..User::default()
        };
        assert_eq!(
            body_of(ApiVersion::V1, &only_id),
            concat!(
                r#"{"data":{"apiKey":"YOUR_API_KEY","authToken":"YOUR_AUTH_TOKEN","#,
                r#""userId":"yourUserId"}}"#,
            ),
        );
    }

    #[test]
    fn v2_carries_the_organization_as_a_resource_once() {
        let document = Resource {
            r#type: ResourceType::Document,
            id: "doc".into(),
            organization_id: Some("org".into()),
            access_role: Some(AccessRole::Viewer),
            expires_at: Some(1_800_000_000),
        };
        let mut user = User {
            user_id: "u".into(),
            organization_id: Some("org".into()),
            name: Some("Ada".into()),
            resources: Some(vec![document]),
            ..User::default()
        };
        assert_eq!(
            body_of(ApiVersion::V2, &user),
            concat!(
                r#"{"data":{"userId":"u","userProperties":{"name":"Ada"},"permissions":{"#,
                r#""resources":[{"type":"organization","id":"org"},{"type":"document","#,
                r#""id":"doc","organizationId":"org","accessRole":"viewer","#,
                r#""expiresAt":1800000000}]}}}"#,
            ),
        );
        let own_entry = Resource {
            r#type: ResourceType::Organization,
            id: "org".into(),
            organization_id: None,
            access_role: Some(AccessRole::Viewer),
            expires_at: None,
        };
        user.resources = Some(vec![own_entry]);
        assert_eq!(
            body_of(ApiVersion::V2, &user),
            concat!(
                r#"{"data":{"userId":"u","userProperties":{"name":"Ada"},"permissions":{"#,
                r#""resources":[{"type":"organization","id":"org","accessRole":"viewer"}]}}}"#,
            ),
        );
    }

    #[test]
    fn the_path_is_appended_to_the_base_url() {
        let of = |version, base| endpoint(&config(version, base)).unwrap().to_string();
        let v1 = "https://api.velt.dev/v1/auth/token/get";
        assert_eq!(of(ApiVersion::V1, "https://api.velt.dev"), v1);
        assert_eq!(of(ApiVersion::V1, "https://api.velt.dev/"), v1);
        assert_eq!(
            of(ApiVersion::V2, "https://edge.example/velt/"),
            "https://edge.example/velt/v2/auth/generate_token",
        );
    }

    #[test]
    fn v2_sends_credentials_in_headers_marked_sensitive() {
        assert_eq!(
            headers(&config(ApiVersion::V1, "https://api.velt.dev"))
                .unwrap()
                .len(),
            1
        );
        let headers = headers(&config(ApiVersion::V2, "https://api.velt.dev")).unwrap();
        assert_eq!(headers["x-velt-api-key"], "YOUR_API_KEY");
        assert_eq!(headers["x-velt-auth-token"], "YOUR_AUTH_TOKEN");
        assert!(!format!("{headers:?}").contains("YOUR_"));
    }
}
