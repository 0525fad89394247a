//! The road that every change to a stack takes: observe, plan, journal, execute.
//!
//! [`wanted()`] turns a project into what an engine would be asked for; `observe` looks at the
//! engine once; `plan` compares the two and decides everything, purely; `journal` writes down what is about
//! to happen; `execute` carries a plan out and decides nothing. `undo` and `resume` are plans, too.

mod clock;
mod compare;
mod execute;
mod files;
mod journal;
mod lock;
mod observe;
mod one_off;
mod plan;
mod ready;
mod recorder;
mod seal;
mod settle;
mod shares;
mod stack;
mod state_home;
mod wanted;

pub use clock::{Clock, SystemClock};
pub use compare::{Baseline, Comparison, compare};
pub use execute::{
    Chapter, ExecuteError, Execution, Halt, Ledger, Outside, Report, StepError, Watch, execute,
};
pub use files::{FileError, FileProblem};
pub use journal::{
    Gap, Intended, Journal, JournalError, NewOperation, OperationRecord, Passed, Remembered,
    StepRecord, StepToken, StorageProblem, Touched, new_operation_id,
};
pub use lock::{
    HEARTBEAT, Holder, LOCK_IMAGE, Lock, LockError, LockGuard, LockLost, Owner, STALE_AFTER,
    lock_name,
};
pub use observe::{Names, observe};
pub use one_off::{Around, Missing, OneOff, one_off};
pub use plan::{Images, Memory, PlanError, plan, plan_images};
pub use ready::{Failed, NotReady, Probe, Ready};
pub use recorder::{Recorded, Recorder, Scope};
pub use seal::{KeyError, SealError, Sealer, Spot};
pub use stack::{How, Reached, Stack, StackError};
pub use state_home::{HomeHints, StackHome, StateHome, StateHomeError};
pub use wanted::{
    ConfigHashes, FileContent, Given, Instance, Unfit, WantedError, container_name, files_to_read,
    instance, wanted,
};
