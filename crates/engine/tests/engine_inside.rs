//! A look into containers of a real engine on this host: the one at `BOWLINE_TEST_DOCKER_HOST`.
//!
//! What the tests make is labelled, named by this process, and removed again. The image `bowline-test/busy:1` has to
//! be there (`cargo xtask images`), and whoever runs them has to be root.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    reason = "a test ends where it finds something else than it expects"
)]

#[allow(dead_code, reason = "the contract uses the rest")]
#[path = "contract/stage.rs"]
mod stage;

use std::io::Write as _;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use bowline_engine::{
    ContainerProcess, Dialled, DockerConfig, Endpoint, EndpointHints, FileKind, Greeting, Look,
    Outcome, TcpState,
};
use bowline_model::{ContainerId, ContainerSpec, EndpointSpec};
use stage::{Role, Stage};

/// No answer takes longer.
const LONG: Duration = Duration::from_secs(30);

async fn stage() -> Stage {
    let hints = EndpointHints {
        docker_host: Some(bowline_testkit::engine_host()),
        ..EndpointHints::default()
    };
    let endpoint = Endpoint::choose(&hints, &DockerConfig::default()).unwrap();
    Stage::real(bowline_engine::connect(endpoint).await.unwrap())
}

/// Starts a container and opens it.
async fn start(stage: &Stage, part: &str, spec: &ContainerSpec) -> (ContainerId, Look) {
    let id = stage.create_of(part, spec).await;
    stage.engine.start_container(&id).await.unwrap();
    let observed = stage.engine.inspect_container(&id).await.unwrap();
    let look = Look::at(&id, observed.state.pid.unwrap()).unwrap();
    (id, look)
}

/// One that runs a script.
fn script(stage: &Stage, part: &str, script: &str) -> ContainerSpec {
    ContainerSpec {
        command: Some(["/bin/sh", "-c", script].into()),
        ..stage.spec(part, Role::Idles)
    }
}

/// Two containers on a network of their own; the second one is called `db` there.
async fn two(stage: &Stage) -> (Look, Look) {
    let network = stage.network("net");
    stage.engine.create_network(&network).await.unwrap();
    let spec = |part: &str, alias: &str| {
        let mut spec = stage.spec(part, Role::Idles);
        spec.network.mode = Some(network.name.clone());
        spec.network.endpoints = vec![EndpointSpec {
            network: network.name.clone(),
            aliases: vec![alias.into()],
            ..EndpointSpec::default()
        }];
        spec
    };
    let (_, app) = start(stage, "app", &spec("app", "app")).await;
    let (_, db) = start(stage, "db", &spec("db", "db")).await;
    (app, db)
}

/// Looks until something is there.
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < LONG, "{what}: not within {LONG:?}");
    }
}

/// The one address of a name.
fn address(look: &Look, name: &str) -> IpAddr {
    let found = look.resolve(name, LONG).unwrap();
    let Outcome::Addresses(addresses) = &found.outcome else {
        panic!("{found:?}")
    };
    let server: IpAddr = [127, 0, 0, 11].into();
    assert!(
        found.asked.iter().all(|asked| asked.server == server),
        "{found:?}"
    );
    let [address] = addresses[..] else {
        panic!("{found:?}")
    };
    address
}

#[tokio::test]
async fn a_name_resolves_through_the_engine_and_another_does_not_exist() {
    stage()
        .await
        .play(async |stage: &Stage| {
            let (app, db) = two(stage).await;
            let found = address(&app, "db");
            assert_eq!(found, address(&db, "db"));
            assert_ne!(found, address(&app, "app"));
            let none = app.resolve("no-such-service", LONG).unwrap();
            assert_eq!(none.outcome, Outcome::NoSuchName, "{none:?}");
            let own = app.resolve("localhost", LONG).unwrap();
            assert!(matches!(own.outcome, Outcome::Addresses(_)), "{own:?}");
            assert!(own.asked.is_empty());
        })
        .await;
}

