//! Progress on standard error, on terminals only.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::run::Run;

/// Begins to show the progress of long work: of `total` steps, or of an unknown
/// number. Shows nothing where standard error is no terminal.
pub(crate) fn start(run: &Run, what: &'static str, total: Option<u64>) -> ProgressBar {
    if !run.out.shows_progress() {
        return ProgressBar::with_draw_target(total, ProgressDrawTarget::hidden());
    }
    let template = match total {
        Some(_) => "{prefix} {bar:30} {pos}/{len} {msg} [{elapsed}]",
        None => "{prefix} {spinner} {msg} [{elapsed}]",
    };
    let style = ProgressStyle::with_template(template).expect("the templates are well-formed");
    let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr_with_hz(10));
    bar.set_style(style);
    bar.set_prefix(what);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
