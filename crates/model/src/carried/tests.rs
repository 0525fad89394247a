//! Forms that real stacks have, with invented values.

use std::fmt::Write as _;

use super::*;
use crate::Secret;

/// Writes a connection in one line: `scheme user:password host:port …`, with `!` behind a written port and `~` behind
/// one that the scheme brings. It shows the password, to compare it.
fn line(connection: &Connection) -> String {
    let mut line = connection.scheme.clone().unwrap_or_else(|| "-".to_owned());
    let user = connection.user.as_ref().map(|user| user.value.clone());
    let password = connection
        .password
        .as_ref()
        .map(|it| format!(":{}", it.value.reveal()));
    if user.is_some() || password.is_some() {
        let _ = write!(
            line,
            " {}{}",
            user.unwrap_or_default(),
            password.unwrap_or_default()
        );
    }
    for host in &connection.hosts {
        let _ = match host.port() {
            Port::Written(port) => write!(line, " {}:{port}!", host.name.value),
            Port::Default(port) => write!(line, " {}:{port}~", host.name.value),
            Port::Unknown => write!(line, " {}:?", host.name.value),
        };
    }
    if let Some(path) = &connection.path {
        let _ = write!(line, " /{}", path.value);
    }
    for unread in &connection.unread {
        let _ = write!(line, " {:?}<{}", unread.field, unread.path.value);
    }
    match connection.usage {
        Usage::Dials => {}
        usage => line += &format!(" {usage:?}").to_lowercase(),
    }
    for problem in &connection.problems {
        let _ = match problem {
            Problem::Unencoded {
                characters,
                hosts_as_read,
            } => {
                let hosts: Vec<&str> = hosts_as_read.iter().map(Secret::reveal).collect();
                write!(
                    line,
                    " unencoded({}→{})",
                    characters.iter().collect::<String>(),
                    hosts.join("|")
                )
            }
            other => write!(line, " {other:?}"),
        };
    }
    line
}

pub(super) fn parsed(value: &str) -> String {
    let carrier = Carrier::Variable("URL".to_owned());
    parse(carrier, value).map_or_else(|| "none".to_owned(), |it| line(&it))
}

fn environment(variables: &[(&str, &str)]) -> Vec<String> {
    find(variables.iter().copied(), [], [])
        .iter()
        .map(line)
        .collect()
}

fn command(words: &[&str]) -> Vec<String> {
    find([], words.iter().copied(), [])
        .iter()
        .map(line)
        .collect()
}

fn file(text: &str) -> Vec<String> {
    find([], [], [("/etc/app.conf", text)])
        .iter()
        .map(line)
        .collect()
}

