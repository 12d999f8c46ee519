//! Decay of usage by half-life (priority_multifactor.shtml; slurm.conf(5), `PriorityDecayHalfLife`).

use super::terms::HALF_LIVES;
use std::time::Duration;

/// What Slurm takes for ln 2; its results are only met with the same three digits.
const LN_2_IN_SLURM: f64 = 0.693;

/// How usage fades with time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decay {
    per_second: f64,
}

impl Decay {
    /// From `PriorityDecayHalfLife`; `None` or zero is no decay. A half-life below one second forgets at once.
    pub fn of_half_life(half_life: Option<Duration>) -> Self {
        let per_second = match half_life.map(|it| it.as_secs_f64()).filter(|it| *it > 0.0) {
            Some(seconds) => (1.0 - LN_2_IN_SLURM / seconds).max(0.0),
            None => 1.0,
        };
        Self { per_second }
    }

    /// From what is left of 1 after a second, as [`Decay::per_second`] gave it.
    pub fn of_rate(per_second: f64) -> Self {
        Self { per_second }
    }

    /// What is left of 1 after a second: 1 when nothing fades, 0 when everything is forgotten at once.
    pub fn per_second(self) -> f64 {
        self.per_second
    }

    /// The time of which nothing is left at `at`; `i64::MIN` when nothing fades.
    pub fn forgotten(self, at: i64) -> i64 {
        let half_lives = f64::from(HALF_LIVES) * std::f64::consts::LN_2;
        // The logarithm is 0 when nothing fades, and below all numbers when nothing stays.
        let seconds = (half_lives / -self.per_second.ln()).ceil();
        if seconds.is_finite() { at.saturating_sub(seconds as i64) } else { i64::MIN }
    }

    /// What is left of `usage` after some time.
    pub fn after(self, usage: f64, elapsed: Duration) -> f64 {
        usage * self.per_second.powf(elapsed.as_secs_f64())
    }

    /// What a running job adds for the time since the last pass: billing TRES × seconds × the QOS' UsageFactor, faded as
    /// if all of it had been used at the beginning of that time.
    pub fn new_usage(self, billing: f64, usage_factor: f64, run_delta: Duration) -> f64 {
        self.after(run_delta.as_secs_f64() * billing * usage_factor, run_delta)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn half_is_left_after_the_half_life() {
        let left = Decay::of_half_life(Some(7 * DAY)).after(1000.0, 7 * DAY);
        assert!((left - 500.0).abs() < 0.1, "{left}");
        assert!(left > 500.0, "0.693 is a little less than ln 2");
    }

    #[test]
    fn passes_of_any_length_agree() {
        let decay = Decay::of_half_life(Some(DAY));
        let twice = decay.after(decay.after(77.0, Duration::from_secs(300)), Duration::from_secs(40));
        assert!((twice - decay.after(77.0, Duration::from_secs(340))).abs() < 1e-9);
    }

    #[test]
    fn no_half_life_is_no_decay() {
        assert_eq!(Decay::of_half_life(None).after(5.0, DAY), 5.0);
        assert_eq!(Decay::of_half_life(Some(Duration::ZERO)).after(5.0, DAY), 5.0);
        assert_eq!(Decay::of_half_life(Some(Duration::from_millis(1))).after(5.0, DAY), 0.0, "never negative");
    }

    #[test]
    fn what_is_forgotten() {
        let back = |half_life| 1_000_000_000 - Decay::of_half_life(half_life).forgotten(1_000_000_000);
        assert!((40 * 86_400..40 * 86_400 + 1000).contains(&back(Some(DAY))), "{}", back(Some(DAY)));
        assert_eq!(Decay::of_half_life(None).forgotten(77), i64::MIN);
        assert_eq!(back(Some(Duration::from_millis(1))), 0);
        let decay = Decay::of_half_life(Some(DAY));
        assert_eq!(Decay::of_rate(decay.per_second()), decay);
    }

    #[test]
    fn new_usage_is_billing_seconds_times_the_factor() {
        let minute = Duration::from_secs(60);
        assert_eq!(Decay::of_half_life(None).new_usage(4.0, 0.5, minute), 120.0);
        let faded = Decay::of_half_life(Some(minute)).new_usage(4.0, 1.0, minute);
        assert!((faded - 240.0 * (1.0f64 - 0.693 / 60.0).powi(60)).abs() < 1e-9, "{faded}");
    }
}
