//! Names of input and output files of batch scripts and steps, with their patterns (sbatch(1), srun(1), "filename pattern").

use crate::protocol::ArrayTask;
use scheduling::id::JobId;
use slurm::records::StepId;

/// The name that is used when `--output` says nothing.
const OUTPUT: &str = "slurm-%j.out";
/// The same for tasks of arrays.
const OUTPUT_OF_TASKS: &str = "slurm-%A_%a.out";

/// `%a` of a job that is no array task, as Slurm writes it (`NO_VAL`).
const NO_TASK: u64 = 4_294_967_294;

/// Numbers are padded to no more digits.
const WIDEST: usize = 10;

/// What patterns stand for.
#[derive(Clone, Copy, Debug)]
pub struct Naming<'a> {
    /// `%j`, `%J`
    pub job: JobId,
    /// Of a step's task; `None` is a batch script, which is task 0 on node 0 of its job.
    pub task: Option<StepTask>,
    /// `%A`, `%a`, `%b`
    pub array: Option<&'a ArrayTask>,
    /// `%x`
    pub name: &'a str,
    /// `%u`
    pub user: &'a str,
    /// `%N`
    pub node: &'a str,
}

/// A task of a step.
#[derive(Clone, Copy, Debug)]
pub struct StepTask {
    /// `%s`, and behind the job's number in `%J`
    pub step: StepId,
    /// `%t`: its rank.
    pub rank: u32,
    /// `%n`: the place of its node among the step's.
    pub node: u32,
}

/// The pattern of the output's name, if `--output` says none.
pub fn output_of(array: Option<&ArrayTask>) -> &'static str {
    if array.is_some() { OUTPUT_OF_TASKS } else { OUTPUT }
}

/// The path that a pattern stands for: below `directory` unless it is absolute. A backslash anywhere switches patterns off,
/// and is left out itself.
pub fn path(directory: &[u8], pattern: &[u8], naming: Naming) -> Vec<u8> {
    let name = if pattern.contains(&b'\\') { unescaped(pattern) } else { filled(pattern, naming) };
    if name.starts_with(b"/") {
        return name;
    }
    [directory, b"/", &name].concat()
}

fn unescaped(name: &[u8]) -> Vec<u8> {
    let (mut plain, mut bytes) = (Vec::new(), name.iter());
    while let Some(byte) = bytes.next() {
        let byte = if *byte == b'\\' { bytes.next() } else { Some(byte) };
        plain.extend(byte);
    }
    plain
}

fn filled(pattern: &[u8], naming: Naming) -> Vec<u8> {
    let (mut name, mut rest) = (Vec::new(), pattern);
    while let Some(at) = rest.iter().position(|byte| *byte == b'%') {
        name.extend_from_slice(&rest[..at]);
        let digits = rest[at + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let end = at + 1 + digits;
        let width = String::from_utf8_lossy(&rest[at + 1..end]).parse().unwrap_or(0);
        match rest.get(end).and_then(|letter| meaning(*letter, width, naming)) {
            Some(text) => name.extend(text.into_bytes()),
            None => name.extend_from_slice(&rest[at..rest.len().min(end + 1)]),
        }
        rest = &rest[rest.len().min(end + 1)..];
    }
    name.extend_from_slice(rest);
    name
}

/// What a letter stands for; `None` for one that means nothing, which stays as it is.
fn meaning(letter: u8, width: usize, naming: Naming) -> Option<String> {
    let number = |number: u64| format!("{number:0width$}", width = width.min(WIDEST));
    Some(match letter {
        b'%' => "%".to_owned(),
        b'J' if naming.task.is_some() => format!("{}.{}", number(naming.job.0.into()), naming.task?.step),
        // Of a batch script `%J` has no step behind the number, and `%s` is a word (seen with Slurm 22.05).
        b'j' | b'J' => number(naming.job.0.into()),
        b'A' => number(naming.array.map_or(naming.job, |task| task.job).0.into()),
        b'a' => number(naming.array.map_or(NO_TASK, |task| task.index.into())),
        b'b' => number((naming.array?.index % 10).into()),
        b's' => naming.task.map_or(StepId::Batch, |task| task.step).to_string(),
        b't' => number(naming.task.map_or(0, |task| task.rank.into())),
        b'n' => number(naming.task.map_or(0, |task| task.node.into())),
        b'x' => naming.name.replace('/', "_"),
        b'u' => naming.user.to_owned(),
        b'N' => naming.node.split('.').next().unwrap_or_default().to_owned(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(pattern: &str) -> String {
        let naming = Naming { job: JobId(1001), task: None, array: None, name: "j.sh", user: "kim", node: "c1.site" };
        String::from_utf8(path(b"/w", pattern.as_bytes(), naming)).unwrap()
    }

    /// Compared with what Slurm 22.05.8 made of the same names.
    #[test]
    fn patterns_are_slurms() {
        assert_eq!(named(OUTPUT), "/w/slurm-1001.out");
        assert_eq!(
            named("o_j%j_J%J_s%s_t%t_n%n_N%N_A%A_a%a_b%b_x%x_u%u_%%_5j%5j_12j%12j_3t%3t_q%q_4x%4x"),
            "/w/o_j1001_J1001_sbatch_t0_n0_Nc1_A1001_a4294967294_b%b_xj.sh_ukim_%_5j01001_12j0000001001_3t000_q%q_4xj.sh"
        );
        assert_eq!(named("/tmp/%u.%j"), "/tmp/kim.1001");
        assert_eq!(named("esc\\%j\\\\"), "/w/esc%j\\");
        assert_eq!((named("50%"), named("%99"), named("%q5")), ("/w/50%".into(), "/w/%99".into(), "/w/%q5".into()));
    }

    #[test]
    fn tasks_of_arrays_have_two_numbers() {
        let task = ArrayTask { job: JobId(1000), index: 12, tasks: "0-20".parse().unwrap() };
        let naming = Naming { job: JobId(1013), task: None, array: Some(&task), name: "", user: "", node: "" };
        let name = |pattern: &str| String::from_utf8(path(b"", pattern.as_bytes(), naming)).unwrap();
        assert_eq!(
            (name(output_of(Some(&task))), name("%j_%b_%4a")),
            ("/slurm-1000_12.out".into(), "/1013_2_0012".into())
        );
    }

    #[test]
    fn tasks_of_steps_have_names_of_their_own() {
        let task = Some(StepTask { step: StepId::Number(2), rank: 11, node: 1 });
        let naming = Naming { job: JobId(1001), task, array: None, name: "j", user: "kim", node: "c2.site" };
        assert_eq!(path(b"/w", b"%j_%J_%s_%t_%3t_%n_%N", naming), b"/w/1001_1001.2_2_11_011_1_c2");
    }

    #[test]
    fn names_of_jobs_lead_into_no_other_directory() {
        let naming = Naming { job: JobId(7), task: None, array: None, name: "../../etc/x", user: "kim", node: "c1" };
        assert_eq!(path(b"/w", b"%x", naming), b"/w/.._.._etc_x");
    }
}
