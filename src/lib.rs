//! The people's side: the command line and what it shows. Everything else is in libraries, see `docs/architecture.md`:
//!
//! ```text
//! words <- host <- control <- enlist
//! words <- slurm <- commands <- service <- enlist
//!          host  <------------- service
//! ```
//!
//! `enlist` onboards people onto HPC/AI clusters. Everything that it changes is a *resource* with three steps and a
//! value between each: observe → state, diff (pure) → [`host::change::Change`], apply. Check mode and `plan` stop before
//! the last step.
//!
//! | floor | modules |
//! |---|---|
//! | 4 people | [`cli`], [`view`] |

pub mod cli;
pub mod view;
