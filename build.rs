//! Sets the linker flags that a Node.js addon needs, if the feature `binding` is on.

fn main() {
    #[cfg(feature = "binding")]
    napi_build::setup();
}
