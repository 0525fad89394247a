//! `doctor`: why a stack is not well.

use std::collections::BTreeMap;
use std::time::Duration;

use bowline_core::{Clock as _, FileContent, Journal, SystemClock};
use bowline_doctor::{
    Bounds, Diagnosis, EmptyVariable, Facts, Finding, Look, OwnRecipes, ReplayError, Risk, Subject,
    Unseen, WhyUnseen, codes, collect, diagnose, is_risk, lint, record, replay,
};
use bowline_model::{ContainerStatus, EngineEvent, Place, Project, Secret, nearest, typed};
use futures_util::future::join;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use crate::connect::connect_within;
use crate::inputs;
use crate::session::open_to_read;
use crate::stack::{Named, StackOptions, Surroundings};
use crate::{Answer, Failure, noted, recipes};

/// Operations of the journal whose events are looked at, the last ones.
const OPERATIONS: u32 = 20;

/// What `doctor` is asked for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DoctorRequest {
    /// Which stack.
    pub stack: StackOptions,
    /// Do not read what containers wrote.
    pub no_logs: bool,
    /// Try nothing from within containers.
    pub no_exec: bool,
    /// Also name risks that explain no trouble.
    pub lint: bool,
    /// Only causes of this code; of a code of risks only these.
    pub only: Option<String>,
    /// With `only`: only where this is to blame, by its name or by its name and field, `api.environment.URL`.
    pub culprit: Option<String>,
    /// Services that are looked into before all others, where there are too many containers.
    pub about: Vec<String>,
    /// A recording to diagnose instead of a stack; nothing else is looked at then.
    pub recording: Option<String>,
}

/// What `doctor` answers.
#[derive(Debug, Serialize)]
pub struct DoctorAnswer {
    /// What is wrong, and what is not well.
    #[serde(flatten)]
    pub diagnosis: Diagnosis,
    /// What may become trouble, where that was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub risks: Vec<Risk>,
    /// Whom else the code that was asked for is about, where it was asked for by a name and is not there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub elsewhere: Vec<String>,
    /// Whether the cause that was asked for was not found, and may be where nobody got round to look.
    #[serde(skip)]
    pub may_be_missed: bool,
    /// Whether the files of the project were read: what may become trouble shows there.
    #[serde(skip)]
    pub has_files: bool,
    /// Everything that was observed, to be diagnosed again.
    #[serde(skip)]
    pub recording: String,
}

/// Looks at a stack once, changes nothing, and says what is wrong with it.
///
/// # Errors
///
/// The loader's mistakes, but for circles of dependencies; a recipe that cannot be used; the engine does not answer; the recording cannot be read; `only` names no code.
pub async fn doctor(
    surroundings: &Surroundings,
    request: &DoctorRequest,
) -> Result<Answer<DoctorAnswer>, Failure> {
    let only = request.only.as_deref();
    only.map_or(Ok(()), is_known)?;
    let wanted = only.filter(|code| !is_risk(code));
    let wanted = wanted.map(|code| (code, request.culprit.as_deref()));
    let mut answer = looked_for(surroundings, request, wanted, bounds(surroundings)).await?;
    if let Some(only) = only {
        answer.value.keep(only, request.culprit.as_deref());
    }
    if request.recording.is_none() {
        name_stack(&mut answer.value.diagnosis, &request.stack);
    }
    Ok(answer)
}

impl DoctorAnswer {
    /// Leaves out all but what is asked for.
    fn keep(&mut self, code: &str, culprit: Option<&str>) {
        let causes = &mut self.diagnosis.causes;
        let elsewhere = causes.iter().filter(|it| it.is_asked_for(code, None));
        let elsewhere = elsewhere.filter(|it| !it.is_asked_for(code, culprit));
        self.elsewhere = elsewhere.map(|it| it.culprit.name.clone()).collect();
        causes.retain(|cause| cause.is_asked_for(code, culprit));
        self.risks.retain(|risk| risk.is_asked_for(code, culprit));
        if !causes.is_empty() || !self.risks.is_empty() {
            self.elsewhere.clear();
        }
    }
}

