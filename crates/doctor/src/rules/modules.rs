//! Modules and programs that an image should hold and does not, or that a mount hides.

use bowline_recipes::Says;

use crate::facts::{ContainerFact, FileFact, FileSort, Mount};
use crate::finding::{Code, Confidence, Evidence, FactRef, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::stores::is_below;
use crate::world::{Said, World, culprit, filed, shown, spoken, stood};

use super::files::{absolute, asked, ending, made_by_engine, mounted, refused_program};

pub(crate) const LAYOUT: Rule = Rule {
    code: Code("D013"),
    title: "what its command names is not where the image has it",
    layer: Layer::Image,
    decisive: &["the complaint", "what it runs", "that it is not there"],
    look_alikes: &[Code("D060"), Code("D075"), Code("D078")],
    yields: false,
    endangers_data: false,
    find: layout,
};

pub(crate) const HIDDEN: Rule = Rule {
    code: Code("D060"),
    title: "a mount hides what the image holds at that place",
    layer: Layer::Config,
    decisive: &[
        "the complaint",
        "the mount",
        "that it is not there",
        "that the image has it",
    ],
    look_alikes: &[Code("D034")],
    yields: false,
    endangers_data: false,
    find: hidden,
};

pub(crate) const PACKAGE: Rule = Rule {
    code: Code("D075"),
    title: "a package or library that it needs is not in its image",
    layer: Layer::Image,
    decisive: &["the complaint", "that it is not there"],
    look_alikes: &[Code("D013"), Code("D060"), Code("D078")],
    yields: false,
    endangers_data: false,
    find: package,
};

pub(crate) const OWN_MODULE: Rule = Rule {
    code: Code("D078"),
    title: "a module of its own was not copied into its image",
    layer: Layer::Image,
    decisive: &[
        "the complaint",
        "that it is not there",
        "what is there of it",
    ],
    look_alikes: &[Code("D013"), Code("D060"), Code("D075")],
    yields: false,
    endangers_data: false,
    find: own_module,
};

/// What kind of thing a missing module is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The command names it.
    Asked,
    /// A part of a package that is the program's own.
    Own,
    /// Somebody else's.
    Foreign,
    /// It is there, where the program does not look.
    Elsewhere,
}

/// A module that a container misses.
struct Missing<'w, 'f> {
    container: &'f ContainerFact,
    said: &'w Said<'f>,
    module: String,
    kind: Kind,
    /// The paths at which it could be that were looked at; nothing is at any of them.
    looked: Vec<&'f FileFact>,
    /// The folder of its package, which is there.
    package: Option<&'f FileFact>,
    /// Where it is, although the program did not find it.
    found: Option<&'f FileFact>,
}

/// The module that a line misses, with the package that it should be a part of.
pub(crate) fn module_of(said: &Said<'_>) -> Option<String> {
    let module = said.capture("module")?;
    Some(match said.capture("package") {
        Some(package) => format!("{package}.{module}"),
        None => module.to_owned(),
    })
}

/// The first part of a module's name.
fn top(module: &str) -> &str {
    module
        .split(['.', '/', ':'])
        .find(|part| !part.is_empty())
        .unwrap_or(module)
}

fn is_path(module: &str) -> bool {
    module.starts_with(['/', '.']) || matches!(ending(module), Some("jar" | "js"))
}

fn is_library(module: &str) -> bool {
    module.contains(".so")
}

/// The paths at which a module of a program could be.
pub(crate) fn module_paths(container: &ContainerFact, module: &str) -> Vec<String> {
    if is_library(module) {
        return Vec::new();
    }
    if is_path(module) {
        return vec![absolute(container, module)];
    }
    if ending(module) == Some("pm") {
        return perl_paths(container, module);
    }
    let inner = module.replace('.', "/");
    let path = container.environment.get("PYTHONPATH").cloned().flatten();
    let roots = path.iter().flat_map(|path| path.split(':'));
    let roots = roots.filter(|root| root.starts_with('/')).take(3);
    let mut paths = Vec::new();
    for root in ["."].into_iter().chain(roots) {
        let root = absolute(container, root);
        let root = root.trim_end_matches("/.").trim_end_matches('/');
        paths.push(format!("{root}/{inner}"));
        paths.push(format!("{root}/{inner}.py"));
        if inner != top(module) {
            paths.push(format!("{root}/{}", top(module)));
        }
    }
    let folder = absolute(container, "node_modules");
    paths.push(format!("{folder}/{}", module.trim_start_matches("node:")));
    paths
}

