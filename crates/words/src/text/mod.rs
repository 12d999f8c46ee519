//! Small pieces of text that people and Slurm write: display width, tables, host lists, TRES, durations.

pub mod counts;
pub mod csv;
pub mod duration;
pub mod encoding;
pub mod getopt;
pub mod glob;
pub mod hangul;
pub mod hex;
pub mod hostlist;
pub mod limit;
pub mod login_name;
pub mod lossless;
pub mod python_re;
pub mod secrets;
pub mod shlex;
pub mod slurm_time;
pub mod tres;
pub mod visible;
pub mod width;
