//! The house as one table: which crate may use which, and which library lives in which room.
//!
//! This is the only place where a direction, a library, a licence or a ban is allowed. What is not
//! written here is refused by `cargo xtask check`, with the line to look at. Adding a line is a decision:
//! say in the commit why. The reasons for the directions are in ARCHITECTURE.md.

/// A crate of the workspace and the crates of the workspace that it may use.
pub(crate) struct Room {
    pub(crate) line: u32,
    pub(crate) name: &'static str,
    pub(crate) may_use: &'static [&'static str],
}

/// A third-party library and the crates that may use it directly.
pub(crate) struct Library {
    pub(crate) line: u32,
    pub(crate) name: &'static str,
    pub(crate) rooms: Rooms,
}

/// Where a library may stand.
#[derive(Clone, Copy)]
pub(crate) enum Rooms {
    /// In every crate.
    Any,
    /// In these crates only, tests included.
    Only(&'static [&'static str]),
    /// In these crates, and in the tests of every other one.
    OnlyOrTests(&'static [&'static str]),
}

/// A crate that must not be anywhere in the tree, however deep.
pub(crate) struct Banned {
    pub(crate) line: u32,
    pub(crate) name: &'static str,
    pub(crate) because: &'static str,
}

/// Where this table is, for messages.
pub(crate) const TABLE: &str = "xtask/src/check/house.rs";

/// What every crate may use in its tests, and nobody in its product code.
pub(crate) const TESTS_ONLY: &str = "bowline-testkit";

macro_rules! room {
    ($name:literal uses $may_use:expr) => {
        Room {
            line: line!(),
            name: $name,
            may_use: &$may_use,
        }
    };
}

macro_rules! library {
    ($name:literal anywhere) => {
        Library {
            line: line!(),
            name: $name,
            rooms: Rooms::Any,
        }
    };
    ($name:literal in $rooms:expr) => {
        Library {
            line: line!(),
            name: $name,
            rooms: Rooms::Only(&$rooms),
        }
    };
    ($name:literal in $rooms:expr, or tests) => {
        Library {
            line: line!(),
            name: $name,
            rooms: Rooms::OnlyOrTests(&$rooms),
        }
    };
}

macro_rules! banned {
    ($name:literal, $because:literal) => {
        Banned {
            line: line!(),
            name: $name,
            because: $because,
        }
    };
}

/// Allowed directions. A crate that is not here does not belong to the house.
#[rustfmt::skip]
pub(crate) const ROOMS: &[Room] = &[
    room!("bowline-model"       uses []),
    room!("bowline-compose"     uses ["bowline-model"]),
    room!("bowline-engine"      uses ["bowline-model"]),
    room!("bowline-recipes"     uses ["bowline-model"]),
    room!("bowline-core"        uses ["bowline-model", "bowline-engine"]),
    room!("bowline-doctor"      uses ["bowline-model", "bowline-engine", "bowline-recipes"]),
    room!("bowline-backup"      uses ["bowline-model", "bowline-engine", "bowline-recipes", "bowline-core"]),
    room!("bowline-credentials" uses ["bowline-model", "bowline-engine", "bowline-recipes", "bowline-core"]),
    room!("bowline-gateway"     uses ["bowline-model"]),
    room!("bowline-ops"         uses ["bowline-model", "bowline-compose", "bowline-engine", "bowline-recipes", "bowline-core",
                                      "bowline-doctor", "bowline-backup", "bowline-credentials", "bowline-gateway"]),
    room!("bowline-server"      uses ["bowline-model", "bowline-ops"]),
    room!("bowline"             uses ["bowline-model", "bowline-ops", "bowline-server"]),
    room!("bowline-testkit"     uses ["bowline-model", "bowline-engine", "bowline-compose"]),
    // Leaves: nothing imports them.
    room!("xtask"               uses []),
    room!("bowline-fuzz"        uses ["bowline-model", "bowline-compose"]),
    room!("orders"              uses []),
];