/// Puts the options by which a stack was named into the commands that the diagnosis names, in the texts of fixes too, so
/// that each can be run as it stands.
pub(crate) fn name_stack(diagnosis: &mut Diagnosis, stack: &StackOptions) {
    let options = stack.words();
    let name = |command: &mut Vec<String>| {
        let as_root = command.first().is_some_and(|word| word == "sudo");
        let program = usize::from(as_root);
        if command.get(program).is_some_and(|word| word == "bowline") {
            let at = program + 1;
            command.splice(at..at, options.iter().cloned());
        }
    };
    for cause in &mut diagnosis.causes {
        commands(cause).for_each(name);
        if let Some(fix) = &mut cause.fix {
            fix.text = named_in(&fix.text, stack);
        }
    }
    for service in &mut diagnosis.undetermined {
        [&mut service.next.command, &mut service.verify]
            .into_iter()
            .for_each(name);
    }
}

/// A text with these options in the commands that it names.
pub(crate) fn named_in(text: &str, stack: &StackOptions) -> String {
    let options = stack.words();
    if options.is_empty() {
        return text.to_owned();
    }
    text.replace("`bowline ", &format!("`bowline {} ", typed(&options)))
}

/// The commands that a cause names.
fn commands(cause: &mut Finding) -> impl Iterator<Item = &mut Vec<String>> {
    let fix = cause.fix.iter_mut().map(|fix| &mut fix.command);
    let decide = cause.decide.iter_mut().map(|next| &mut next.command);
    [&mut cause.verify, &mut cause.mend]
        .into_iter()
        .chain(fix)
        .chain(decide)
}

/// Looks at a stack as [`doctor`] does. An engine that does not say in time which containers there are is asked once more.
/// Where a cause is looked for and is not found, it is looked for once more if somebody was started a moment ago, when he
/// has run for six seconds, and if a look took too long, with more time: what has not had the time to show, and what nobody
/// got round to see, is not gone.
///
/// # Errors
///
/// Those of [`doctor`], but for a code that is not known.
pub(crate) async fn looked_for(
    surroundings: &Surroundings,
    request: &DoctorRequest,
    wanted: Option<(&str, Option<&str>)>,
    bounds: Bounds,
) -> Result<Answer<DoctorAnswer>, Failure> {
    let (mut facts, named, mut diagnosis) = if let Some(text) = &request.recording {
        let facts = replay(text).map_err(|error| unreadable(&error))?;
        let diagnosis = diagnose(&facts);
        (facts, None, diagnosis)
    } else {
        Box::pin(looked(surroundings, request, wanted, bounds)).await?
    };
    let project = named.as_ref().and_then(|named| named.project.as_ref());
    if let Some(project) = project {
        facts.places = places(project, &diagnosis, &lint(&facts));
        diagnosis.place(&facts);
    }
    let wants_risks = request.lint || request.only.as_deref().is_some_and(is_risk);
    let risks = if wants_risks {
        lint(&facts)
    } else {
        Vec::new()
    };
    let value = DoctorAnswer {
        recording: record(&facts),
        elsewhere: Vec::new(),
        may_be_missed: may_be_missed(&diagnosis, wanted),
        has_files: !facts.services.is_empty(),
        risks,
        diagnosis,
    };
    let warnings = named.map(|named| named.warnings).unwrap_or_default();
    Ok(Answer { value, warnings })
}

/// What is seen of a stack, and what that says, after as many looks as it takes.
async fn looked(
    surroundings: &Surroundings,
    request: &DoctorRequest,
    wanted: Option<(&str, Option<&str>)>,
    bounds: Bounds,
) -> Result<(Facts, Option<Named>, Diagnosis), Failure> {
    let look = async |bounds| {
        let (facts, named) = seen(surroundings, request, bounds).await?;
        let diagnosis = diagnose(&facts);
        Ok::<_, Failure>((facts, named, diagnosis))
    };
    let mut last = look(bounds).await?;
    if is_held_up(&last.2) {
        last = look(bounds).await?;
    }
    if let Some(rest) = until_settled(&last.0).filter(|_| is_missing(&last.2, wanted)) {
        // sleeps because: nothing tells when somebody would have failed by now
        sleep(rest).await;
        last = look(bounds).await?;
    }
    if may_be_missed(&last.2, wanted) && is_too_slow(&last.2) {
        let patient = Bounds {
            look: PATIENT_LOOK,
            whole: PATIENT_WHOLE,
            answer: PATIENT_LOOK,
            ..bounds
        };
        last = look(patient).await?;
    }
    Ok(last)
}

