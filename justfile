# Everything a developer types. `just` lists it.
_default:
    @just --list

# What CI runs, without installing anything.
check:
    cargo fmt --check
    cargo clippy --locked --all-targets -- -D warnings
    cargo test --locked

# Rewrite golden files and the schema; read the diff before you commit it.
bless:
    BLESS=1 cargo test --locked

# Show a manifest alive.
up manifest="examples/quickstart.kdl":
    cargo run --release --locked -- up {{ manifest }}

# Benchmarks of the hot paths.
bench *names:
    cargo bench --locked {{ names }}

# Licences, bans and sources (needs cargo-deny).
deny:
    cargo deny check licenses bans sources
