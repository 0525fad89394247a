//! Which server a container runs.

use bowline_recipes::{Recipes, Server};

fn of(image: &str, command: &[&str], keys: &[&str], ports: &[u16]) -> Option<&'static str> {
    let server = Server {
        image,
        command: command.to_vec(),
        environment_keys: keys.iter().copied().collect(),
        exposed_ports: ports.iter().copied().collect(),
    };
    Recipes::builtin()
        .of(&server)
        .map(|recipe| recipe.name.as_str())
}

#[test]
fn an_image_is_known_by_its_repository_wherever_it_comes_from() {
    for (image, wanted) in [
        ("postgres:16-alpine", "postgres"),
        ("bowline-test/postgres:1", "postgres"),
        ("mirror.example:5000/library/postgres@sha256:00", "postgres"),
        ("postgis/postgis:16-3.4", "postgres"),
        ("bitnami/postgresql", "postgres"),
        ("acme/postgres-16", "postgres"),
        ("valkey/valkey:8", "redis"),
        ("mariadb:11", "mysql"),
        ("mysql", "mysql"),
        ("mongo:8.0.17", "mongodb"),
        ("confluentinc/cp-kafka:7.8.2", "kafka"),
        ("rabbitmq:3-management", "rabbitmq"),
        ("minio/minio", "minio"),
        ("temporalio/auto-setup:1.29.1", "temporal"),
        ("opensearchproject/opensearch:2.11.0", "opensearch"),
        ("qdrant/qdrant:v1.16.2", "qdrant"),
        ("nginx", "nginx"),
    ] {
        assert_eq!(of(image, &[], &[], &[]), Some(wanted), "{image}");
    }
}

#[test]
fn what_only_sounds_like_a_server_is_none() {
    for image in [
        "prometheuscommunity/postgres-exporter",
        "provectuslabs/kafka-ui",
        "rediscommander/redis-commander",
        "mongo-express",
        "nginx/nginx-prometheus-exporter",
        "acme/shop",
        "sha256:0123456789abcdef",
        "",
    ] {
        assert_eq!(of(image, &[], &[], &[]), None, "{image}");
    }
}

#[test]
fn the_program_says_more_than_the_image() {
    assert_eq!(
        of("acme/all", &["docker-entrypoint.sh", "postgres"], &[], &[]),
        Some("postgres")
    );
    assert_eq!(
        of(
            "debian",
            &["bash", "-c", "exec redis-server --save ''"],
            &[],
            &[]
        ),
        Some("redis")
    );
    assert_eq!(
        of("nginx", &["/usr/bin/redis-server"], &[], &[]),
        Some("redis")
    );
}

#[test]
fn the_image_of_a_server_with_another_program_is_no_server() {
    for command in [
        &["docker-entrypoint.sh", "pg_dump", "-h", "postgres"][..],
        &["psql", "-c", "select 1"],
        &["sleep", "infinity"],
        &[
            "sh",
            "-c",
            "while true; do pg_dump -h postgres shop; sleep 3600; done",
        ],
        &["sh", "-c", "until nc -z postgres 5432; do sleep 1; done"],
    ] {
        assert_eq!(
            of("postgres:16", command, &["PGDATA"], &[5432]),
            None,
            "{command:?}"
        );
    }
    // A script of the image that nobody knows may well start the server.
    assert_eq!(
        of("postgres:16", &["/start.sh"], &[], &[]),
        Some("postgres")
    );
}

#[test]
fn a_variable_or_a_port_alone_is_not_enough() {
    assert_eq!(of("acme/db", &[], &[], &[5432]), None);
    assert_eq!(of("acme/db", &[], &["PGDATA"], &[]), None);
    assert_eq!(of("acme/db", &[], &["PGDATA"], &[5432]), Some("postgres"));
    // Applications are given this one too.
    assert_eq!(of("acme/shop", &[], &["POSTGRES_PASSWORD"], &[5432]), None);
}

#[test]
fn first_logins_say_where_they_are_told_and_whether_a_change_has_an_effect() {
    let recipes = Recipes::builtin();
    let postgres = &recipes.named("postgres").unwrap().logins[0];
    assert!(postgres.only_first);
    assert_eq!(postgres.password.keys[0], "POSTGRES_PASSWORD");
    assert_eq!(postgres.password.file_keys[0], "POSTGRES_PASSWORD_FILE");
    assert_eq!(
        postgres.user.as_ref().unwrap().default.as_deref(),
        Some("postgres")
    );
    let redis = &recipes.named("redis").unwrap().logins[0];
    assert!(!redis.only_first && redis.user.is_none());
    assert_eq!(redis.password.options, ["--requirepass"]);
}
