//! Requests: for a token in each version of the API, and for permissions.

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use url::Url;

use crate::core::config::{ApiVersion, Config};
use crate::core::permissions::{ChangeKind, PermissionsChange, PermissionsQuery};
use crate::core::user::{Resource, ResourceType, User};
use crate::core::velt::transport::Request;

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
    /// Velt's reference marks the field as required, but the sample in Velt's guide leaves it out if
    /// there is no organization.
    #[serde(skip_serializing_if = "Permissions::is_empty")]
    permissions: Permissions<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct V2Properties<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    is_admin: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
}

#[derive(Serialize)]
struct Permissions<'a> {
    resources: Vec<&'a Resource>,
}

impl Permissions<'_> {
    fn is_empty(&self) -> bool {
        self.resources.is_empty()
    }
}

#[derive(Serialize)]
struct AddPermissions<'a> {
    user: UserId<'a>,
    permissions: Permissions<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UserId<'a> {
    user_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RemovePermissions<'a> {
    user_id: &'a str,
    permissions: Permissions<'a>,
}

/// The URL of the token endpoint.
#[must_use]
pub fn token_url(config: &Config) -> Url {
    let path = match config.api_version {
        ApiVersion::V1 => "/v1/auth/token/get",
        ApiVersion::V2 => "/v2/auth/generate_token",
    };
    url(config, path)
}

/// A request for a token.
#[must_use]
pub fn token(config: &Config, auth_token: &SecretString, user: &User) -> Request {
    let url = token_url(config);
    match config.api_version {
        ApiVersion::V1 => Request {
            url,
            headers: HeaderMap::from_iter([json_type()]),
            body: json(V1 {
                api_key: config.api_key.expose_secret(),
                auth_token: auth_token.expose_secret(),
                user_id: &user.user_id,
                user_properties: V1Properties {
                    is_admin: user.is_admin,
                    organization_id: user.organization_id.as_deref(),
                    email: user.email.as_deref(),
                },
            }),
        },
        ApiVersion::V2 => {
            let organization = missing_organization(user);
            let resources = organization
                .iter()
                .chain(user.resources.iter().flatten())
                .collect();
            let data = V2 {
                user_id: &user.user_id,
                user_properties: V2Properties {
                    is_admin: user.is_admin,
                    name: user.name.as_deref(),
                    email: user.email.as_deref(),
                },
                permissions: Permissions { resources },
            };
            v2(config, auth_token, url, data)
        }
    }
}

/// A request that adds or removes permissions.
#[must_use]
pub fn permissions_change(
    config: &Config,
    auth_token: &SecretString,
    change: &PermissionsChange,
) -> Request {
    let user_id = &change.user_id;
    let permissions = Permissions {
        resources: change.resources.iter().collect(),
    };
    match change.kind {
        ChangeKind::Add => {
            let user = UserId { user_id };
            let data = AddPermissions { user, permissions };
            let url = url(config, "/v2/auth/permissions/add");
            v2(config, auth_token, url, data)
        }
        ChangeKind::Remove => {
            let data = RemovePermissions {
                user_id,
                permissions,
            };
            let url = url(config, "/v2/auth/permissions/remove");
            v2(config, auth_token, url, data)
        }
    }
}

/// A request for the permissions of users.
#[must_use]
pub fn permissions_query(
    config: &Config,
    auth_token: &SecretString,
    query: &PermissionsQuery,
) -> Request {
    let url = url(config, "/v2/auth/permissions/get");
    v2(config, auth_token, url, query)
}

fn v2(config: &Config, auth_token: &SecretString, url: Url, data: impl Serialize) -> Request {
    let headers = [
        json_type(),
        sensitive("x-velt-api-key", &config.api_key),
        sensitive("x-velt-auth-token", auth_token),
    ];
    Request {
        url,
        headers: HeaderMap::from_iter(headers),
        body: json(data),
    }
}

fn url(config: &Config, path: &str) -> Url {
    let mut url = config.base_url.clone();
    url.set_path(&format!("{}{path}", url.path().trim_end_matches('/')));
    url
}

fn json_type() -> (HeaderName, HeaderValue) {
    (CONTENT_TYPE, HeaderValue::from_static("application/json"))
}

fn sensitive(name: &'static str, secret: &SecretString) -> (HeaderName, HeaderValue) {
    let value = HeaderValue::from_str(secret.expose_secret());
    let mut value = value.expect("a credential has only visible ASCII characters");
    value.set_sensitive(true);
    (HeaderName::from_static(name), value)
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
            expires_in: None,
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
        let config = config(api_version, "https://api.velt.dev");
        String::from_utf8(token(&config, &"YOUR_AUTH_TOKEN".into(), user).body).unwrap()
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
            expires_in: None,
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
            expires_in: None,
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
    fn v2_has_the_body_of_the_guide() {
        let mut user = User {
            user_id: "user123".into(),
            email: Some("john@example.com".into()),
            name: Some("John Doe".into()),
            is_admin: Some(false),
            ..User::default()
        };
        let without_organization = concat!(
            r#"{"data":{"userId":"user123","userProperties":{"isAdmin":false,"name":"John Doe","#,
            r#""email":"john@example.com"}"#,
        );
        assert_eq!(
            body_of(ApiVersion::V2, &user),
            format!("{without_organization}}}}}"),
        );
        user.resources = Some(Vec::new());
        assert_eq!(
            body_of(ApiVersion::V2, &user),
            format!("{without_organization}}}}}"),
        );
        user.organization_id = Some("org_123".into());
        assert_eq!(
            body_of(ApiVersion::V2, &user),
            format!(
                r#"{without_organization},"permissions":{{"resources":[{{"type":"organization","id":"org_123"}}]}}}}}}"#
            ),
        );
        let only_id = User {
            user_id: "user123".into(),
            ..User::default()
        };
        assert_eq!(
            body_of(ApiVersion::V2, &only_id),
            r#"{"data":{"userId":"user123","userProperties":{}}}"#,
        );
    }

    #[test]
    fn the_path_is_appended_to_the_base_url() {
        let of = |version, base| token_url(&config(version, base)).to_string();
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
        let user = User {
            user_id: "u".into(),
            ..User::default()
        };
        let headers = |version| {
            let config = config(version, "https://api.velt.dev");
            token(&config, &"YOUR_AUTH_TOKEN".into(), &user).headers
        };
        assert_eq!(headers(ApiVersion::V1).len(), 1);
        let headers = headers(ApiVersion::V2);
        assert_eq!(headers["x-velt-api-key"], "YOUR_API_KEY");
        assert_eq!(headers["x-velt-auth-token"], "YOUR_AUTH_TOKEN");
        assert!(!format!("{headers:?}").contains("YOUR_"));
    }
}
