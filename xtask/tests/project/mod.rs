//! A project in a temporary folder for each test, and runs of `cargo xtask regen` in it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

pub const CONTRACT: &str = "openapi/social-plus-bot.json";

/// A folder with the files that `regen` reads.
pub struct Project(TempDir);

/// The result of a run.
pub struct Run {
    pub status: i32,
    pub out: String,
    pub err: String,
}

impl Run {
    /// Returns the output lines that start with `word`, without it.
    pub fn lines(&self, word: &str) -> Vec<&str> {
        self.out.lines().filter_map(|line| line.strip_prefix(word)).map(str::trim).collect()
    }
}

impl Project {
    /// Creates a committed copy of this project.
    pub fn real() -> Self {
        let project = Self::empty();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        for file in [
            CONTRACT,
            "openapi/README.md",
            "openapi/deviations.json",
            "openapi/repairs.json",
            "src/api/generated.rs",
            "Cargo.toml",
        ] {
            project.write(file, &fs::read_to_string(root.join(file)).unwrap());
        }
        project.commit();
        project
    }

    /// Creates a project with a small contract whose generated files are up to date.
    pub fn small() -> Self {
        const GENERATED: [&str; 3] = [CONTRACT, "openapi/README.md", "src/api/generated.rs"];
        static UP_TO_DATE: OnceLock<[String; 3]> = OnceLock::new();
        let project = Self::empty();
        project.write(CONTRACT, include_str!("../data/contract.json"));
        project.write("openapi/README.md", "<!-- made from deviations.json -->\n<!-- to here -->\n");
        project.write("openapi/deviations.json", include_str!("../data/deviations.json"));
        project.write("openapi/repairs.json", include_str!("../data/repairs.json"));
        project.write("Cargo.toml", "[package]\nversion = \"0.1.0\"\n");
        let texts = UP_TO_DATE.get_or_init(|| {
            let run = project.regen(&[]);
            assert_eq!(run.status, 0, "{}", run.err);
            GENERATED.map(|file| project.read(file))
        });
        for (file, text) in GENERATED.iter().zip(texts) {
            project.write(file, text);
        }
        project
    }

    /// Creates the small project and commits it.
    pub fn committed() -> Self {
        let project = Self::small();
        project.commit();
        project
    }

    fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for inner in ["openapi", "src/api", "xtask"] {
            fs::create_dir_all(folder.path().join(inner)).unwrap();
        }
        Self(folder)
    }

    fn commit(&self) {
        self.git(&["init", "--quiet"]);
        self.git(&["add", "."]);
        self.git(&["-c", "user.name=a", "-c", "user.email=a@localhost", "commit", "--quiet", "--message=a"]);
    }

    fn git(&self, arguments: &[&str]) {
        assert!(Command::new("git").args(arguments).current_dir(self.0.path()).status().unwrap().success());
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    pub fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap()
    }

    pub fn write(&self, file: &str, text: &str) {
        fs::write(self.path(file), text).unwrap();
    }

    /// Changes the value at `pointer` in a JSON file.
    pub fn change(&self, file: &str, pointer: &str, change: impl FnOnce(&mut Value)) {
        let mut document: Value = serde_json::from_str(&self.read(file)).unwrap();
        change(document.pointer_mut(pointer).unwrap_or_else(|| panic!("{file} has no {pointer}")));
        self.write(file, &serde_json::to_string_pretty(&document).unwrap());
    }

    /// Runs `cargo xtask regen` with `arguments`.
    pub fn regen(&self, arguments: &[&str]) -> Run {
        self.regen_with(arguments, b"")
    }

    /// Runs `cargo xtask regen` with `arguments` and standard input.
    pub fn regen_with(&self, arguments: &[&str], input: &[u8]) -> Run {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.arg("regen").args(arguments).current_dir(self.0.path());
        command.env("CARGO_MANIFEST_DIR", self.0.path().join("xtask"));
        command.env("GIT_CEILING_DIRECTORIES", self.0.path().parent().unwrap());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // Ignore the error: a run that does not read its input can already have ended.
        _ = child.stdin.take().unwrap().write_all(input);
        let output = child.wait_with_output().unwrap();
        Run {
            status: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}
