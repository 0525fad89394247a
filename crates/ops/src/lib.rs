//! The one list of verbs. A front end fills a request, hands over its [`Surroundings`], and gets a result or
//! a [`Failure`]; what it shows and how is its own business.
//!
//! Nothing here prints, prompts or reads the environment of the process. A verb that is not here exists in no
//! front end.

mod ago;
mod build;
mod config;
mod connect;
mod containers;
mod debug;
mod doctor;
mod edit;
mod exec;
mod failure;
mod inputs;
mod logs;
mod ls;
mod net;
mod noted;
mod operate;
mod outside;
mod plan_view;
mod problem;
mod progress;
mod ps;
mod recipes;
mod remedy;
mod session;
mod stack;
#[cfg(test)]
mod stage;
mod stay;
mod why;

pub use bowline_core::{Halt, StepError, Watch};
pub use bowline_doctor::{
    Code, Confidence, Culprit, CulpritKind, Diagnosis, Evidence, Explanation, Failing, Finding,
    Fix, Layer, Look, LookAlike, Next, Risk, RuledOut, Safety, Undetermined, Unseen, WITHIN,
    WhyUnseen, codes, explanation, is_risk, serve as answer_within,
};
pub use config::{ConfigForm, ConfigRequest, Listing, config};
pub use debug::{Debug, DebugRequest, debug};
pub use doctor::{DoctorAnswer, DoctorRequest, doctor};
pub use exec::{ExecControl, ExecExit, ExecOutput, ExecRequest, ExecRun, exec};
pub use failure::{ExitCode, Failure};
pub use logs::{LogEvent, LogLine, LogSource, Logs, LogsRequest, Moment, logs};
pub use ls::{LsRequest, StackLine, ls};
pub use net::{
    NetCell, NetCheck, NetCheckRequest, NetColumn, NetMatrix, NetRow, NetStep, NetVerdict,
    ToldPair, net_check, net_matrix,
};
pub use operate::{
    AtStake, Done as OperationDone, DownRequest, PullRule, ServicesRequest, Turn, UpRequest,
    VolumeAtStake, at_stake, down, history, plan, rerun, resume, turn, undo, up,
};
pub use plan_view::{PlanView, StepView};
pub use problem::Problem;
pub use progress::{Building, Progress};
pub use ps::{Done, PsAnswer, PsContainer, PsRequest, PsScope, Publisher, ps};
pub use remedy::{FixRequest, FixView, Mended, Remedies, Remedy, remedies};
pub use stack::{StackOptions, Surroundings, Who};
pub use stay::{AbortOn, Ended, StayEnd, StayRequest, Stayed, Staying, stay};

/// What a verb answers, with what it has to say besides.
#[derive(Debug)]
pub struct Answer<T> {
    /// The answer itself.
    pub value: T,
    /// Warnings, rendered: a paragraph each, empty where there are none.
    pub warnings: String,
}
