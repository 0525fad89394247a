//! What holds for every text.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::tests::parsed;
use super::*;

/// Characters that stand in real values, those that mean something in connection strings more often.
fn rough_text() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "postgres",
        "://",
        ":",
        "@",
        "/",
        "#",
        "?",
        "%",
        "%4",
        "%40",
        "%ff",
        "=",
        "&",
        ";",
        ",",
        " ",
        "\n",
        "'",
        "\"",
        "[",
        "]",
        "(",
        ")",
        "@tcp(",
        "host=",
        "password=",
        "jdbc:",
        "db",
        "5432",
        "_FILE",
        "-",
        "- ",
        "--",
        "${A}",
        "é",
        "\u{a0}",
        "\u{2003}",
        "\\",
        "{",
        "}",
        "+",
        ".",
        "http",
    ]);
    prop::collection::vec(pieces, 0..24).prop_map(|pieces| pieces.concat())
}

/// A password that is in no other text of a test.
fn password() -> impl Strategy<Value = String> {
    "Zq[A-Za-z0-9@/#?%:,.+ &=!^-]{0,12}9Z"
}

fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "%{byte:02X}");
        out
    })
}

#[test]
fn long_texts_take_no_longer_for_each_piece() {
    for piece in [
        "@", ")", "a://b:", "a://b ", "a://b,", "://", "?=@", "a=", "a: b\n", "x:9999 ", "host=a ",
        ", ",
    ] {
        let text = format!("postgres://a:b{}", piece.repeat(50_000));
        let words = [text.as_str()];
        let found = find([("DB_URL", text.as_str())], words, [("/f", text.as_str())]);
        assert!(found.len() < 400_000, "{piece}");
        assert!(crate::mask_passwords(&text).len() < 1_000_000, "{piece}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_it_panic_and_every_span_is_inside(key in rough_text(), text in rough_text()) {
        let values = [("URL", text.as_str()), (key.as_str(), text.as_str())];
        let words = [text.as_str(), "--db-url", text.as_str(), "-c", text.as_str()];
        for connection in find(values, words, [("/f", text.as_str())]) {
            for host in &connection.hosts {
                prop_assert!(text.get(host.name.span.clone()).is_some(), "{connection:?}");
            }
            if let Some(password) = &connection.password {
                prop_assert!(text.get(password.span.clone()).is_some(), "{connection:?}");
            }
        }
        let masked = crate::mask_passwords(&text);
        prop_assert!(masked.contains(crate::MASK) || masked == text);
        let _ = oddities(&text);
    }

    #[test]
    fn a_sound_connection_string_gives_back_its_parts(
        scheme in prop::sample::select(vec!["postgres", "postgresql+asyncpg", "mysql", "amqp", "mongodb", "http"]),
        user in "[a-z]{1,8}",
        password in "\\PC{1,12}",
        hosts in prop::collection::vec(("[a-z][a-z0-9-]{0,8}", 1u16..), 1..4),
        path in "[a-z]{1,8}",
    ) {
        prop_assume!(!password.contains('\0'));
        let listed: Vec<String> = hosts.iter().map(|(host, port)| format!("{host}:{port}")).collect();
        let value = format!("{scheme}://{user}:{}@{}/{path}", encoded(&password), listed.join(","));
        let shown: Vec<String> = listed.iter().map(|host| format!(" {host}!")).collect();
        prop_assert_eq!(parsed(&value), format!("{scheme} {user}:{password}{} /{path}", shown.concat()));
    }

    #[test]
    fn no_password_is_in_what_is_shown(password in password()) {
        prop_assume!(!password.contains("://"));
        let urls = [
            format!("postgres://app:{password}@db:5432/shop?sslmode=off"),
            format!("redis://:{}@cache", encoded(&password)),
            format!("postgres://db/shop?user=app&password={}", encoded(&password)),
            format!("host=db user=app password='{password}'"),
            format!("app:{password}@tcp(db:3306)/shop"),
        ];
        let variables: Vec<(String, &str)> = (0..).zip(&urls).map(|(n, url)| (format!("N{n}_URL"), url.as_str())).collect();
        let split = [("DB_HOST", "db"), ("DB_PASSWORD", password.as_str()), ("DB_USER", "app")];
        let all = variables.iter().map(|(key, value)| (key.as_str(), *value)).chain(split);
        let found = find(all, ["--password", password.as_str()], [("/run/secrets/pw", password.as_str())]);
        let addresses: Vec<Address> = found.iter().flat_map(Connection::addresses).collect();
        let shown = format!("{found:?} {addresses:?} {}", serde_json::to_string(&found).unwrap());
        for mark in ["Zq", "9Z"] {
            prop_assert!(!shown.contains(mark), "{shown}");
        }
        prop_assert!(found.iter().filter(|it| it.password.is_some()).count() >= 6);
    }

    #[test]
    fn a_password_in_a_connection_string_is_masked_whatever_is_in_it(password in "Zq[A-Za-z0-9@/#?%:,.+&=!^-]{0,12}9Z") {
        prop_assume!(!password.contains("://"));
        let text = format!("before postgres://app:{password}@db:5432/shop behind");
        prop_assert_eq!(crate::mask_passwords(&text), "before postgres://app:••••@db:5432/shop behind");
    }
}
