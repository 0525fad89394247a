//! `bowline up` that stays: lines of the containers on standard output, everything else on standard error.

use bowline_ops::{Answer, ExitCode, Failure, Halt, StayRequest, Staying, stay};
use std::sync::atomic::Ordering;

use tokio::sync::watch;

use super::args::StayArgs;
use super::{Call, show};
use crate::logs::{LineForm, print};

impl Call<'_> {
    /// Brings the stack up and shows what it writes until that is over.
    pub(super) async fn stay(
        &self,
        args: &StayArgs,
        request: &StayRequest,
        halt: watch::Receiver<Option<Halt>>,
    ) -> Result<u8, Failure> {
        let terminal = self.terminal;
        let Answer { value, warnings } = stay(&self.surroundings, request).await?;
        terminal.note(&warnings);
        let (logs, staying) = value;
        let form = LineForm {
            prefixes: !args.no_log_prefix,
            timestamps: args.timestamps,
            color: terminal.data_color() && !args.no_color,
        };
        let mut lines = std::pin::pin!(print(logs, form, terminal));
        let mut staying = std::pin::pin!(self.up_and_stay(staying, halt));
        tokio::select! {
            code = &mut staying => {
                lines.await?;
                code
            }
            printed = &mut lines => {
                printed?;
                // Nobody reads the lines any more; an end that is to stop everything still counts.
                if request.abort_on.is_some() || request.exit_code_from.is_some() {
                    staying.await
                } else {
                    Ok(ExitCode::Done as u8)
                }
            }
        }
    }

    async fn up_and_stay(
        &self,
        staying: Staying,
        halt: watch::Receiver<Option<Halt>>,
    ) -> Result<u8, Failure> {
        let (at, steps) = (&self.surroundings, &self.steps);
        let up = staying.up(at, steps, halt.clone()).await?;
        self.show_done(&up, "up");
        self.acts.store(false, Ordering::Relaxed);
        let stayed = staying.stay(&up, at, steps, halt).await?;
        self.terminal
            .note(&show::end_of_stay(&stayed, &up, self.terminal));
        Ok(stayed.exit_code())
    }
}