/// The same for Perl: its own folders are told by `-I` and `PERL5LIB`, else called `lib` mostly.
fn perl_paths(container: &ContainerFact, module: &str) -> Vec<String> {
    let words = container
        .command
        .iter()
        .flat_map(|word| word.split_whitespace());
    let told = words.filter_map(|word| word.strip_prefix("-I"));
    let path = container.environment.get("PERL5LIB").cloned().flatten();
    let path = path.iter().flat_map(|path| path.split(':'));
    let roots = told
        .chain(path)
        .chain(["lib", "."])
        .filter(|root| !root.is_empty());
    let mut paths = Vec::new();
    for root in roots.take(5) {
        let root = absolute(container, root);
        let root = root.trim_end_matches("/.").trim_end_matches('/');
        paths.push(format!("{root}/{module}"));
        if module != top(module) {
            paths.push(format!("{root}/{}", top(module)));
        }
    }
    paths
}

/// Whether the command of a container names a module.
fn names(container: &ContainerFact, module: &str) -> bool {
    let top = top(module);
    let by = |word: &String| {
        let rest = word.strip_prefix(top);
        absolute(container, word) == absolute(container, module)
            || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', ':', '/']))
    };
    // A shell's line has several words in one.
    let words = container
        .command
        .iter()
        .flat_map(|word| word.split_whitespace());
    words.map(str::to_owned).any(|word| by(&word))
}

fn missing<'w, 'f>(world: &'w World<'f>) -> Vec<Missing<'w, 'f>> {
    let mut all = Vec::new();
    for container in world.containers() {
        for said in world.complaints(container, &[Says::ModuleMissing]) {
            let Some(module) = module_of(said) else {
                continue;
            };
            let paths = module_paths(container, &module);
            let package = package_folder(world, container, &module);
            let looked: Vec<&FileFact> = paths
                .iter()
                .filter(|path| package.is_none_or(|package| package.path != **path))
                .filter_map(|path| world.file(container, path))
                .collect();
            let over = laid_over(world, container, &module);
            let found = looked.iter().copied().find(|file| {
                let is_laid = over.is_some_and(|mount| mount.target == file.path);
                file.there.is_some() && !is_laid
            });
            let is_relative = module.starts_with('.');
            let kind = if found.is_some() {
                Kind::Elsewhere
            } else if names(container, &module) && package.is_none() {
                Kind::Asked
            } else if package.is_some() || is_relative || is_path(&module) {
                Kind::Own
            } else {
                Kind::Foreign
            };
            all.push(Missing {
                container,
                said,
                module,
                kind,
                looked,
                package,
                found,
            });
        }
    }
    all
}

/// The folder of the package that a module belongs to, where the module is only a part of it and the folder is there.
fn package_folder<'f>(
    world: &World<'f>,
    container: &'f ContainerFact,
    module: &str,
) -> Option<&'f FileFact> {
    let top = top(module);
    if is_path(module) || is_library(module) || top == module {
        return None;
    }
    let mut paths = module_paths(container, module).into_iter();
    let file = paths.find_map(|path| {
        let name = path.rsplit('/').next()?;
        (name == top)
            .then(|| world.file(container, &path))
            .flatten()
    })?;
    let there = file.there.as_ref()?;
    (there.sort == FileSort::Folder).then_some(file)
}