/// Third-party libraries that a crate may name in its manifest.
#[rustfmt::skip]
pub(crate) const LIBRARIES: &[Library] = &[
    // Without a room of their own.
    library!("async-trait"       anywhere),
    library!("futures-util"      anywhere),
    library!("indexmap"          anywhere),
    library!("jiff"              anywhere),
    library!("regex"             anywhere),
    library!("secrecy"           anywhere),
    library!("serde"             anywhere),
    library!("serde_json"        anywhere),
    library!("sha2"              anywhere),
    library!("thiserror"         anywhere),
    library!("tokio"             anywhere),
    library!("toml"              anywhere),
    library!("tracing"           anywhere),

    // Each in its room.
    // In recipes: the fixed texts of patterns, so that a line is not tried with all of them.
    library!("aho-corasick"      in ["bowline-recipes"]),
    library!("regex-syntax"      in ["bowline-recipes"]),
    library!("granit-parser"     in ["bowline-compose"]),
    library!("base64"            in ["bowline-engine"]),
    library!("http-body-util"    in ["bowline-engine", "orders"]),
    library!("hyper"             in ["bowline-engine", "orders"]),
    library!("hyper-util"        in ["bowline-engine", "orders"]),
    library!("netlink-packet-core"      in ["bowline-engine"]),
    library!("netlink-packet-sock-diag" in ["bowline-engine"]),
    library!("netlink-sys"              in ["bowline-engine"]),
    // In the binary: raw mode and the size of the terminal.
    library!("rustix"            in ["bowline-engine", "bowline"]),
    // In ops: the files of a build, as they are sent.
    library!("tar"               in ["bowline-engine", "bowline-ops"]),
    library!("rusqlite"          in ["bowline-core"]),
    library!("chacha20poly1305"  in ["bowline-core"]),
    library!("getrandom"         in ["bowline-core"]),
    library!("hmac"              in ["bowline-core"]),
    library!("age"               in ["bowline-core", "bowline-backup"]),
    library!("object_store"      in ["bowline-backup"]),
    library!("zstd"              in ["bowline-backup"]),
    library!("axum"              in ["bowline-server"]),
    library!("rmcp"              in ["bowline-server"]),
    library!("clap"              in ["bowline"]),
    library!("clap_complete"     in ["bowline"]),
    library!("ratatui"           in ["bowline"]),
    library!("anstream"          in ["bowline"]),
    library!("annotate-snippets" in ["bowline", "bowline-compose"]),
    library!("tracing-subscriber" in ["bowline"]),
    library!("libfuzzer-sys"     in ["bowline-fuzz"]),
    // In doctor: how to prove a password to PostgreSQL and to MySQL, TLS, and what a certificate says.
    library!("postgres-protocol" in ["bowline-doctor"]),
    library!("rustls"            in ["bowline-doctor"]),
    library!("sha1"              in ["bowline-doctor"]),
    library!("x509-cert"         in ["bowline-doctor"]),
    // The example stack's databases; bowline asks those of others how they are, and does no more with them.
    library!("redis"             in ["orders"]),
    library!("tokio-postgres"    in ["orders"]),

    // Development only: errors as text, recordings that are kept small, snapshots, properties, throw-away folders.
    library!("anyhow"            in ["xtask", "orders"], or tests),
    library!("cargo_metadata"    in ["xtask"]),
    library!("flate2"            in ["xtask"], or tests),
    library!("insta"             in ["bowline-testkit"], or tests),
    library!("libtest-mimic"     in ["bowline-testkit"], or tests),
    library!("proptest"          in ["bowline-testkit"], or tests),
    library!("tempfile"          in ["bowline-testkit"], or tests),
];

/// Crates that must not come in, by whatever road.
pub(crate) const BANNED: &[Banned] = &[
    banned!(
        "openssl-sys",
        "TLS is rustls with ring; a system OpenSSL makes the binary depend on the machine"
    ),
    banned!("native-tls", "TLS is rustls with ring"),
    banned!(
        "aws-lc-rs",
        "one TLS provider, ring; with two of them rustls panics at run time"
    ),
    banned!("aws-lc-sys", "one TLS provider, ring; needs cmake"),
    banned!("cmake", "a build needs a C compiler and nothing else"),
    banned!("libz-ng-sys", "needs cmake"),
    banned!("sozu-lib", "AGPL-3.0"),
    banned!("sozu-command-lib", "AGPL-3.0"),
    banned!("obelisk", "AGPL-3.0"),
    banned!(
        "serde_yaml",
        "no longer maintained, and its values carry no positions; YAML is read by compose"
    ),
];

/// Licences that may be linked into the binary. deny.toml repeats them for cargo-deny; a test compares.
pub(crate) const LICENCES: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];
