//! Secrets that are typed on a terminal.

#[cfg(unix)]
pub use unix::line;

#[cfg(not(unix))]
pub use other::line;

#[cfg(unix)]
mod unix {
    use std::io::{self, Stdin, Write};
    use std::process::exit;

    use rustix::buffer::spare_capacity;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::io::{Errno, read};
    use rustix::process::{Signal as Number, getpgrp, getpid, kill_process};
    use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr};
    use secrecy::zeroize::Zeroizing;
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;
    use tokio::signal::unix::{Signal, SignalKind, signal};

    use crate::exit::Failure;

    /// More than a terminal takes as a line, so that the buffer never grows and leaves copies of the secret.
    const LONGEST: usize = 64 << 10;

    /// Asks on standard error for a line, which is not shown while it is typed. A signal ends or stops the command only after
    /// the terminal shows again what is typed.
    pub async fn line(prompt: &str) -> Result<String, Failure> {
        let mut signals = Signals::start()?;
        let mut terminal = Terminal::start(prompt)?;
        let typed = loop {
            tokio::select! {
                biased;
                event = signals.next() => match event {
                    Event::End(signal) => break Err(Failure::Signal(signal)),
                    Event::Stop => {
                        terminal.restore();
                        stop();
                        terminal.hide_again()?;
                    }
                    // As reading would. It is not read there: that would stop the command before a signal could end it.
                    Event::Continue if !is_in_foreground() => stop(),
                    Event::Continue => terminal.hide_again()?,
                },
                ready = terminal.input.readable() => {
                    ready?.clear_ready();
                    if is_in_foreground() && terminal.read_line()? {
                        break terminal.typed();
                    }
                }
            }
        };
        drop(terminal);
        // What ends the line is not shown either.
        io::stderr().write_all(b"\n").ok();
        if typed.is_ok() {
            // Tokio's handlers stay, and without this a later signal would do nothing.
            tokio::spawn(async move {
                loop {
                    match signals.next().await {
                        Event::End(signal) => exit(i32::from(Failure::Signal(signal).status())),
                        Event::Stop => stop(),
                        Event::Continue => {}
                    }
                }
            });
        }
        typed
    }

    /// Stops the process. SIGTSTP would only be handled again; SIGTTIN does the same by default, and like it nothing if there is
    /// no shell that could continue the process.
    fn stop() {
        kill_process(getpid(), Number::TTIN).ok();
    }

    /// Whether the terminal can be read and changed without being stopped for it.
    fn is_in_foreground() -> bool {
        // A terminal that does not control the process has no foreground.
        tcgetpgrp(io::stdin()).map_or(true, |foreground| foreground == getpgrp())
    }

    /// What a signal does by default.
    enum Event {
        End(SignalKind),
        Stop,
        Continue,
    }

    struct Signals {
        interrupt: Signal,
        terminate: Signal,
        quit: Signal,
        hangup: Signal,
        stop: Signal,
        resume: Signal,
    }

    impl Signals {
        fn start() -> io::Result<Self> {
            Ok(Self {
                interrupt: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
                quit: signal(SignalKind::quit())?,
                hangup: signal(SignalKind::hangup())?,
                stop: signal(SignalKind::from_raw(Number::TSTP.as_raw()))?,
                resume: signal(SignalKind::from_raw(Number::CONT.as_raw()))?,
            })
        }

        /// Waits for one of them. Of several, one that ends the command comes first: a shell that ends a stopped command
        /// continues it as well.
        async fn next(&mut self) -> Event {
            tokio::select! {
                biased;
                _ = self.interrupt.recv() => Event::End(SignalKind::interrupt()),
                _ = self.terminate.recv() => Event::End(SignalKind::terminate()),
                _ = self.quit.recv() => Event::End(SignalKind::quit()),
                _ = self.hangup.recv() => Event::End(SignalKind::hangup()),
                _ = self.stop.recv() => Event::Stop,
                _ = self.resume.recv() => Event::Continue,
            }
        }
    }

    /// A terminal that does not show what is typed, until this is dropped.
    struct Terminal<'a> {
        prompt: &'a str,
        input: AsyncFd<Stdin>,
        before: Termios,
        line: Zeroizing<Vec<u8>>,
    }

    impl<'a> Terminal<'a> {
        fn start(prompt: &'a str) -> io::Result<Self> {
            #[expect(
                deprecated,
                reason = "what replaces it is unsafe, and standard input is never closed here"
            )]
            let input = AsyncFd::with_interest(io::stdin(), Interest::READABLE)?;
            let before = tcgetattr(&input)?;
            let line = Zeroizing::new(Vec::with_capacity(LONGEST));
            let mut terminal = Self { prompt, input, before, line };
            terminal.hide()?;
            Ok(terminal)
        }

        /// Hides what is typed, and asks for it.
        fn hide(&mut self) -> io::Result<()> {
            let mut hidden = self.before.clone();
            hidden.local_modes.remove(LocalModes::ECHO | LocalModes::ECHONL);
            // What was typed before the prompt was shown, so it is not the secret.
            tcsetattr(&self.input, OptionalActions::Flush, &hidden)?;
            self.line.clear();
            // Who does not see the prompt can type all the same.
            io::stderr().write_all(self.prompt.as_bytes()).ok();
            Ok(())
        }

        /// Does so again if the terminal was restored, here or by the shell.
        fn hide_again(&mut self) -> io::Result<()> {
            if is_in_foreground() && tcgetattr(&self.input)?.local_modes.contains(LocalModes::ECHO) {
                self.hide()?;
            }
            Ok(())
        }

        fn restore(&self) {
            // In the background it is the shell's, and changing it would stop the process.
            if is_in_foreground() {
                // If the terminal is gone, there is nothing to restore.
                tcsetattr(&self.input, OptionalActions::Now, &self.before).ok();
            }
        }

        /// Reads what was typed, and returns whether the line is complete.
        fn read_line(&mut self) -> io::Result<bool> {
            let mut input = [PollFd::new(&self.input, PollFlags::IN)];
            // It may have been discarded meanwhile, and reading would block.
            if poll(&mut input, Some(&Timespec::default()))? == 0 {
                return Ok(false);
            }
            match read(&self.input, spare_capacity(&mut self.line)) {
                Ok(count) => Ok(count == 0 || self.line.ends_with(b"\n")),
                Err(Errno::INTR) => Ok(false),
                Err(error) => Err(error.into()),
            }
        }

        fn typed(&mut self) -> Result<String, Failure> {
            match std::str::from_utf8(&self.line) {
                Ok(line) => Ok(line.to_owned()),
                Err(_) => Err(Failure::Usage("what was typed is not UTF-8".to_owned())),
            }
        }
    }

    impl Drop for Terminal<'_> {
        fn drop(&mut self) {
            self.restore();
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
