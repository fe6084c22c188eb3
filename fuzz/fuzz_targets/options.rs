//! The options that hold URLs and other text. The input has one option per line: `baseUrl`, the URL of
//! the proxy, `NO_PROXY`, `ca`.

#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use url::Host;
use velt_auth::core::config::{Config, Proxy};
use velt_auth::core::velt::endpoint::VeltEndpoint;
use velt_auth::core::{Code, Options};

fuzz_target!(|input: &str| {
    let mut lines = input.splitn(4, '\n');
    let mut line = || lines.next().filter(|line| !line.is_empty());
    let options = Options {
        api_key: "key".into(),
        auth_token: "auth".into(),
        base_url: line().map(ToOwned::to_owned),
        proxy: line().map(|url| Proxy {
            url: url.into(),
            bypass: line().map(ToOwned::to_owned),
        }),
        ca: line().map(ToOwned::to_owned),
        ..Options::default()
    };
    let config = match Config::new(options) {
        Ok(config) => config,
        Err(error) => return assert_eq!(error.code, Code::Config),
    };
    let url = &config.base_url;
    assert!(url.username().is_empty() && url.password().is_none() && url.query().is_none());
    match url.scheme() {
        "https" => {}
        "http" => assert!(match url.host().unwrap() {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
        }),
        scheme => panic!("{scheme}"),
    }
    if let Err(error) = VeltEndpoint::new(Arc::new(config), Arc::default()) {
        assert_eq!(error.code, Code::Config);
    }
});
