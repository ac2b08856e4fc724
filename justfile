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

# Formats the code.
fmt:
    cargo fmt --all