/// A mount of a folder that lies over the place where a program has its own files.
fn covering<'f>(world: &World<'f>, container: &'f ContainerFact) -> Option<&'f Mount> {
    let image = world.image(&container.image);
    let folder = container.working_dir.iter().filter(|folder| *folder != "/");
    let programs = image.iter().flat_map(|image| &image.command);
    let mut places = folder.chain(programs).filter(|path| path.starts_with('/'));
    let mount = places.find_map(|path| {
        let mount = world.mount_of(container, path)?;
        (mount.target != *path || container.working_dir.as_ref() == Some(path)).then_some(mount)
    })?;
    let file = world.file(container, &mount.target);
    let is_folder = file.is_none_or(|file| {
        let there = file.there.as_ref();
        there.is_some_and(|there| there.sort == FileSort::Folder)
    });
    is_folder.then_some(mount)
}

/// Whether what is missing at a path is hidden by a mount over the program's own folder.
pub(super) fn is_hidden<'f>(world: &World<'f>, container: &'f ContainerFact, path: &str) -> bool {
    covering(world, container).is_some_and(|mount| is_below(path, &mount.target))
}

/// That no mount lies over the program's own folder.
fn not_covered<'f>(world: &World<'f>, container: &'f ContainerFact) -> Option<Evidence> {
    mounted(world, container, "its own folder is the image's")
}

impl Missing<'_, '_> {
    fn complaint(&self) -> Evidence {
        let proves = "it looked for it and did not find it";
        spoken(self.container, self.said, proves)
    }

    /// Adds that nothing is at any place where it could be; to be sure of that each has to be known.
    fn decide_gone(&self, mut case: Case) -> Case {
        let wanted = module_paths(self.container, &self.module).len();
        let seen = self.looked.len() + usize::from(self.package.is_some());
        if seen >= wanted {
            for file in &self.looked {
                let gone = filed(file, "it is not where it would be found");
                case = case.decides("that it is not there", Some(gone));
            }
        }
        case
    }
}

/// A module that is in the container, at a place where its program does not look.
fn elsewhere(world: &World<'_>, cases: &mut Vec<Case>) {
    for it in missing(world) {
        let container = it.container;
        // A part of it may be what is missing, and what has come since was missing.
        let is_whole = |file: &&FileFact| {
            let there = file
                .there
                .as_ref()
                .filter(|there| there.sort == FileSort::File);
            let modified = there.and_then(|there| there.modified);
            modified.is_some_and(|modified| modified < it.said.first)
        };
        let Some(found) = it.found.filter(is_whole) else {
            continue;
        };
        let claim = format!(
            "it does not find `{}`, which is at `{}`: its program does not look there",
            it.module, found.path
        );
        let runs = asked(world, container, "it is what was asked for");
        cases.push(
            Case::new(culprit(container, Some("command")), claim)
                .at_most(Confidence::Likely)
                .mended_by(
                    "copy it to where the program looks (in the Dockerfile), or tell the program of that folder (`PYTHONPATH`, `PERL5LIB`, `-I`); then `bowline up --build`",
                    Safety::Restart,
                )
                .decides("the complaint", Some(it.complaint()))
                .decides("what it runs", runs.clone())
                .decides("that it is not there", Some(filed(found, "it is in the image, and elsewhere")))
                .rules_out(Code("D060"), runs.clone())
                .rules_out(Code("D075"), runs.clone())
                .rules_out(Code("D078"), runs),
        );
    }
}

fn layout(world: &World<'_>, cases: &mut Vec<Case>) {
    elsewhere(world, cases);
    for it in missing(world).iter().filter(|it| it.kind == Kind::Asked) {
        let container = it.container;
        if covering(world, container).is_some() {
            continue;
        }
        let folder = container.working_dir.as_deref().unwrap_or("/");
        let claim = format!(
            "its command asks for `{}`, and the image `{}` does not have it in `{folder}`",
            it.module, container.image
        );
        let runs = asked(world, container, "it is what was asked for");
        let case = Case::new(culprit(container, Some("command")), claim)
            .mended_by(
                "correct `command` or `working_dir`, or copy it to that place in the Dockerfile; then `bowline up --build`",
                Safety::Restart,
            )
            .decides("the complaint", Some(it.complaint()))
            .decides("what it runs", runs.clone())
            .rules_out(Code("D060"), not_covered(world, container))
            .rules_out(Code("D075"), runs.clone())
            .rules_out(Code("D078"), runs);
        cases.push(it.decide_gone(case));
    }
}

