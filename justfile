# Short names for the tasks; the tasks themselves are in xtask.

# Lists the recipes.
default:
    @just --list

# Formatting, lints, the wasm32 build and the dependency rules.
check:
    cargo xtask check

# Everything that has to hold before a change lands.
test:
    cargo xtask test

# The figures of docs/benchmarks.md; `just bench --quick` for smaller sizes.
bench *args:
    cargo xtask bench {{args}}

# The whole loop on real trees, left in target/demo to play with.
demo:
    cargo xtask demo

# What is generated of the contract: its document, TypeScript, the table of operations.
typegen:
    UPDATE_OPENAPI=1 cargo test -p workspace-http --all-features --lib openapi
    cargo xtask typegen

# Formats the code.
fmt:
    cargo fmt --all