#[rustfmt::skip]
const SOUND: &[(&str, &str)] = &[
    ("postgres://app:pw@db:5433/shop", "postgres app:pw db:5433! /shop"),
    ("postgresql+asyncpg://app:pw@db/shop?ssl=off", "postgresql+asyncpg app:pw db:5432~ /shop"),
    ("postgresql://app@db/shop", "postgresql app db:5432~ /shop"),
    ("postgresql://db1:5432,db2:5433/shop?user=app&password=pw", "postgresql app:pw db1:5432! db2:5433! /shop"),
    ("postgresql:///shop?host=db", "postgresql db:5432~ /shop"),
    ("postgresql://app:a%40b%2Fc@[fd00::1]:5432/shop", "postgresql app:a@b/c fd00::1:5432! /shop"),
    ("postgresql://app:a:b@db/shop", "postgresql app:a:b db:5432~ /shop"),
    ("mysql://root:pw@db:3306/shop", "mysql root:pw db:3306! /shop"),
    ("redis://:pw@cache/0", "redis :pw cache:6379~ /0"),
    ("redis://cache", "redis cache:6379~"),
    ("rediss://default:pw@cache:6380", "rediss default:pw cache:6380!"),
    ("redis://pw@cache", "redis :pw cache:6379~"),
    ("amqp://guest:guest@mq/%2F", "amqp guest:guest mq:5672~ //"),
    ("mongodb://a:pw@m1,m2:27018/shop?replicaSet=rs0", "mongodb a:pw m1:27017~ m2:27018! /shop"),
    ("mongodb+srv://a:pw@cluster.example.com/shop", "mongodb+srv a:pw cluster.example.com:? /shop"),
    ("nats://token@mq:4222", "nats :token mq:4222!"),
    ("http://api:8080/v1/users/@me", "http api:8080! /v1/users/@me"),
    ("https://registry.example.com/@scope/name", "https registry.example.com:443~ /@scope/name"),
    ("https://abc@errors.example.com/7", "https :abc errors.example.com:443~ /7"),
    ("tcp://clickhouse:9000", "tcp clickhouse:9000!"),
    ("PLAINTEXT://kafka:9092", "plaintext kafka:9092!"),
    ("jdbc:postgresql://db/shop?user=app&password=a+b%26c", "postgresql app:a b&c db:5432~ /shop"),
    ("jdbc:sqlserver://db:1433;databaseName=shop;user=sa;password=pw", "sqlserver sa:pw db:1433! /shop"),
    ("jdbc:mysql:replication://d1,d2:3307/shop", "mysql d1:3306~ d2:3307! /shop"),
    ("app:p@ss/w#rd@tcp(db:3306)/shop?parseTime=true", "mysql app:p@ss/w#rd db:3306! /shop"),
    ("host=db port=5433 user=app password='a b\\'c' dbname=shop", "postgresql app:a b'c db:5433! /shop"),
    ("host=d1,d2 port=5432,5433 user = app", "postgresql app d1:5432! d2:5433!"),
    ("Host=db;Port=5432;Username=app;Password=a=b;Database=shop", "- app:a=b db:5432! /shop"),
    ("mysql:host=db;port=3307;dbname=shop;charset=utf8mb4", "mysql db:3307! /shop"),
    ("mysql:host=db", "mysql db:3306~"),
    ("pgsql:host=db dbname=shop", "postgresql db:5432~ /shop"),
    ("pgsql:host=db;port=5433;dbname=shop", "postgresql db:5433! /shop"),
    ("sqlsrv:Server=db,1433;Database=shop", "sqlserver db:1433! /shop"),
    ("Server=tcp:db,1433;User Id=sa;Password=pw;Initial Catalog=shop;", "- sa:pw db:1433! /shop"),
    ("kafka:9092,kafka2:9093", "- kafka:9092! kafka2:9093!"),
    (" \"redis://cache\" \r\n", "redis cache:6379~"),
];

#[test]
fn a_sound_connection_string_is_read_into_its_parts() {
    for (value, expected) in SOUND.iter().copied() {
        assert_eq!(parsed(value), expected, "{value}");
    }
}

#[rustfmt::skip]
const NOT_ENCODED: &[(&str, &str)] = &[
    ("postgresql://app:p@ss/w#rd@db:5432/shop", "postgresql app:p@ss/w#rd db:5432! /shop unencoded(#/@→ss)"),
    ("postgresql://app:p@ss@db/shop", "postgresql app:p@ss db:5432~ /shop unencoded(@→ss@db)"),
    ("mysql://app:p@ss@db/shop", "mysql app:p@ss db:3306~ /shop unencoded(@→)"),
    ("postgres://app:p/w@db/shop", "postgres app:p/w db:5432~ /shop unencoded(/→app)"),
    ("postgres://app:12/34@db/shop", "postgres app:12/34 db:5432~ /shop unencoded(/→app)"),
    ("redis://:p#w@cache:6379/0", "redis :p#w cache:6379! /0 unencoded(#→)"),
    ("redis://:p?w=1@cache:6379/0", "redis :p?w=1 cache:6379! /0 unencoded(?→)"),
    ("http://me:p/w@proxy:3128", "http me:p/w proxy:3128! unencoded(/→me)"),
    ("amqp://app:p w@mq", "amqp app:p w mq:5672~ unencoded( →)"),
    ("mysql://app:a^b@db", "mysql app:a^b db:3306~ unencoded(^→)"),
    ("postgres://app:pw@db/shop?mail=me@example.com", "postgres app:pw db:5432~ /shop"),
];

#[test]
fn a_password_that_is_not_encoded_is_read_as_its_writer_meant_it_and_said_as_clients_read_it() {
    for (value, expected) in NOT_ENCODED.iter().copied() {
        // The empty host that is read before a colon prints as nothing.
        assert_eq!(parsed(value), expected, "{value}");
    }
}

