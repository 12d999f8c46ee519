//! Random numbers: of the system, or with a seed those that Python's `random` draws, so that what was drawn by Ansible
//! stays as it is.

use crate::template::ControlNode;
use words::value::Value;

/// Where numbers are drawn from.
pub(crate) enum Draw<'a> {
    /// The system's: what was taken at once and is left.
    System(&'a dyn ControlNode, Vec<u8>),
    /// A seed's.
    Seeded(Box<Twister>),
}

impl<'a> Draw<'a> {
    /// Of the system without a seed. A seed is a text or an integer.
    pub(crate) fn new(seed: Option<&Value>, control: &'a dyn ControlNode) -> Result<Draw<'a>, String> {
        let key = match seed {
            None | Some(Value::Null) => return Ok(Draw::System(control, Vec::new())),
            Some(Value::String(text)) => key_of_text(text),
            Some(Value::Int(number)) => key_of_number(number.unsigned_abs()),
            Some(Value::Bool(truth)) => key_of_number((*truth).into()),
            Some(other) => return Err(format!("a seed is a text or an integer, not {}", other.type_name())),
        };
        Ok(Draw::Seeded(Box::new(Twister::new(&key))))
    }

    /// A number from 0 up to, not including, `limit`, which is above 0; every one as likely.
    pub(crate) fn below(&mut self, limit: u64) -> Result<u64, String> {
        let bits = u64::BITS - limit.leading_zeros();
        loop {
            let number = self.bits(bits)?;
            if number < limit {
                return Ok(number);
            }
        }
    }

    /// `random.randrange`.
    pub(crate) fn in_range(&mut self, start: i64, end: i64, step: i64) -> Result<i64, String> {
        let (width, step) = (i128::from(end) - i128::from(start), i128::from(step));
        let count = (width + step - step.signum()) / step;
        let count = u64::try_from(count).ok().filter(|count| *count > 0).ok_or("empty range")?;
        let number = i128::from(start) + step * i128::from(self.below(count)?);
        i64::try_from(number).map_err(|_| "the number is too large".into())
    }

    /// 1 to 64 random bits.
    fn bits(&mut self, count: u32) -> Result<u64, String> {
        match self {
            Draw::System(control, taken) => Ok(next(*control, taken)? >> (u64::BITS - count)),
            Draw::Seeded(twister) if count <= 32 => Ok(u64::from(twister.draw() >> (32 - count))),
            Draw::Seeded(twister) => {
                let low = u64::from(twister.draw());
                Ok(low | u64::from(twister.draw() >> (64 - count)) << 32)
            }
        }
    }
}

/// How much is taken of the system at once.
const POOL: usize = 512;

fn next(control: &dyn ControlNode, taken: &mut Vec<u8>) -> Result<u64, String> {
    if taken.len() < 8 {
        taken.resize(POOL, 0);
        control.random(taken).map_err(|error| format!("no randomness: {error}"))?;
    }
    let bytes = taken.drain(taken.len() - 8..);
    Ok(bytes.fold(0, |number, byte| number << 8 | u64::from(byte)))
}

/// `random.seed(text)`: the text and its SHA-512, as one number.
fn key_of_text(text: &str) -> Vec<u32> {
    let digest = <sha2::Sha512 as sha2::Digest>::digest(text.as_bytes());
    let number = [text.as_bytes(), &digest].concat();
    let word = |bytes: &[u8]| bytes.iter().fold(0, |word, byte| word << 8 | u32::from(*byte));
    without_leading_zeros(number.rchunks(4).map(word).collect())
}

fn key_of_number(number: u64) -> Vec<u32> {
    without_leading_zeros(vec![number as u32, (number >> 32) as u32])
}

fn without_leading_zeros(mut key: Vec<u32>) -> Vec<u32> {
    while key.len() > 1 && key.last() == Some(&0) {
        key.pop();
    }
    key
}

const LENGTH: usize = 624;
const DISTANCE: usize = 397;

/// MT19937 of Matsumoto and Nishimura.
pub(crate) struct Twister {
    state: [u32; LENGTH],
    next: usize,
}

impl Twister {
    /// `init_by_array`.
    fn new(key: &[u32]) -> Twister {
        let mut state = [19_650_218_u32; LENGTH];
        for index in 1..LENGTH {
            state[index] = mixed(state[index - 1], 1_812_433_253).wrapping_add(index as u32);
        }
        let mut at = 1;
        for turn in 0..LENGTH.max(key.len()) {
            let place = turn % key.len();
            let word = key[place].wrapping_add(place as u32);
            state[at] = (state[at] ^ mixed(state[at - 1], 1_664_525)).wrapping_add(word);
            at = following(&mut state, at);
        }
        for _ in 1..LENGTH {
            state[at] = (state[at] ^ mixed(state[at - 1], 1_566_083_941)).wrapping_sub(at as u32);
            at = following(&mut state, at);
        }
        state[0] = 0x8000_0000;
        Twister { state, next: LENGTH }
    }

