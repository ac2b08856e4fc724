//! How much memory the stripper can have, on every host the same.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_ARCH").as_deref() == Ok("wasm32") {
        // A Worker has 128 MiB in all.
        println!("cargo::rustc-link-arg-cdylib=--max-memory={}", 96 << 20);
        println!("cargo::rustc-link-arg-cdylib=-zstack-size={}", 1 << 20);
    }
}