/// How long the engine may take to say who it is.
const ENGINE: Duration = Duration::from_secs(5);

/// From beside how many containers a stack is looked at where that is the only way.
const INSTRUMENTS: usize = 8;

/// How far one look goes.
pub(crate) fn bounds(surroundings: &Surroundings) -> Bounds {
    Bounds {
        instruments: if surroundings.answers_within {
            INSTRUMENTS
        } else {
            0
        },
        ..Bounds::default()
    }
}

/// How long a look may take where something was not seen within the usual time.
const PATIENT_LOOK: Duration = Duration::from_secs(8);
const PATIENT_WHOLE: Duration = Duration::from_secs(20);

/// Whether a look took too long.
pub(crate) fn is_too_slow(diagnosis: &Diagnosis) -> bool {
    let mut unseen = diagnosis.unseen.iter();
    unseen.any(|unseen| unseen.cause == WhyUnseen::TooSlow)
}

/// Whether the engine did not even say in time which containers there are: it may have been held up for a moment.
fn is_held_up(diagnosis: &Diagnosis) -> bool {
    let mut unseen = diagnosis.unseen.iter();
    unseen.any(|one| one.look == Look::Containers && one.cause == WhyUnseen::TooSlow)
}

/// How long somebody who was started by hand has to run before he is taken for one that goes on.
const SETTLED: SignedDuration = SignedDuration::from_secs(6);

/// How long it takes until everybody has settled who was started a moment ago; `None` where all have. Who ends again and
/// again never does.
fn until_settled(facts: &Facts) -> Option<Duration> {
    let young = facts.containers.iter().filter(|container| {
        container.status == ContainerStatus::Running && container.restarts == 0
    });
    let youngest = young.filter_map(|container| container.started).max()?;
    let looked = SignedDuration::from_millis(i64::try_from(facts.took_millis).unwrap_or(i64::MAX));
    // Who was started during the look has the whole time before him.
    let age = (facts.at.duration_since(youngest)).max(SignedDuration::ZERO);
    let rest = SETTLED - age - looked;
    Duration::try_from(rest).ok().filter(|it| !it.is_zero())
}

/// Whether a cause is looked for and was not found.
fn is_missing(diagnosis: &Diagnosis, wanted: Option<(&str, Option<&str>)>) -> bool {
    let mut causes = diagnosis.causes.iter();
    wanted.is_some_and(|(code, culprit)| !causes.any(|cause| cause.is_asked_for(code, culprit)))
}

/// Whether a cause that is looked for was not found while looks were cut short.
fn may_be_missed(diagnosis: &Diagnosis, wanted: Option<(&str, Option<&str>)>) -> bool {
    let Some((_, culprit)) = wanted else {
        return false;
    };
    let is_beyond = |unseen: &Unseen| {
        unseen.cause == WhyUnseen::TooMany && matches!(unseen.look, Look::Log(_) | Look::Inside(_))
    };
    // Who is asked about by name is looked into before all others.
    let has_rest = culprit.is_none() && diagnosis.unseen.iter().any(is_beyond);
    is_missing(diagnosis, wanted) && (is_too_slow(diagnosis) || has_rest)
}