    fn draw(&mut self) -> u32 {
        if self.next == LENGTH {
            self.twist();
        }
        let mut word = self.state[self.next];
        self.next += 1;
        word ^= word >> 11;
        word ^= word << 7 & 0x9d2c_5680;
        word ^= word << 15 & 0xefc6_0000;
        word ^ word >> 18
    }

    fn twist(&mut self) {
        for index in 0..LENGTH {
            let joined = self.state[index] & 0x8000_0000 | self.state[(index + 1) % LENGTH] & 0x7fff_ffff;
            let odd = if joined & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[index] = self.state[(index + DISTANCE) % LENGTH] ^ joined >> 1 ^ odd;
        }
        self.next = 0;
    }
}

fn mixed(word: u32, factor: u32) -> u32 {
    (word ^ word >> 30).wrapping_mul(factor)
}

/// The next place; behind the last one the first, which is the last one's.
fn following(state: &mut [u32; LENGTH], at: usize) -> usize {
    if at + 1 < LENGTH {
        return at + 1;
    }
    state[0] = state[LENGTH - 1];
    1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::control_node::fake::FakeNode;

    #[test]
    fn ranges_may_run_down() {
        let node = FakeNode::default();
        let drawn = |start, end, step| Draw::new(Some(&"x".into()), &node).unwrap().in_range(start, end, step);
        assert_eq!(drawn(10, -10, -3), Ok(-5));
        assert_eq!(drawn(-5, 100, 7), Ok(65));
        assert_eq!(drawn(1, 0, 1), Err("empty range".into()));
        assert!(drawn(i64::MIN, i64::MAX, i64::MIN).is_err());
        assert!(drawn(i64::MIN, i64::MAX, i64::MAX).is_ok());
    }

    /// As CPython 3.11 draws.
    #[test]
    fn seeds_draw_what_python_draws() {
        let node = FakeNode::default();
        let drawn = |seed: Value, limit| {
            let mut draw = Draw::new(Some(&seed), &node).unwrap();
            (0..4).map(|_| draw.below(limit).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(drawn("login1".into(), 59), [26, 43, 30, 21]);
        assert_eq!(drawn("login1".into(), 8589934592), [6338717011, 6147625614, 1088609581, 8284720944]);
        assert_eq!(
            drawn("login1".into(), 9223372036854775813),
            [6080214542465443155, 7075289268539445902, 691477830095265069, 7206961380150136624]
        );
        assert_eq!(drawn("".into(), 59), [29, 38, 13, 24]);
        assert_eq!(drawn("".into(), 8589934592), [8419105056, 2557274880, 2677076721, 7003963361]);
        assert_eq!(
            drawn("".into(), 9223372036854775813),
            [8383724746567670048, 3816387820137540352, 133990136065094385, 6021652423531560929]
        );
        assert_eq!(drawn("그룹".into(), 59), [23, 31, 50, 22]);
        assert_eq!(drawn("그룹".into(), 8589934592), [5855558488, 7687319282, 4906319050, 4577476640]);
        assert_eq!(
            drawn("그룹".into(), 9223372036854775813),
            [9064781307313437528, 6544583895301697266, 8008268906880859338, 8291038695643332640]
        );
        assert_eq!(drawn(Value::Int(0), 59), [54, 24, 48, 56]);
        assert_eq!(drawn(Value::Int(0), 8589934592), [7921731533, 1806341205, 6490875490, 6341935620]);
        assert_eq!(
            drawn(Value::Int(0), 9223372036854775813),
            [7106521602475165645, 746805015404516437, 8963783824838420066, 6604845167042249220]
        );
        assert_eq!(drawn(Value::Int(42), 59), [40, 7, 1, 47]);
        assert_eq!(drawn(Value::Int(42), 8589934592), [2746317213, 1181241943, 958682846, 3163119785]);
        assert_eq!(
            drawn(Value::Int(42), 9223372036854775813),
            [2053695854357871005, 4517457392071889495, 2574020394472462046, 1890702223848595625]
        );
        assert_eq!(drawn(Value::Int(-42), 59), [40, 7, 1, 47]);
        assert_eq!(drawn(Value::Int(-42), 8589934592), [2746317213, 1181241943, 958682846, 3163119785]);
        assert_eq!(
            drawn(Value::Int(-42), 9223372036854775813),
            [2053695854357871005, 4517457392071889495, 2574020394472462046, 1890702223848595625]
        );
        assert_eq!(drawn(Value::Int(1 << 40), 59), [6, 22, 42, 4]);
        assert_eq!(drawn(Value::Int(1 << 40), 8589934592), [4740095361, 2880015531, 1832466665, 5960258277]);
        assert_eq!(
            drawn(Value::Int(1 << 40), 9223372036854775813),
            [6515814827016330625, 1211305540562029739, 896183926445914345, 7362899219298013925]
        );
    }
}
