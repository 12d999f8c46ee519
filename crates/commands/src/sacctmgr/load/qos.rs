//! The QOS lines with which dumps of release 25.05 and later begin.

use super::super::common;
use super::super::qos::next_id;
use super::super::qos::words::{self as qos_words, QosSetting};
use super::super::session::{Done, Stop};
use super::super::word::{self, Word};
use super::Load;
use super::lines::{self, Line};
use slurm::model::{Action, Qos};
use slurm::record;
use words::text::duration;

impl Load<'_, '_> {
    /// Makes the QOS that a file has and the service has not: a line may name those of later lines as preempted.
    pub(super) fn name_qos(&mut self, text: &str) -> Done {
        for line in lines::read(text).filter(|line| line.object.eq_ignore_ascii_case("QOS")) {
            let Some(Ok(parts)) = &line.parts else { continue };
            let Some(name) = parts.first().map(|part| word::unquote_lower(part)) else { continue };
            if self.session.state.qos_named(&name).is_some() {
                continue;
            }
            self.may_load()?;
            if !common::good_name(self.session, &name) {
                return Err(Stop::Failed);
            }
            let id = next_id(self.session.state);
            self.session.state.qos.put(id, Qos::new(id, name.clone()));
            self.new_qos.insert(name);
        }
        Ok(())
    }

    /// What a line says of a QOS.
    pub(super) fn qos(&mut self, line: &Line) -> Done {
        self.may_load()?;
        let parts = match &line.parts {
            Some(Ok(parts)) => parts,
            _ => return self.wrong(format!(" Problem with line({})", line.number)),
        };
        let mut asked = QosSetting::default();
        let (name, options) = parts.split_first().map_or(("", &[][..]), |(name, rest)| (name.as_str(), rest));
        let name = word::unquote_lower(name);
        for option in options {
            let said = self.session.stderr.len();
            let option = in_words_of_set(&Word::parse(option));
            qos_words::take_setting(self.session, &mut asked, &Word::parse(&option))?;
            if self.session.stderr.len() > said || self.session.failed {
                return self.wrong(format!(" Problem with line({})", line.number));
            }
        }
        let Some(old) = self.session.state.qos_named(&name).cloned() else {
            return self.wrong(format!(" Problem with line({})", line.number));
        };
        self.session.state.qos.edit(&old.id, |row| asked.apply(row));
        self.tell_qos(&old);
        Ok(())
    }

    fn tell_qos(&mut self, old: &Qos) {
        let Some(new) = self.session.state.qos.get(&old.id).cloned() else { return };
        let name = new.name.clone();
        if self.new_qos.remove(&name) {
            self.session.say(format!(" Added QOS {name}"));
            let info = record::qos(self.session.world.now(), &new);
            self.session.record(Action::AddQos, name, info, "");
        } else if new != *old {
            self.session.say(format!(" Changed QOS {name}"));
            let info = record::qos_change(old, &new);
            self.session.record(Action::ModifyQos, format!("(name='{name}')"), info, "");
        } else {
            return;
        }
        self.touched = true;
    }
}

/// An option as `set` takes it: a dump has seconds where `set` would read minutes.
fn in_words_of_set(word: &Word) -> String {
    match word::unquote(word.value).parse() {
        Ok(seconds) if word.is("PreemptExemptTime", 8) => {
            format!("{}={}", word.key, duration::format_seconds(seconds))
        }
        _ => word.raw.to_owned(),
    }
}