/// What can be seen of a stack, with its files. Files with a circle of dependencies and an engine that is not there are
/// facts too.
async fn seen(
    surroundings: &Surroundings,
    request: &DoctorRequest,
    bounds: Bounds,
) -> Result<(Facts, Option<Named>), Failure> {
    let named = match request.stack.named(surroundings) {
        Err(Failure::Load(error)) if !noted::circles(&error).is_empty() => {
            let name = request.stack.project_name.as_deref().unwrap_or_default();
            let mut facts = Facts::none(name, SystemClock.now());
            facts.circles = noted::circles(&error);
            return Ok((facts, None));
        }
        named => named?,
    };
    let recipes = recipes::own(surroundings, named.project.as_ref())?;
    let looked = Box::pin(look(surroundings, request, &named, recipes, bounds)).await;
    let facts = looked.or_else(|failure| {
        let no_engine = noted::no_engine(surroundings, &failure).ok_or(failure)?;
        let cause = WhyUnseen::Engine(no_engine.text.clone());
        let mut facts = Facts::none(&named.name, SystemClock.now());
        facts.no_engine = Some(no_engine);
        Ok::<_, Failure>(noted::unseen(facts, cause))
    })?;
    Ok((facts, Some(named)))
}

/// Whether there is a rule of this code.
pub(crate) fn is_known(wanted: &str) -> Result<(), Failure> {
    let codes = codes();
    let mut known = codes.iter().map(|(code, _)| code.0);
    if known.any(|code| code == wanted) {
        return Ok(());
    }
    let all = "`bowline explain` lists them";
    let meant = nearest(wanted, codes.iter().map(|(code, _)| code.0));
    Err(Failure::Usage {
        message: format!("there is no code `{wanted}`"),
        hint: Some(match meant {
            Some(meant) => format!("did you mean `{meant}`? {all}"),
            None => all.to_owned(),
        }),
    })
}

fn unreadable(error: &ReplayError) -> Failure {
    Failure::Usage {
        message: error.to_string(),
        hint: Some("`bowline doctor --record FILE` writes one".to_owned()),
    }
}

async fn look(
    surroundings: &Surroundings,
    request: &DoctorRequest,
    named: &Named,
    recipes: OwnRecipes,
    mut bounds: Bounds,
) -> Result<Facts, Failure> {
    let engine = connect_within(surroundings, ENGINE).await?;
    // Without the journal there is less to know, and no reason to say nothing.
    let session = open_to_read(surroundings, engine.clone(), named.name.clone()).ok();
    let journal = match &session {
        Some(session) => session.stack.look().await.unwrap_or_default(),
        None => None,
    };
    let (recorded, not_done) = match journal {
        Some(journal) => (
            recorded(&journal).await.unwrap_or_default(),
            noted::not_done(&journal).await.unwrap_or_default(),
        ),
        None => Default::default(),
    };
    let asked = request.about.iter().chain(&request.culprit);
    let subject = Subject {
        recorded,
        not_done,
        begins: Some(SystemClock.now()),
        asked: asked.cloned().collect(),
        ..subject(named, recipes)
    };
    if request.no_logs {
        bounds.log_lines = 0;
    }
    if request.no_exec {
        bounds.tries = false;
        bounds.instruments = 0;
    }
    // Without its files nothing can be said of what they would change.
    let drift = async {
        match &named.project {
            Some(_) => noted::changed(surroundings, &request.stack).await,
            None => Ok(BTreeMap::new()),
        }
    };
    let (facts, drift) = join(collect(&*engine, &subject, bounds), drift).await;
    let mut facts = facts?;
    match drift {
        Ok(fields) => facts.changed = fields,
        Err(unseen) => {
            facts.unseen.push(unseen);
            facts.unseen.sort();
        }
    }
    if named.project.is_some() {
        facts.overriding = noted::overriding(surroundings, &request.stack);
    }
    if facts.containers.is_empty() {
        facts.elsewhere = noted::elsewhere(surroundings, &named.name).await;
    }
    Ok(facts)
}

/// What is known of a stack by its files.
fn subject(named: &Named, recipes: OwnRecipes) -> Subject {
    let empty_variables = named.empty_variables.iter();
    let empty_variables = empty_variables.map(|(name, fields)| EmptyVariable {
        name: name.clone(),
        fields: fields.clone(),
    });
    Subject {
        name: named.name.clone(),
        project: named.project.clone(),
        empty_variables: empty_variables.collect(),
        secrets: named.project.as_ref().map(secrets).unwrap_or_default(),
        recipes,
        ..Subject::default()
    }
}

