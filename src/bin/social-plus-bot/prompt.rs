//! Secrets that are typed on a terminal.

#[cfg(unix)]
pub use unix::line;

#[cfg(not(unix))]
pub use other::line;

#[cfg(unix)]
mod unix {
    use std::io::{self, Stdin, Write};
    use std::process::exit;

    use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
    use tokio::signal::unix::{Signal, SignalKind, signal};
    use tokio::task::spawn_blocking;

    use crate::exit::Failure;

    /// Asks on standard error for a line, which is not shown while it is typed. A signal ends the command only after the
    /// terminal shows again what is typed.
    pub async fn line(prompt: &str) -> Result<String, Failure> {
        let mut signals = Signals::start()?;
        let hidden = Hidden::start()?;
        // Who does not see the prompt can type all the same.
        io::stderr().write_all(prompt.as_bytes()).ok();
        // It can't be cancelled; after a signal it ends with the process.
        let typed = spawn_blocking(|| {
            let mut line = String::new();
            io::stdin().read_line(&mut line).map(|_| line)
        });
        let typed = tokio::select! {
            typed = typed => typed.map_err(io::Error::other)?.map_err(Failure::from),
            signal = signals.next() => Err(Failure::Signal(signal)),
        };
        drop(hidden);
        // What ends the line is not shown either.
        io::stderr().write_all(b"\n").ok();
        if typed.is_ok() {
            // Tokio's handlers stay, and without this a later signal would do nothing.
            tokio::spawn(async move {
                let status = Failure::Signal(signals.next().await).status();
                exit(i32::from(status));
            });
        }
        typed
    }

    /// The signals that end a command by default.
    struct Signals {
        interrupt: Signal,
        terminate: Signal,
        quit: Signal,
        hangup: Signal,
    }

    impl Signals {
        fn start() -> io::Result<Self> {
            Ok(Self {
                interrupt: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
                quit: signal(SignalKind::quit())?,
                hangup: signal(SignalKind::hangup())?,
            })
        }

        /// Waits for one of them.
        async fn next(&mut self) -> SignalKind {
            tokio::select! {
                _ = self.interrupt.recv() => SignalKind::interrupt(),
                _ = self.terminate.recv() => SignalKind::terminate(),
                _ = self.quit.recv() => SignalKind::quit(),
                _ = self.hangup.recv() => SignalKind::hangup(),
            }
        }
    }

    /// The terminal does not show what is typed, until this is dropped.
    struct Hidden {
        terminal: Stdin,
        before: Termios,
    }

    impl Hidden {
        fn start() -> io::Result<Self> {
            let terminal = io::stdin();
            let before = tcgetattr(&terminal)?;
            let mut hidden = before.clone();
            hidden.local_modes.remove(LocalModes::ECHO | LocalModes::ECHONL);
            // What was typed before the prompt was shown, so it is not the secret.
            tcsetattr(&terminal, OptionalActions::Flush, &hidden)?;
            Ok(Self { terminal, before })
        }
    }

    impl Drop for Hidden {
        fn drop(&mut self) {
            // If the terminal is gone, there is nothing to restore.
            tcsetattr(&self.terminal, OptionalActions::Now, &self.before).ok();
        }
    }
}

#[cfg(not(unix))]
mod other {
    use crate::exit::Failure;

    /// Fails, because what is typed would be shown.
    pub async fn line(_: &str) -> Result<String, Failure> {
        let rule = "standard input is a terminal that would show the secret; use a file or a pipe";
        Err(Failure::Usage(rule.to_owned()))
    }
}