fn own_module(world: &World<'_>, cases: &mut Vec<Case>) {
    for it in missing(world).iter().filter(|it| it.kind == Kind::Own) {
        let container = it.container;
        if covering(world, container).is_some() {
            continue;
        }
        let claim = format!(
            "`{}` is a module of its own, and was not copied into the image `{}`",
            it.module, container.image
        );
        let rest = it
            .package
            .map(|file| filed(file, "the rest of it is there, so it is its own"));
        let case = Case::new(culprit(container, Some("build")), claim)
            .mended_by(
                "let the Dockerfile copy it (and `.dockerignore` not leave it out), then `bowline up --build`",
                Safety::Restart,
            )
            .decides("the complaint", Some(it.complaint()))
            .decides("what is there of it", rest.clone())
            .rules_out(Code("D013"), rest.clone())
            .rules_out(Code("D060"), not_covered(world, container))
            .rules_out(Code("D075"), rest);
        cases.push(it.decide_gone(case));
    }
}

fn package(world: &World<'_>, cases: &mut Vec<Case>) {
    for it in missing(world).iter().filter(|it| it.kind == Kind::Foreign) {
        let container = it.container;
        if laid_over(world, container, &it.module).is_some() {
            continue;
        }
        let over = covering(world, container);
        let beside = over.and_then(|mount| lies_beside(world, container, mount, it.said));
        if over.is_some() && beside.is_none() {
            continue;
        }
        let claim = format!(
            "it needs `{}`, which is not installed in the image `{}`",
            it.module, container.image
        );
        let complaint = Some(it.complaint());
        let other = asked(world, container, "it is not what was asked for");
        // A library of the system is nobody's own module.
        let not_own = complaint.clone().filter(|_| is_library(&it.module));
        let case = Case::new(culprit(container, Some("image")), claim)
            .mended_by(
                "add it to what the Dockerfile installs (and to the lock file), then `bowline up --build`",
                Safety::Restart,
            )
            .decides("the complaint", complaint)
            .rules_out(Code("D013"), other)
            .rules_out(Code("D060"), beside.or_else(|| not_covered(world, container)))
            .rules_out(Code("D078"), not_own);
        cases.push(it.decide_gone(case));
    }
}

fn hidden(world: &World<'_>, cases: &mut Vec<Case>) {
    for container in world.containers() {
        let Some(mount) = covering(world, container) else {
            continue;
        };
        for (what, complaint) in lacks(world, container, mount) {
            if made_by_engine(world, container, &format!("{}/?", mount.target)).is_some() {
                continue;
            }
            let gone = world.file(container, &absolute(container, &what));
            let gone = gone.filter(|file| file.there.is_none());
            let gone = gone.map(|file| filed(file, "it is not there"));
            let case = hidden_case(world, container, mount, &what, complaint);
            cases.push(case.decides("that it is not there", gone));
        }
    }
    for it in missing(world).iter().filter(|it| it.kind == Kind::Foreign) {
        if let Some(mount) = laid_over(world, it.container, &it.module) {
            let folder = world.file(it.container, &mount.target);
            let instead = folder.map(|file| filed(file, "this is not the package"));
            let case = hidden_case(world, it.container, mount, &it.module, it.complaint());
            cases.push(case.decides("that it is not there", instead));
        }
    }
}

/// What folders are called that hold packages.
const OF_PACKAGES: &[&str] = &[
    "dist-packages",
    "gems",
    "node_modules",
    "nodejs",
    "perl5",
    "site-packages",
    "vendor",
];