/// What the engine reported during the last operations.
async fn recorded(journal: &Journal) -> Result<Vec<EngineEvent>, bowline_core::JournalError> {
    let mut events = Vec::new();
    for operation in journal.history(OPERATIONS).await? {
        events.extend(journal.events(&operation.id).await?);
    }
    events.sort_by_key(|event| event.at);
    Ok(events)
}

/// What stands in the files of secrets, without the end of the last line.
pub(crate) fn secrets(project: &Project) -> Vec<Secret> {
    let objects = project.secrets.values();
    let paths = objects.filter(|object| !object.file.is_empty());
    let read = inputs::read(
        paths.map(|object| object.file.clone()).collect(),
        &BTreeMap::new(),
    );
    let texts = read.into_values().filter_map(|content| match content {
        FileContent::Bytes(bytes) => String::from_utf8(bytes).ok(),
        _ => None,
    });
    texts
        .map(|text| Secret::new(text.trim_end_matches(['\n', '\r'])))
        .collect()
}

/// Where the fields are written that causes and risks name. Only these: a project has thousands.
fn places(project: &Project, diagnosis: &Diagnosis, risks: &[Risk]) -> BTreeMap<String, Place> {
    let causes = diagnosis.causes.iter();
    let causes = causes.filter_map(|cause| cause.culprit.path());
    let risks = risks.iter().map(|risk| risk.field.clone());
    let places = causes.chain(risks).filter_map(|path| {
        let written = as_written(project, &path)?;
        let place = project.origins.nearest(&written)?;
        Some((path, place.clone()))
    });
    places.collect()
}