#[rustfmt::skip]
const BROKEN: &[(&str, &str)] = &[
    ("postgres://app:pa%zz@db", "postgres app:pa%zz db:5432~ BadPercent(Password)"),
    ("postgres://app:pa%ff@db", "postgres app:pa%ff db:5432~ BadPercent(Password)"),
    ("postgres://a%:pw@db", "postgres a%:pw db:5432~ BadPercent(User)"),
    ("postgres://app:pw@db:port/shop", "postgres app:pw db:? /shop BadPort(0)"),
    ("postgres://app:pw@db:99999", "postgres app:pw db:? BadPort(0)"),
    ("postgres://app:pw@d1:1,d2:x", "postgres app:pw d1:1! d2:? BadPort(1)"),
    ("postgres://app:pw@db:/shop", "postgres app:pw db:5432~ /shop"),
    ("postgres://app:pw@/shop", "postgres app:pw /shop EmptyHost"),
    ("redis://:pw@:6379", "redis :pw :6379! EmptyHost"),
    ("http://", "http EmptyHost"),
    ("postgres://app:@db", "postgres app: db:5432~ EmptyPassword"),
    ("postgres://app:a@db?password=b", "postgres app:a db:5432~ TwoPasswords"),
    ("postgres://app:a@db?password=a", "postgres app:a db:5432~"),
    ("host=db user=app password=", "postgresql app: db:5432~ EmptyPassword"),
    ("host=db user=app port=x", "postgresql app db:? BadPort(0)"),
    ("user=app password=pw", "postgresql app:pw EmptyHost"),
];

#[test]
fn what_is_broken_in_a_connection_string_is_a_problem_and_not_an_end() {
    for (value, expected) in BROKEN.iter().copied() {
        assert_eq!(parsed(value), expected, "{value}");
    }
}

#[rustfmt::skip]
const NO_CONNECTIONS: &[&str] = &[
    "", "info", "db", "12:30", "1000:1000", "8080:80", "16:9", "postgres:16", "nginx:1.27", "a,b,c", "C.UTF-8",
    "/usr/local/bin:/usr/bin", "Europe/Berlin", "0 6 * * *", "1.2.3.4", "true", "Bearer abc", "-Xmx512m -Da=b",
    "sqlite:///data/app.db", "file:///etc/x", "unix:///var/run/docker.sock", "jdbc:h2:mem:test", "null://null",
    "s3://bucket/key", "a=b", "a=b c=d", "user=app", "://", "1://x", "me@example.com", "x(y)",
    "00:16:3e:12:34:56", "{\"a\": \"b\"}",
];

#[test]
fn what_is_no_connection_is_not_taken_for_one() {
    for value in NO_CONNECTIONS.iter().copied() {
        assert!(
            !parsed(value).contains(':') && environment(&[("SETTING", value)]).is_empty(),
            "{value}: {}",
            parsed(value)
        );
    }
}

