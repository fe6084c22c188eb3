//! Sets the linker flags that a Node.js addon needs, when there is an addon.

fn main() {
    #[cfg(feature = "binding")]
    napi_build::setup();
}