#[tokio::test]
async fn an_open_and_a_refused_port_are_told_apart() {
    stage()
        .await
        .play(async |stage: &Stage| {
            let (app, db) = two(stage).await;
            let open = SocketAddr::new(address(&app, "db"), 5432);
            let listener = db
                .in_network(|| TcpListener::bind("0.0.0.0:5432").unwrap())
                .unwrap();
            let server = std::thread::spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                stream.write_all(b"hello").unwrap();
                let (held, _) = listener.accept().unwrap();
                held
            });
            let dialled = app.dial(open, LONG, LONG).unwrap();
            let hello = Greeting::Bytes(b"hello".to_vec());
            assert!(
                matches!(&dialled, Dialled::Connected { greeting, .. } if *greeting == hello),
                "{dialled:?}"
            );
            let client = app
                .in_network(|| TcpStream::connect(open).unwrap())
                .unwrap();
            let held = server.join().unwrap();
            let seen = app.connections().unwrap();
            let is_it = |one: &&bowline_engine::Connection| {
                one.remote == open && one.local == client.local_addr().unwrap()
            };
            let connection = seen.items.iter().find(is_it).unwrap();
            assert_eq!(connection.state, TcpState::Established);
            drop((client, held));
            let refused = SocketAddr::new(open.ip(), 5433);
            let dialled = app.dial(refused, LONG, LONG).unwrap();
            assert!(matches!(dialled, Dialled::Refused { .. }), "{dialled:?}");
        })
        .await;
}

#[tokio::test]
async fn a_zombie_is_among_the_processes() {
    stage()
        .await
        .play(async |stage: &Stage| {
            let spec = script(stage, "a", "(exit 0) & exec sleep 100000");
            let (id, look) = start(stage, "a", &spec).await;
            let listing = until("a zombie", || {
                let listing = look.processes().unwrap();
                let has = |name: &str| listing.items.iter().any(|one| one.name == name);
                let is_there = listing.items.iter().any(ContainerProcess::is_zombie);
                (is_there && has("sleep")).then_some(listing)
            });
            let [main, zombie] = &listing.items[..] else {
                panic!("{listing:?}")
            };
            assert_eq!((main.pid_inside, main.command.len()), (Some(1), 2));
            assert_eq!((zombie.parent, zombie.is_zombie()), (main.pid, true));
            // What the engine tells leaves it out, or this look would not be needed.
            let told = stage
                .engine
                .container_processes(&id, "-o pid,args")
                .await
                .unwrap();
            assert_eq!(told.rows.len(), 1, "{told:?}");
        })
        .await;
}

#[tokio::test]
async fn limits_and_that_they_were_hit_are_counted() {
    stage()
        .await
        .play(async |stage: &Stage| {
            let many = "for _ in 1 2 3 4 5 6 7 8 9 10; do sleep 100000 & done";
            let mut spec = script(stage, "a", &format!("({many}); exec sleep 100000"));
            spec.resources.pids_limit = Some(6);
            spec.resources.memory_bytes = Some(64 * 1024 * 1024);
            spec.resources.nano_cpus = Some(500_000_000);
            let (_, look) = start(stage, "a", &spec).await;
            let processes = until("a process too many", || {
                let processes = look.counters().processes.unwrap();
                (processes.limit_hits > Some(0)).then_some(processes)
            });
            assert_eq!(processes.limit, Some(6));
            assert!((1..=6).contains(&processes.current), "{processes:?}");
            let counters = look.counters();
            let memory = counters.memory.unwrap();
            assert_eq!(memory.limit_bytes, Some(64 * 1024 * 1024));
            assert_eq!(memory.oom_kills, Some(0));
            assert!((1..64 * 1024 * 1024).contains(&memory.current_bytes));
            let cpu = counters.cpu.unwrap();
            assert_eq!(
                (cpu.quota_micros, cpu.period_micros),
                (Some(50_000), 100_000)
            );
            assert!(cpu.periods >= cpu.throttled_periods, "{cpu:?}");
            assert!(counters.tcp.is_ok());
        })
        .await;
}

#[tokio::test]
async fn files_and_file_systems_are_the_containers_own() {
    stage()
        .await
        .play(async |stage: &Stage| {
            let mut spec = script(
                stage,
                "a",
                "ln -s /proc/1/root/../../etc/hostname /out; mkfifo -m 640 /pipe; exec sleep 100000",
            );
            spec.hostname = Some("inside".into());
            spec.tmpfs = [("/small".into(), "size=64k".into())].into();
            let (_, look) = start(stage, "a", &spec).await;
            let pipe = until("the pipe", || look.stat("/pipe").unwrap());
            assert_eq!((pipe.kind, pipe.mode, pipe.uid), (FileKind::Pipe, 0o640, 0));
            assert!(look.read("/pipe", 10).is_err());
            let name = look.read("/etc/hostname", 100).unwrap().unwrap();
            assert_eq!((&name.bytes[..], name.is_whole), (&b"inside\n"[..], true));
            // The kernel does not follow its own links to processes here, wherever they lead.
            assert!(!matches!(look.stat("/out"), Ok(Some(_))));
            let small = look.file_system("/small").unwrap().unwrap();
            assert_eq!((small.total_bytes, small.is_read_only), (64 * 1024, false));
            assert!(look.file_system("/proc/sys").unwrap().unwrap().is_read_only);
        })
        .await;
}