#[rustfmt::skip]
const GROUPS: &[(&[(&str, &str)], &str)] = &[
    (&[("DB_HOST", "db"), ("DB_NAME", "shop"), ("DB_PASSWORD", "pw"), ("DB_PORT", "5432"), ("DB_USER", "app")], "- app:pw db:5432! /shop"),
    (&[("PGDATABASE", "shop"), ("PGHOST", "db"), ("PGPASSWORD", "pw"), ("PGUSER", "app")], "postgresql app:pw db:5432~ /shop"),
    (&[("POSTGRES_DB", "shop"), ("POSTGRES_PASSWORD", "pw"), ("POSTGRES_USER", "app")], "postgresql app:pw /shop"),
    (&[("MYSQL_ROOT_PASSWORD", "pw")], "mysql :pw"),
    (&[("REDIS_SERVER_HOST", "cache"), ("REDIS_SERVER_PASSWORD", "pw")], "redis :pw cache:6379~"),
    (&[("REDIS_HOST", "cache"), ("REDIS_HOST_PASSWORD", "pw")], "redis :pw cache:6379~"),
    (&[("RABBITMQ_DEFAULT_PASS", "pw"), ("RABBITMQ_DEFAULT_USER", "app")], "amqp app:pw"),
    (&[("PAPERLESS_DBHOST", "db"), ("PAPERLESS_DBPASS", "pw")], "- :pw db:?"),
    (&[("GF_DATABASE_TYPE", "postgres"), ("GF_DATABASE_HOST", "db:5433"), ("GF_DATABASE_NAME", "g"), ("GF_DATABASE_USER", "u")], "postgresql u db:5433! /g"),
    (&[("DATA_PROVIDER__HOST", "db"), ("DATA_PROVIDER__NAME", "shop"), ("DATA_PROVIDER__PASSWORD", "pw")], "- :pw db:? /shop"),
    (&[("KC_DB_URL", "jdbc:postgresql://db/kc"), ("KC_DB_USERNAME", "app"), ("KC_DB_PASSWORD", "pw")], "postgresql app:pw db:5432~ /kc"),
    (&[("spring.datasource.url", "jdbc:mysql://db/s"), ("spring.datasource.password", "pw")], "mysql :pw db:3306~ /s"),
    (&[("STORAGE_ENDPOINT", "minio"), ("STORAGE_PORT", "9000")], "- minio:9000!"),
    (&[("SMTP_SERVER", "mail"), ("SMTP_PORT", "x")], "smtp mail:? BadPort(0)"),
    (&[("DB_PASS", "a"), ("DB_PASSWORD", "b")], "- :a TwoPasswords"),
    (&[("DB_PASSWORD", ""), ("DB_HOST", "db")], "- : db:? EmptyPassword"),
    (&[("DB_PASSWORD_FILE", "/run/secrets/pw"), ("DB_USER", "app")], "- app Password</run/secrets/pw"),
    (&[("HOST", "0.0.0.0"), ("PORT", "8080")], "- 0.0.0.0:8080! listens"),
    (&[("KAFKA_HOSTS", "k1:9092,k2")], "kafka k1:9092! k2:9092~"),
    (&[("BUS_CLAVE", "pw"), ("BUS_PUERTO", "6379"), ("BUS_SERVIDOR", "bus")], "- :pw bus:6379!"),
    (&[("datenbank.anschluss", "3306"), ("datenbank.benutzer", "app"), ("datenbank.kennwort", "pw"), ("datenbank.name", "shop"), ("datenbank.rechner", "db")], "- app:pw db:3306! /shop"),
    (&[("DB_DSN", "mysql:host=db;dbname=shop"), ("DB_PASSWORD", "pw"), ("DB_USER", "app")], "mysql app:pw db:3306~ /shop"),
    (&[("BAZA_HASLO", "pw"), ("BAZA_HOST", "db"), ("BAZA_NAZWA", "shop"), ("BAZA_UZYTKOWNIK", "app")], "- app:pw db:? /shop"),
    (&[("kolejka.haslo", "pw"), ("kolejka.host", "mq"), ("kolejka.port", "5672"), ("kolejka.uzytkownik", "app"), ("kolejka.vhost", "v")], "- app:pw mq:5672! /v"),
    (&[("DB_CLAVE_ARCHIVO", "/run/secrets/pw"), ("DB_USUARIO", "app")], "- app Password</run/secrets/pw"),
];

#[test]
fn a_connection_string_and_the_keys_beside_it_are_one_only_if_they_agree() {
    let string = ("DB_URL", "postgres://app:pw@db/shop");
    let one = environment(&[string, ("DB_PASSWORD", "other"), ("DB_USER", "app")]);
    assert_eq!(one, ["postgres app:pw db:5432~ /shop TwoPasswords"]);
    let two = environment(&[string, ("DB_PASSWORD", "other"), ("DB_USER", "root")]);
    assert_eq!(two, ["postgres app:pw db:5432~ /shop", "- root:other"]);
    let two = environment(&[string, ("DB_HOST", "bd")]);
    assert_eq!(two, ["postgres app:pw db:5432~ /shop", "- bd:?"]);
}

#[test]
fn keys_with_one_beginning_make_one_connection() {
    for (variables, expected) in GROUPS.iter().copied() {
        assert_eq!(environment(variables), [expected], "{variables:?}");
    }
}

#[rustfmt::skip]
const NO_ADDRESSES: &[(&str, &str)] = &[
    ("LOG_LEVEL", "info"),
    ("PATH", "/usr/local/sbin:/usr/bin"),
    ("HOSTNAME", "true"),
    ("USE_X_FORWARDED_HOST", "1"),
    ("CACHE_CONSIDER_HOST", "false"),
    ("BACKUP_TIME", "04:1530"),
    ("START_AT", "12:30:00"),
    ("WEB_SERVER", "gunicorn"),
    ("STREET_ADDRESS", "Somewhere"),
    ("MAIL_FROM_ADDRESS", "me@example.com"),
    ("DB_IMAGE", "postgres:16000"),
    ("APP_NAME", "shop"),
    ("SITE_ADDRESS", ":80"),
    ("NO_PROXY", "localhost:8080,db:5432"),
    ("API_KEY", "abc:12345"),
    ("AUTH_TOKEN", "user:54321"),
    ("COMPOSE_PROFILES", "web,api"),
    ("DB_HOST", "${DB_HOST}"),
    ("DB_HOST", ""),
];