/// A folder that is mounted right where a package lies: `node_modules/pg`, `site-packages/yaml`.
fn laid_over<'f>(
    world: &World<'f>,
    container: &'f ContainerFact,
    module: &str,
) -> Option<&'f Mount> {
    let mounts = world.mounts(container).unwrap_or_default();
    mounts.iter().find(|mount| {
        let mut parts = mount.target.rsplit('/');
        let is_package = parts.next() == Some(top(module));
        is_package
            && parts
                .next()
                .is_some_and(|around| OF_PACKAGES.contains(&around))
    })
}

fn hidden_case<'f>(
    world: &World<'f>,
    container: &'f ContainerFact,
    mount: &Mount,
    what: &str,
    complaint: Evidence,
) -> Case {
    let claim = format!(
        "`{what}` is missing: `{}` is mounted over `{}` and hides what the image has there",
        mount.source, mount.target
    );
    let text = format!(
        "{}: `{}` is mounted at `{}`",
        container.name, mount.source, mount.target
    );
    let fact = FactRef::Mounts(container.name.clone());
    let over = shown(fact, text, "of the image nothing can be seen there");
    let folder = world.file(container, &mount.target);
    let folder = folder.map(|file| filed(file, "this is what it sees instead"));
    Case::new(culprit(container, Some("volumes")), claim)
        // Nobody looked into the image itself.
        .at_most(Confidence::Likely)
        .mended_by(
            "build it on the host as well, mount a narrower folder, or keep the image's part with a volume of its own at that place; then `bowline up`",
            Safety::NeedsYou,
        )
        .decides("the complaint", Some(complaint))
        .decides("the mount", Some(over))
        .rules_out(Code("D034"), folder)
}

/// What languages say that have their packages in a folder of the system, and not in that of the program.
const IN_THE_SYSTEM: &[&str] = &[
    "(LoadError)",
    "ModuleNotFoundError",
    "No module named",
    " in @INC",
];

/// That a mount over the program's folder is not why a package is missing: such packages lie elsewhere, and the mounted
/// folder has a program in it.
fn lies_beside(
    world: &World<'_>,
    container: &ContainerFact,
    mount: &Mount,
    said: &Said<'_>,
) -> Option<Evidence> {
    let module = module_of(said)?;
    let is_in_system = IN_THE_SYSTEM.iter().any(|words| said.text.contains(words));
    let is_own = module != top(&module) || is_path(&module) || names(container, &module);
    let folder = world.file(container, &mount.target)?;
    let is_filled = folder.there.as_ref()?.is_empty == Some(false);
    let proves = "what is mounted has a program in it, and packages lie elsewhere";
    (is_in_system && !is_own && is_filled).then(|| filed(folder, proves))
}

/// What a container lacks below a mount, by what it or the engine says.
fn lacks<'f>(
    world: &World<'f>,
    container: &'f ContainerFact,
    mount: &Mount,
) -> Vec<(String, Evidence)> {
    let words = [
        Says::ModuleMissing,
        Says::FileMissing,
        Says::CommandMissing,
        Says::ExecMissing,
    ];
    let mut lacks = Vec::new();
    for said in world.complaints(container, &words) {
        let what = ["module", "path", "name"]
            .iter()
            .find_map(|name| said.capture(name));
        let Some(what) = what.filter(|what| !is_library(what)) else {
            continue;
        };
        let is_module = said.says == Says::ModuleMissing;
        if is_module && lies_beside(world, container, mount, said).is_some()
            || !is_module && !is_below(&absolute(container, what), &mount.target)
            || said.says == Says::CommandMissing && !what.contains('/')
        {
            continue;
        }
        let complaint = spoken(container, said, "it looked for it and did not find it");
        lacks.push((what.to_owned(), complaint));
    }
    let error = world
        .state(container)
        .and_then(|state| state.error.as_deref());
    if let Some(program) = error.and_then(refused_program)
        && error.is_some_and(|error| error.contains("no such file"))
        && is_below(&absolute(container, program), &mount.target)
    {
        let refusal = stood(world, container, "the engine did not find it");
        lacks.extend(refusal.map(|refusal| (program.to_owned(), refusal)));
    }
    lacks
}