/// The path of a field in the files: volumes and networks have other names there than on the engine.
fn as_written(project: &Project, path: &str) -> Option<String> {
    if let Some(name) = path.strip_prefix("volumes.") {
        let mut volumes = project.volumes.iter();
        let (key, _) = volumes.find(|(_, volume)| volume.name == name)?;
        return Some(format!("volumes.{key}"));
    }
    if let Some(name) = path.strip_prefix("networks.") {
        let mut networks = project.networks.iter();
        let (key, _) = networks.find(|(_, network)| network.name == name)?;
        return Some(format!("networks.{key}"));
    }
    Some(path.to_owned())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use bowline_doctor::{Confidence, Fix, Next, Safety};
    use bowline_engine::OutputSource;
    use bowline_engine::fake::Run;
    use bowline_model::{ContainerSpec, EnvSpec};

    use super::*;
    use crate::stage;

    const FILES: &str = "
name: shop
services:
  till: {image: 'busy:1', environment: {BANK: 'http://bnak:9000', BANK_PASSWORD: opensesame}}
  bank: {image: 'busy:1'}
";
    const RECIPE: &str = "
about = 'the till'
[[line]]
says = 'name_unknown'
by = 'client'
match = 'no (?<host>\\w+) in the phone book of opensesame'
proof = 'live'
";

    #[expect(clippy::disallowed_methods, reason = "a test makes a user's folder")]
    fn write(path: &Path, text: &str) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// What is seen of a shop whose till says this when it fails.
    async fn seen_with(folder: &Path, says: &str) -> Facts {
        let surroundings = Surroundings {
            current_dir: folder.display().to_string(),
            ..stage::surroundings(folder)
        };
        let named = StackOptions::default().named(&surroundings).unwrap();
        let recipes = recipes::own(&surroundings, named.project.as_ref()).unwrap();
        let engine = stage::engine();
        stage::started(&engine, "bank", 1, Run::new()).await;
        let env = ["BANK=http://bnak:9000", "BANK_PASSWORD=opensesame"];
        let till = ContainerSpec {
            env: EnvSpec::from_entries(env),
            ..stage::spec("till", 1)
        };
        let ends = Run::new().writes(OutputSource::Stderr, says);
        let ends = ends.ends_after(Duration::from_millis(10), 1);
        stage::started_with(&engine, till, ends).await;
        // sleeps because: the clock is paused, and this lets the till come to its end
        tokio::time::sleep(Duration::from_secs(1)).await;
        let subject = subject(&named, recipes);
        collect(&*engine, &subject, Bounds::default())
            .await
            .unwrap()
    }

    /// Codes and how sure they are.
    fn causes(facts: &Facts) -> Vec<(&'static str, Confidence)> {
        let causes = diagnose(facts).causes.into_iter();
        causes.map(|it| (it.code.0, it.confidence)).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_that_a_users_own_recipe_knows_is_understood_and_never_makes_certain() {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("compose.yaml"), FILES);
        let own = "no bnak in the phone book of opensesame";
        let known = "getaddrinfo ENOTFOUND bnak";
        let unknown = causes(&seen_with(folder.path(), own).await);
        assert!(
            !unknown.iter().any(|(code, _)| *code == "D053"),
            "{unknown:?}"
        );
        let certain = causes(&seen_with(folder.path(), known).await);
        assert_eq!(certain, [("D053", Confidence::Certain)]);

        write(&folder.path().join("recipes/till/recipe.toml"), RECIPE);
        let facts = seen_with(folder.path(), own).await;
        assert_eq!(causes(&facts), [("D053", Confidence::Likely)]);
        // bowline's own words count as before.
        let certain = causes(&seen_with(folder.path(), known).await);
        assert_eq!(certain, [("D053", Confidence::Certain)]);

        // Elsewhere, where nobody has the recipe, the recording says the same; and no secret is in it.
        let text = record(&facts);
        assert!(!text.contains("opensesame"), "{text}");
        let replayed = replay(&text).unwrap();
        assert_eq!(record(&replayed), text);
        let json = |facts: &Facts| serde_json::to_string(&diagnose(facts)).unwrap();
        assert_eq!(json(&replayed), json(&facts));
    }

    #[tokio::test(start_paused = true)]
    async fn a_recording_with_a_recipe_that_cannot_be_used_is_none() {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("compose.yaml"), FILES);
        write(&folder.path().join("recipes/till/recipe.toml"), RECIPE);
        let text = record(&seen_with(folder.path(), "no bnak").await);
        let error = replay(&text.replace("name_unknown", "name_unknwon")).unwrap_err();
        insta::assert_snapshot!(error, @"this is no recording of facts: recipes/till/recipe.toml:7:8: `name_unknwon` is no word of the vocabulary; did you mean `name_unknown`?");
    }

    #[test]
    fn who_was_started_a_moment_ago_is_waited_for() {
        let rest = |started: &str, status: &str, restarts: u32| {
            let web = serde_json::json!({
                "name": "shop-web-1", "id": "1", "service": "web", "is_one_off": false, "image": "busy:1",
                "image_id": "sha256:1", "created": null, "status": status, "exit_code": 0, "oom_killed": false,
                "error": null, "started": started, "finished": null, "restarts": restarts, "restart_policy": "no",
                "health": null, "command": [], "user": null, "environment": {}, "endpoints": {}, "network_mode": null,
                "published": [], "mounts": [], "limits": {"memory_bytes": null, "nano_cpus": null, "pids": null},
                "log_driver": null, "stop_timeout_secs": null, "stop_signal": null,
            });
            let at = "2026-11-21T10:05:00Z".parse().unwrap();
            let mut facts = Facts::none("shop", at);
            facts.containers.push(serde_json::from_value(web).unwrap());
            until_settled(&facts).map(|rest| rest.as_secs())
        };
        assert_eq!(rest("2026-11-21T10:04:58Z", "running", 0), Some(4));
        assert_eq!(rest("2026-11-21T10:04:54Z", "running", 0), None);
        // During the look.
        assert_eq!(rest("2026-11-21T11:00:00Z", "running", 0), Some(6));
        // Who ends again and again, and who has ended.
        assert_eq!(rest("2026-11-21T10:04:58Z", "running", 3), None);
        assert_eq!(rest("2026-11-21T10:04:58Z", "exited", 0), None);
    }

    #[test]
    fn a_cause_is_looked_for_again_only_where_a_look_was_cut_short_and_it_was_not_found() {
        let diagnosis = |cause: Option<WhyUnseen>, is_found: bool| {
            let mut diagnosis = diagnose(&Facts::none("shop", SystemClock.now()));
            let look = Look::Images;
            diagnosis
                .unseen
                .extend(cause.map(|cause| Unseen { look, cause }));
            diagnosis
                .causes
                .extend(is_found.then(|| stage::finding("web")));
            diagnosis
        };
        let code = (stage::finding("web").code.0, None);
        let slow = || Some(WhyUnseen::TooSlow);
        assert!(may_be_missed(&diagnosis(slow(), false), Some(code)));
        assert!(!may_be_missed(&diagnosis(slow(), true), Some(code)));
        assert!(!may_be_missed(&diagnosis(slow(), false), None));
        assert!(!may_be_missed(&diagnosis(None, false), Some(code)));
        let unwanted = Some(WhyUnseen::NotWanted);
        assert!(!may_be_missed(&diagnosis(unwanted, false), Some(code)));
        // It is there, and not at whom it was asked for.
        let other = (code.0, Some("db"));
        assert!(may_be_missed(&diagnosis(slow(), true), Some(other)));
        // Whoever is in doubt and was too much for one look may be the one; who is named was looked into.
        let mut crowd = diagnosis(None, false);
        crowd.unseen.push(Unseen {
            look: Look::Log("shop-web-41".to_owned()),
            cause: WhyUnseen::TooMany,
        });
        assert!(may_be_missed(&crowd, Some(code)) && !is_too_slow(&crowd));
        assert!(!may_be_missed(&crowd, Some(other)));
    }

    /// Two causes of one code, the second with all kinds of commands, and a service that nothing explains.
    fn answer() -> DoctorAnswer {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let mut diagnosis = diagnose(&Facts::none("shop", SystemClock.now()));
        let mut web = stage::finding("web");
        web.verify = words("bowline doctor --only D101=web");
        web.mend = words("bowline doctor --fix D101=web");
        web.decide = Some(Next {
            command: words("sudo bowline doctor --only D101=web"),
            why: String::new(),
        });
        web.fix = Some(Fix {
            text: "let it go on: `bowline unpause web`".to_owned(),
            command: words("bowline unpause web"),
            edits: Vec::new(),
            safety: Safety::Safe,
        });
        diagnosis.causes = vec![stage::finding("db"), web];
        DoctorAnswer {
            diagnosis,
            risks: Vec::new(),
            elsewhere: Vec::new(),
            may_be_missed: false,
            has_files: true,
            recording: String::new(),
        }
    }

    #[test]
    fn only_what_was_asked_for_is_left_and_whom_else_it_is_about_is_told_where_it_is_not_there() {
        let kept = |code: &str, culprit: Option<&str>| {
            let mut answer = answer();
            answer.keep(code, culprit);
            let causes = answer.diagnosis.causes.into_iter();
            let names: Vec<String> = causes.map(|cause| cause.culprit.name).collect();
            (names.join(" "), answer.elsewhere.join(" "))
        };
        let is = |left: &str, elsewhere: &str| (left.to_owned(), elsewhere.to_owned());
        assert_eq!(kept("D101", None), is("db web", ""));
        assert_eq!(kept("D101", Some("web")), is("web", ""));
        assert_eq!(kept("D101", Some("api")), is("", "db web"));
        assert_eq!(kept("D053", Some("api")), is("", ""));
    }

    #[test]
    fn every_command_names_the_stack_as_the_call_did() {
        let mut answer = answer();
        let stack = StackOptions {
            files: vec!["a.yaml".to_owned(), "b.yaml".to_owned()],
            project_name: Some("shop".to_owned()),
            profiles: vec!["all".to_owned()],
            ..StackOptions::default()
        };
        name_stack(&mut answer.diagnosis, &stack);
        let web = &mut answer.diagnosis.causes[1];
        let named = "bowline -f a.yaml -f b.yaml -p shop --profile all";
        let fix = &web.fix.as_ref().expect("it has one").text;
        assert!(fix.contains(&format!("`{named} unpause web`")), "{fix}");
        let told: Vec<String> = commands(web).map(|words| words.join(" ")).collect();
        assert_eq!(
            told,
            [
                format!("{named} doctor --only D101=web"),
                format!("{named} doctor --fix D101=web"),
                format!("{named} unpause web"),
                format!("sudo {named} doctor --only D101=web"),
            ]
        );
    }
}