#[test]
fn a_value_that_merely_looks_like_a_word_is_no_address() {
    for (key, value) in NO_ADDRESSES.iter().copied() {
        let found = find([(key, value)], [], []);
        let address = found.iter().flat_map(Connection::addresses).next();
        assert_eq!(address, None, "{key}={value}");
    }
}

#[rustfmt::skip]
const ADDRESSES: &[(&str, &str, &str)] = &[
    ("API_URL", "http://api", "api Default(80) Dials"),
    ("UPSTREAM", "api:80", "api Written(80) Dials"),
    ("CACHE", "localhost:80", "localhost Written(80) Dials"),
    ("PEER", "10.0.0.7:99", "10.0.0.7 Written(99) Dials"),
    ("BACKEND", "api:8080", "api Written(8080) Dials"),
    ("SENTINELS_ADDR", "[::1]:26379", "::1 Written(26379) Dials"),
    ("http_proxy", "http://me:pw@proxy:3128", "proxy Written(3128) Dials"),
    ("KAFKA_ADVERTISED_LISTENERS", "PLAINTEXT://localhost:9092", "localhost Written(9092) Announces"),
    ("KAFKA_LISTENERS", "PLAINTEXT://kafka:9092", "kafka Written(9092) Listens"),
    ("GRPC_ADDR", "0.0.0.0:9191", "0.0.0.0 Written(9191) Listens"),
    ("CORS_ALLOWED_ORIGINS", "https://shop.example.com", "shop.example.com Default(443) Announces"),
    ("VIRTUAL_HOST", "shop.example.com", "shop.example.com Unknown Announces"),
    ("AUTH_SERVICE_URL", "http://auth:8080", "auth Written(8080) Dials"),
    ("MEMCACHED_HOST", "memcached", "memcached Default(11211) Dials"),
];

