//! Signals to this process, taken by a thread that hands them on.

use nix::sys::signal::Signal;
use std::io;
use tokio::signal::unix::{SignalKind, signal};

/// Calls `act` for each of these signals from now on: when this returns, they are taken already.
pub fn catch(signals: &[Signal], act: impl Fn(Signal) + Clone + Send + 'static) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    for caught in signals.iter().copied() {
        let mut arrivals = {
            let _inside = runtime.enter();
            signal(SignalKind::from_raw(caught as i32))?
        };
        let act = act.clone();
        runtime.spawn(async move {
            while arrivals.recv().await.is_some() {
                act(caught);
            }
        });
    }
    std::thread::spawn(move || runtime.block_on(std::future::pending::<()>()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::signal::raise;
    use std::sync::mpsc;
    use std::time::Duration;

    #[test]
    fn each_signal_is_told_by_its_name() {
        let (tell, told) = mpsc::channel();
        let signals = [Signal::SIGUSR1, Signal::SIGALRM];
        catch(&signals, move |signal| tell.send(signal).expect("the test waits")).unwrap();
        for signal in signals {
            raise(signal).unwrap();
            assert_eq!(told.recv_timeout(Duration::from_secs(60)), Ok(signal));
        }
    }
}
