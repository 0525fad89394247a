//! What is known of schemes: their ports, and what stands before their `@`.

/// Names of one kind of server with the port that clients take when none is written.
///
/// The first name is the scheme that stands for the kind; the others are schemes or words of keys. The ports are from the
/// registry of IANA and the documentation of the servers.
#[rustfmt::skip]
const KINDS: &[(&[&str], u16)] = &[
    (&["postgresql", "postgres", "pgsql", "psql", "pg", "timescaledb"], 5432),
    (&["mysql", "mariadb"], 3306),
    (&["redis", "rediss", "valkey", "valkeys", "keydb"], 6379),
    (&["mongodb", "mongo"], 27017),
    (&["amqp", "rabbitmq"], 5672),
    (&["amqps"], 5671),
    (&["http", "ws"], 80),
    (&["https", "wss"], 443),
    (&["nats"], 4222),
    (&["kafka"], 9092),
    (&["elasticsearch", "opensearch"], 9200),
    (&["clickhouse"], 9000),
    (&["sqlserver", "mssql"], 1433),
    (&["cockroachdb"], 26257),
    (&["memcached", "memcache"], 11211),
    (&["bolt", "neo4j"], 7687),
    (&["cassandra"], 9042),
    (&["zookeeper"], 2181),
    (&["etcd"], 2379),
    (&["mqtt"], 1883),
    (&["mqtts"], 8883),
    (&["smtp"], 25),
    (&["smtps"], 465),
    (&["imap"], 143),
    (&["imaps"], 993),
    (&["ldap"], 389),
    (&["ldaps"], 636),
    (&["ssh", "sftp"], 22),
    (&["ftp"], 21),
];

/// Kinds of servers that keep or hand on data and are known by their port: nothing else is commonly found there.
const STORES: &[&str] = &[
    "postgresql",
    "mysql",
    "redis",
    "mongodb",
    "amqp",
    "amqps",
    "nats",
    "kafka",
    "elasticsearch",
    "sqlserver",
    "cockroachdb",
    "memcached",
    "bolt",
    "cassandra",
    "zookeeper",
    "etcd",
];

/// Schemes whose URLs name no host.
const WITHOUT_HOST: &[&str] = &[
    "file", "sqlite", "sqlite3", "unix", "npipe", "fd", "data", "null", "memory", "mem", "s3",
    "gs", "az", "arn", "h2", "duckdb", "local", "env", "secret", "vault", "balancer", "ext", "cfg",
];

/// Returns the port that clients of a scheme take when none is written.
///
/// A driver behind `+` is passed over; `mongodb+srv` asks the DNS and has none.
pub(super) fn default_port(scheme: &str) -> Option<u16> {
    if scheme.ends_with("+srv") {
        return None;
    }
    let port_of = |name| Some(KINDS.iter().find(|(names, _)| names.contains(&name))?.1);
    scheme.split('+').find_map(port_of)
}

/// Returns the kind of server that a port speaks for by itself, by the scheme of its addresses, where that is one which
/// keeps or hands on data.
///
/// Of a port that others have as well (9000) nothing is said.
pub fn store_at(port: u16) -> Option<&'static str> {
    let (names, _) = KINDS.iter().find(|(_, known)| *known == port)?;
    let name = names.first()?;
    STORES.contains(name).then_some(*name)
}

/// Tells whether a port is one by which a kind of server is known.
pub(super) fn is_known_port(port: u16) -> bool {
    KINDS.iter().any(|(_, known)| *known == port)
}

/// Returns the scheme that stands for the kind of server which a word of a key names.
pub(super) fn of_word(word: &str) -> Option<&'static str> {
    KINDS
        .iter()
        .find(|(names, _)| names.contains(&word))?
        .0
        .first()
        .copied()
}

/// Tells whether a URL of this scheme names a host.
pub(super) fn names_a_host(scheme: &str) -> bool {
    !scheme.split('+').any(|part| WITHOUT_HOST.contains(&part))
}

/// Tells whether addresses of this scheme are web addresses, whose paths may hold an `@`.
pub(super) fn is_web(scheme: &str) -> bool {
    scheme
        .split('+')
        .any(|part| matches!(part, "http" | "https" | "ws" | "wss"))
}

/// Tells whether what stands alone before the `@` is a token and not a user.
pub(super) fn token_stands_alone(scheme: &str) -> bool {
    let is_token = |part| matches!(of_word(part), Some("redis" | "nats"));
    is_web(scheme) || scheme.split('+').any(is_token)
}

/// Tells whether clients of the scheme end a password at the first `@`: libpq, and `SQLAlchemy` for `name+driver`.
pub(super) fn ends_at_first_at(scheme: &str) -> bool {
    of_word(scheme) == Some("postgresql") || scheme.contains('+')
}