#[test]
fn an_address_says_where_it_comes_from_and_what_it_is_for() {
    let addresses = |key: &str, value: &str| {
        let found = find([(key, value)], [], []);
        let shown = found.iter().flat_map(Connection::addresses);
        shown
            .map(|it| format!("{} {:?} {:?}", it.host, it.port, it.usage))
            .collect::<Vec<_>>()
    };
    for (key, value, expected) in ADDRESSES.iter().copied() {
        assert_eq!(addresses(key, value), [expected], "{key}={value}");
    }
    assert_eq!(addresses("ELASTIC", "http://e1:9200,http://e2").len(), 2);
    assert_eq!(
        addresses("ELASTIC", r#"["http://e1:9200", "http://e2"]"#).len(),
        2
    );
    assert_eq!(addresses("ASPNETCORE_URLS", "http://+:8000").len(), 0);
}

#[rustfmt::skip]
const COMMANDS: &[(&[&str], &[&str])] = &[
    (&["redis-server", "--requirepass", "pw"], &["redis :pw"]),
    (&["redis-server --requirepass pw"], &["redis :pw"]),
    (&["wait-for", "db:5432", "--", "serve"], &["- db:5432!"]),
    (&["serve", "--db-url=postgres://app:pw@db/shop"], &["postgres app:pw db:5432~ /shop"]),
    (&["serve", "--db-host", "db", "--db-port", "5433"], &["- db:5433!"]),
    (&["serve", "--host", "0.0.0.0", "--port", "80"], &["- 0.0.0.0:80! listens"]),
    (&["sh", "-c", "until nc -z db:5432; do :; done; exec psql 'postgres://app:pw@db/shop'"], &["- db:5432!", "postgres app:pw db:5432~ /shop"]),
    (&["python", "-m", "http.server"], &[]),
];

#[test]
fn a_command_is_read_by_its_options_and_by_its_words() {
    for (words, expected) in COMMANDS.iter().copied() {
        assert_eq!(command(words), expected, "{words:?}");
    }
}

#[rustfmt::skip]
const FILES: &[(&str, &[&str])] = &[
    ("DB_HOST=db\nDB_PASSWORD='pw'\n# DB_HOST=old\n", &["- :pw db:?"]),
    ("database:\n  host: db # the first\n  port: 5433\n  user: app\n  password: \"pw\"\ncache:\n  host: redis7\n", &["- redis7:?", "- app:pw db:5433!"]),
    ("[database]\nhost = \"db\"\nuser = \"app\"\n[redis]\nhost = \"cache\"\n", &["- app db:?", "redis cache:6379~"]),
    ("{\n  \"db\": {\n    \"host\": \"db\",\n    \"password\": \"pw\"\n  }\n}\n", &["- :pw db:?"]),
    ("servers:\n  - host: a\n    password: pa\n  - host: b\n    password: pb\n", &["- :pa a:?", "- :pb b:?"]),
    ("brokers:\n- k1:9092\n- k2:9092\n", &["- k1:9092!", "- k2:9092!"]),
    ("upstream api {\n  server api1:8080;\n}\nproxy_pass http://api2:8080/;\n", &["- api1:8080!", "http api2:8080!"]),
    ("ProxyPass \"/status\" \"!\"\nProxyPass \"/office\" \"http://office:5000/\" retry=1\n<Proxy \"balancer://wings\">\n", &["http office:5000!"]),
    ("requirepass pw\n", &["redis :pw"]),
    ("app = host=db port=5432 dbname=shop password=pw\n", &["postgresql :pw db:5432! /shop"]),
    ("dsn: postgres://app:pw@db/shop\r\n", &["postgres app:pw db:5432~ /shop"]),
    ("scrape_configs:\n  - targets: ['api:8080', 'web:9090']\n", &["- api:8080!", "- web:9090!"]),
    ("admin:54321\n", &[]),
];

#[test]
fn files_are_read_in_the_forms_that_configuration_has() {
    for (text, expected) in FILES.iter().copied() {
        assert_eq!(file(text), expected, "{text}");
    }
}

#[test]
fn a_file_key_takes_its_value_from_the_file_without_the_newlines_at_its_end() {
    let variables = [("DB_PASSWORD_FILE", "/run/secrets/pw"), ("DB_USER", "app")];
    let found = find(variables, [], [("/run/secrets/pw", "geheim\n")]);
    assert_eq!(found.iter().map(line).collect::<Vec<_>>(), ["- app:geheim"]);
    let password = found[0].password.as_ref().unwrap();
    let carrier = Carrier::File {
        path: "/run/secrets/pw".to_owned(),
        line: 1,
    };
    assert_eq!((&password.carrier, password.span.clone()), (&carrier, 0..6));
}

#[test]
fn a_span_is_the_piece_as_it_is_written() {
    let text = "# first\nurl = \"postgres://app:p%40w@db:5433/shop?sslmode=require\"\n";
    let found = find([], [], [("/app.toml", text)]);
    let it = &found[0];
    let host = &it.hosts[0];
    let spans = [
        &it.user.as_ref().unwrap().span,
        &it.password.as_ref().unwrap().span,
        &host.name.span,
        &host.written_port.as_ref().unwrap().span,
        &it.path.as_ref().unwrap().span,
        &it.parameters[0].value.span,
    ];
    let pieces = spans.map(|span| &text[span.clone()]);
    assert_eq!(pieces, ["app", "p%40w", "db", "5433", "shop", "require"]);
    let carrier = Carrier::File {
        path: "/app.toml".to_owned(),
        line: 2,
    };
    assert_eq!(host.name.carrier, carrier);
}

#[rustfmt::skip]
const ODDITIES: &[(&str, &str)] = &[
    ("", "{Empty}"),
    ("\"pw1x\"", "{Quoted, NeedsEncoding({'\"'})}"),
    (" pw1x", "{LeadingSpace}"),
    ("pw1x \n", "{TrailingSpace, Newline}"),
    ("pw1x\r\n", "{CarriageReturn, Newline}"),
    ("pw1x\r", "{CarriageReturn}"),
    ("p@1/#?%", "{NeedsEncoding({'#', '%', '/', '?', '@'})}"),
    ("change_me_in_production", "{WellKnown}"),
    ("'Postgres'", "{Quoted, WellKnown}"),
    ("guest", "{WellKnown}"),
    ("$DB_PASSWORD", "{Unresolved}"),
    ("${A:-b}", "{Unresolved, NeedsEncoding({'{', '}'})}"),
    ("<password>", "{Unresolved, NeedsEncoding({'<', '>'})}"),
    ("k3v-9.x_~", "{}"),
    ("$1abc", "{}"),
];

#[test]
fn what_is_odd_about_a_value_is_said_without_it() {
    for (value, expected) in ODDITIES.iter().copied() {
        assert_eq!(format!("{:?}", oddities(value)), expected, "{value:?}");
    }
}

#[test]
fn the_path_of_a_web_address_under_a_secret_key_is_left_out() {
    let found = find(
        [(
            "SLACK_WEBHOOK_URL",
            "https://hooks.example.com/T0/geheim?sig=geheim",
        )],
        [],
        [],
    );
    assert_eq!(
        found.iter().map(line).collect::<Vec<_>>(),
        ["https hooks.example.com:443~"]
    );
    assert!(!format!("{found:?}").contains("geheim"));
}

#[rustfmt::skip]
const MASKED: &[(&str, &str)] = &[
    ("http://web:80/x and me@example.com", "http://web:80/x and me@example.com"),
    (r#"{"a":"http://a:pw@b","c":"d@e"}"#, r#"{"a":"http://a:••••@b","c":"d@e"}"#),
    (r#"url="redis://:p"w@x'y@cache""#, r#"url="redis://:••••@cache""#),
    ("amqp://a:b@c,amqp://d:e@f", "amqp://a:••••@c,amqp://d:••••@f"),
    ("https://token@git.example.com/x.git", "https://••••@git.example.com/x.git"),
    ("postgres://app:@db", "postgres://app:@db"),
    ("ssh://git@example.com/x", "ssh://git@example.com/x"),
    ("://", "://"),
];

#[test]
fn passwords_are_masked_up_to_where_they_end_and_not_beyond() {
    for (text, expected) in MASKED.iter().copied() {
        assert_eq!(crate::mask_passwords(text), expected, "{text}");
    }
}

#[test]
fn a_script_takes_values_as_its_shell_would() {
    let script = |script: &str| {
        let environment = [("PASSWORD", "pw"), ("PASSWORD_PATH", "/run/secrets/pw")];
        let files = [("/run/secrets/pw", "of the file\n")];
        let found = find(environment, ["sh", "-c", script], files);
        // What the environment says by itself stands before it.
        found.iter().skip(1).map(line).collect::<Vec<_>>()
    };
    for (written, expected) in [
        ("exec server --requirepass $PASSWORD", ":pw"),
        (
            "exec server --requirepass \"${PASSWORD}\" --dir /data",
            ":pw",
        ),
        (
            "exec server --requirepass=${PASSWORD:-none}; echo done",
            ":pw",
        ),
        (
            "exec server --requirepass \"$(cat /run/secrets/pw)\" --dir /data",
            ":of the file",
        ),
        (
            "exec server --requirepass $(cat \"$PASSWORD_PATH\")",
            ":of the file",
        ),
        (
            "exec server --requirepass $(</run/secrets/pw)",
            ":of the file",
        ),
        (
            "exec server --requirepass $(cat /nowhere)",
            ":$(cat /nowhere)",
        ),
        ("exec server --requirepass $UNKNOWN", ":$UNKNOWN"),
        (
            "exec server --requirepass $(cat /run/secrets/pw\n--user app",
            ":$(cat /run/secrets/pw",
        ),
    ] {
        let found = script(written);
        assert!(
            found.iter().any(|it| it.contains(expected)),
            "{written}: {found:?}"
        );
    }
}

#[test]
fn a_mode_of_tls_that_stands_beside_a_database_is_its_own() {
    let mode = |text: &str| {
        let found = find([], [], [("/etc/app.ini", text)]);
        let mut modes = found.iter().flat_map(|it| &it.parameters);
        let mode = modes.find(|it| it.name == "sslmode");
        mode.map(|it| it.value.value.reveal().to_owned())
    };
    let pooler =
        "[databases]\nshop = host=db port=5432 dbname=shop\n[pgbouncer]\nlisten_addr = 0.0.0.0\n";
    assert_eq!(mode(pooler), None);
    let modes = format!("{pooler}client_tls_sslmode = require\nserver_tls_sslmode = verify-full\n");
    assert_eq!(mode(&modes).as_deref(), Some("verify-full"));
    let url = "url = postgres://app:pw@db/shop?sslmode=disable\nPGSSLMODE=require\n";
    assert_eq!(mode(url).as_deref(), Some("disable"));
}

#[test]
fn a_list_of_accounts_is_read_where_every_line_is_one() {
    let read = |path: &str, text: &str| {
        let found = find([], [], [(path, text)]);
        found.iter().map(line).collect::<Vec<_>>()
    };
    let two = ["- app:pw", "- other:pw"];
    assert_eq!(
        read(
            "/etc/userlist.txt",
            "\"app\" \"pw\"\n# one more\n\"other\" \"pw\"\n"
        ),
        two
    );
    assert_eq!(read("/run/secrets/accounts", "app pw\nother pw\n"), two);
    assert_eq!(read("/etc/mosquitto/passwd", "app:$7$101$abc\n"), ["- app"]);
    assert_eq!(
        read("/etc/users.txt", "this is no list of accounts\n").len(),
        0
    );
    assert_eq!(read("/etc/app.txt", "app pw\n").len(), 0);
}

#[test]
fn a_program_is_read_for_addresses_and_not_for_values() {
    let text = "password = os.environ[\"DB_PASSWORD\"]\nurl = \"http://api:8080/health\"\n";
    let found = find([], [], [("/srv/app.py", text)]);
    assert_eq!(
        found.iter().map(line).collect::<Vec<_>>(),
        ["http api:8080! /health"]
    );
}

#[test]
fn an_inline_table_is_read_as_the_table_that_it_is() {
    for (host, login) in [
        ("host = \"mq\"", "user = \"app\", password = \"pw\""),
        ("address = \"mq:5672\"", "name = \"app\", secret = \"pw\""),
    ] {
        let text = format!("[broker]\n{host}\nlogin = {{ {login} }}\n");
        let found = file(&text);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("app:pw mq:"), "{found:?}");
    }
    // NATS, `users` of `authorization`; its separators may be missing.
    for end in ["", ","] {
        let entry = format!("{{ user: \"app\", password: \"pw\" }}{end}");
        let users = format!("authorization {{\n  users: [\n    {entry}\n  ]\n}}\n");
        assert_eq!(file(&users), ["- app:pw"], "{users}");
    }
    let ini = "[amqp]\nhost = mq\nport = 5672\nvirtual_host = streets\nuser = app\n";
    assert_eq!(file(ini), ["amqp app mq:5672! /streets"]);
    let signing = "AUTH_SECRET=0123456789\nNEXT_AUTH_SECRET=0123456789\n";
    assert_eq!(file(signing), <[String; 0]>::default());
}

#[test]
fn an_address_that_is_announced_by_its_name_is_dialled_where_a_login_stands_beside_it() {
    let usage = |environment: &[(&str, &str)]| {
        let found = find(environment.iter().copied(), [], []);
        found
            .iter()
            .map(|it| (line(it), it.usage))
            .collect::<Vec<_>>()
    };
    for host in ["db:3306", "db"] {
        let found = usage(&[
            ("SITE_DB_HOST", host),
            ("SITE_DB_USER", "app"),
            ("SITE_DB_PASSWORD", "pw"),
        ]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].1, Usage::Dials, "{found:?}");
        assert!(found[0].0.contains("app:pw"), "{found:?}");
    }
    assert_eq!(
        usage(&[("SITE_HOST", "shop.example")]),
        usage(&[("SITE_HOST", "shop.example"), ("SITE_NAME", "Shop")])
    );
    let page = usage(&[("SITE_URL", "https://shop.example/")]);
    assert_eq!(page[0].1, Usage::Announces);
}

#[test]
fn a_key_leads_to_ports_of_its_kind_and_to_those_of_nobody() {
    for (key, port) in [
        ("SMTP_HOST", 1025),
        ("SMTP_HOST", 25),
        ("BACKEND_URL", 6379),
        ("PGHOST", 5432),
    ] {
        assert!(may_lead_to(key, port), "{key} {port}");
    }
    for (key, port) in [
        ("SMTP_HOST", 6379),
        ("REDIS_URL", 5432),
        ("SMTP_PASSWORD", 25),
        ("LOG_LEVEL", 25),
    ] {
        assert!(!may_lead_to(key, port), "{key} {port}");
    }
}

#[test]
fn a_port_speaks_for_a_server_of_data_where_nobody_else_is_found_there() {
    for (port, kind) in [(5432, "postgresql"), (6379, "redis"), (9092, "kafka")] {
        assert_eq!(store_at(port), Some(kind));
    }
    for port in [80, 443, 22, 25, 8080, 9000] {
        assert_eq!(store_at(port), None, "{port}");
    }
}
