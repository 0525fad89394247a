//! The verbs that mend something, as a finding names them.

use std::collections::BTreeMap;

use bowline_doctor::{Confidence, Finding, Fix, Safety};
use bowline_model::{BuildChoice, Goal};

use crate::Failure;
use crate::operate::{ServicesRequest, Turn, UpRequest, selection, turn_goal, up_goal};
use crate::session::{self, Selection, Session};
use crate::stack::{StackOptions, Surroundings};

/// A verb that mends something, with its services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Turn(Turn, Vec<String>),
    Up(Vec<String>, How),
    Rerun(Vec<String>),
}

/// How a stack is brought up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct How {
    /// `--build`.
    pub(super) builds: bool,
    /// `--force-recreate`.
    pub(super) recreates: bool,
    /// `--remove-orphans`.
    pub(super) removes_orphans: bool,
}

impl How {
    /// With one more option; none where it is not among these.
    fn with(mut self, option: &str) -> Option<Self> {
        let meant = match option {
            "--build" => &mut self.builds,
            "--force-recreate" => &mut self.recreates,
            "--remove-orphans" => &mut self.removes_orphans,
            _ => return None,
        };
        *meant = true;
        Some(self)
    }
}

/// The verb that mends a cause, or why none does.
pub(super) fn verb(finding: &Finding) -> Result<Verb, String> {
    let Some(Fix {
        text,
        command,
        safety,
        ..
    }) = &finding.fix
    else {
        return Err("nothing is known that mends this".to_owned());
    };
    match safety {
        Safety::NeedsYou => Err(format!("somebody has to decide here: {text}")),
        Safety::Safe | Safety::Restart if finding.confidence == Confidence::Possible => Err(
            format!("nothing that decides it was seen, so nothing is done: {text}"),
        ),
        Safety::Safe | Safety::Restart => {
            Verb::of(command).ok_or_else(|| format!("there is no command that mends this: {text}"))
        }
    }
}

impl Verb {
    /// Reads a command. One that is not among these is not understood, and neither is one with other options: what it
    /// would do is not known here.
    fn of(command: &[String]) -> Option<Self> {
        let [program, verb, words @ ..] = command else {
            return None;
        };
        let is_option = |word: &&String| word.starts_with('-');
        let (options, services): (Vec<&String>, Vec<&String>) = words.iter().partition(is_option);
        if program != "bowline" || (verb != "up" && !options.is_empty()) {
            return None;
        }
        let services: Vec<String> = services.into_iter().cloned().collect();
        match verb.as_str() {
            "start" => Some(Self::Turn(Turn::Start, services)),
            "stop" => Some(Self::Turn(Turn::Stop, services)),
            "restart" => Some(Self::Turn(Turn::Restart, services)),
            "unpause" => Some(Self::Turn(Turn::Unpause, services)),
            "up" => {
                let mut options = options.into_iter();
                let how = options.try_fold(How::default(), |how, option| how.with(option));
                how.map(|how| Self::Up(services, how))
            }
            "rerun" if !services.is_empty() => Some(Self::Rerun(services)),
            _ => None,
        }
    }

    /// Whether it is carried out by what the files say.
    pub(super) fn needs_files(&self) -> bool {
        matches!(self, Self::Up(..) | Self::Rerun(_))
    }

    /// The goal of the verb, and the stack on which it is to be reached.
    pub(super) async fn aim(
        self,
        surroundings: &Surroundings,
        stack: &StackOptions,
    ) -> Result<(Session, Goal), Failure> {
        Ok(match self {
            Self::Turn(turn, services) => {
                let session = session::by_name(surroundings, stack).await?;
                let request = ServicesRequest {
                    services,
                    ..ServicesRequest::default()
                };
                (session, turn_goal(&request, turn))
            }
            Self::Up(services, how) => {
                let request = UpRequest {
                    services,
                    build: if how.builds {
                        BuildChoice::Always
                    } else {
                        BuildChoice::default()
                    },
                    force_recreate: how.recreates,
                    remove_orphans: how.removes_orphans,
                    ..UpRequest::default()
                };
                let loaded =
                    session::with_project(surroundings, stack, selection(&request)).await?;
                let goal = up_goal(&request, loaded.wanted);
                (loaded.session, goal)
            }
            Self::Rerun(jobs) => {
                let selection = Selection {
                    services: &jobs,
                    no_deps: false,
                    scale: &BTreeMap::new(),
                };
                let loaded = session::with_project(surroundings, stack, selection).await?;
                let goal = Goal::Rerun {
                    wanted: Box::new(loaded.wanted),
                    jobs,
                };
                (loaded.session, goal)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn a_command_is_one_of_six_verbs_and_only_up_has_options() {
        let web = || vec!["web".to_owned()];
        let how = |option| How::default().with(option).unwrap();
        for (command, verb) in [
            ("bowline start web", Verb::Turn(Turn::Start, web())),
            ("bowline stop web", Verb::Turn(Turn::Stop, web())),
            ("bowline restart web", Verb::Turn(Turn::Restart, web())),
            ("bowline unpause web", Verb::Turn(Turn::Unpause, web())),
            ("bowline up web", Verb::Up(web(), How::default())),
            ("bowline up", Verb::Up(Vec::new(), How::default())),
            (
                "bowline up --force-recreate web",
                Verb::Up(web(), how("--force-recreate")),
            ),
            ("bowline up --build web", Verb::Up(web(), how("--build"))),
            (
                "bowline up --remove-orphans",
                Verb::Up(Vec::new(), how("--remove-orphans")),
            ),
            ("bowline rerun web", Verb::Rerun(web())),
        ] {
            assert_eq!(Verb::of(&words(command)), Some(verb), "{command}");
        }
        for command in [
            "",
            "bowline",
            "bowline down web",
            "bowline down --destroy-volumes shop_data",
            "bowline up --scale web=0 web",
            "bowline restart --build web",
            "bowline rerun",
            "bowline exec web rm",
            "docker restart web",
        ] {
            assert_eq!(Verb::of(&words(command)), None, "{command}");
        }
    }

    #[test]
    fn nothing_is_done_that_somebody_has_to_decide_or_that_no_command_does() {
        use Confidence::{Certain, Possible};
        let unpause = "bowline unpause web";
        let finding = |confidence, command: &str, safety| Finding {
            confidence,
            fix: Some(Fix {
                text: "let it go on".to_owned(),
                command: command.split_whitespace().map(str::to_owned).collect(),
                edits: Vec::new(),
                safety,
            }),
            ..stage::finding("web")
        };
        let refused = |finding: &Finding| verb(finding).unwrap_err();
        assert!(verb(&finding(Certain, unpause, Safety::Safe)).is_ok());
        assert!(verb(&finding(Certain, unpause, Safety::Restart)).is_ok());
        insta::assert_snapshot!(
            refused(&finding(Certain, unpause, Safety::NeedsYou)),
            @"somebody has to decide here: let it go on"
        );
        insta::assert_snapshot!(
            refused(&finding(Certain, "", Safety::Safe)),
            @"there is no command that mends this: let it go on"
        );
        insta::assert_snapshot!(
            refused(&finding(Possible, unpause, Safety::Safe)),
            @"nothing that decides it was seen, so nothing is done: let it go on"
        );
        let mut unknown = finding(Certain, unpause, Safety::Safe);
        unknown.fix = None;
        insta::assert_snapshot!(refused(&unknown), @"nothing is known that mends this");
    }
}
