//! Files that the program writes: complete or absent, whatever happens.

use crate::support::Fixture;

/// Largest number of samples: none of the tests waits for its end.
const ENDLESS: &str = "268435456";

/// A folder with `network.onnx`, its pictures `x.npz`, and a model `model.safetensors` for
/// `gray.npz`.
fn fixture() -> Fixture {
    let fixture = Fixture::with_network("residual");
    fixture.archive_of("x.npz", 3, &[0, 1, 2, 3, 4, 0, 1]);
    fixture.archive("gray.npz", &[0, 1, 2, 1]);
    fixture
}

const EVALUATE: [&str; 4] = ["evaluate", "model.safetensors", "--data", "gray.npz"];
const QUANTIZE: [&str; 7] =
    ["quantize", "--network", "network.onnx", "--moped", "0.1", "--calibration", "x.npz"];

/// Names in the folder that the test did not make.
fn left(fixture: &Fixture) -> Vec<String> {
    let made = ["model.safetensors", "network.onnx", "x.npz", "gray.npz", "zeros.npz"];
    let names = std::fs::read_dir(fixture.path(".")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| !made.contains(&name.as_str())).collect()
}

/// If the run had begun, it would not end.
#[test]
fn outputs_that_cannot_be_made_are_refused_before_the_work() {
    let fixture = fixture();
    let long = format!("{}.out", "x".repeat(300));
    for path in ["x.npz/out", "none/out", ".", &long] {
        let complaint = ["cannot write", path];
        let endless = ["--samples", ENDLESS, "--html", path];
        fixture.run(&[&EVALUATE[..], &endless].concat()).failed(&complaint);
        let endless = ["--data", "x.npz", "--samples", ENDLESS];
        let output = ["-o", path];
        fixture.run(&[&QUANTIZE[..], &endless, &output].concat()).failed(&complaint);
        let report = ["-o", "out", "--report", path];
        fixture.run(&[&QUANTIZE[..], &endless, &report].concat()).failed(&complaint);
        // The output comes first: nobody waits for an input that then turns out bad.
        fixture.run(&["corrupt", "none.npz", "-o", path]).failed(&complaint);
    }
    let same = ["-o", "out", "--report", "./out"];
    fixture.run(&[&QUANTIZE[..], &same].concat()).failed(&["both model and report"]);
    assert_eq!(left(&fixture), [""; 0]);
}

#[cfg(unix)]
mod unix {
    use super::*;
    use crate::support::bayes8;
    use ndarray::{Array1, Array4};
    use ndarray_npy::NpzWriter;
    use std::fs::File;
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Child, Command, Stdio};
    use std::time::Duration;

    /// Runs the program with files limited to this many blocks of 512 bytes.
    fn on_a_small_disk(fixture: &Fixture, blocks: u32, arguments: &[&str]) -> (i32, [String; 2]) {
        let program = bayes8(arguments);
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("ulimit -f {blocks} && exec \"$@\""), "sh"]);
        shell.arg(program.get_program()).args(program.get_args());
        let output = shell.current_dir(fixture.path(".")).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let code = output.status.code().expect("an error, not a death");
        (code, [text(output.stdout), text(output.stderr)])
    }

    /// The figures are printed, the file is missing, and the error is a single line.
    #[test]
    fn a_full_disk_costs_the_file_and_not_the_figures() {
        let fixture = fixture();
        let report = ["--report", "report.json"];
        for (arguments, file, figures) in [
            ([&EVALUATE[..], &["--html", "r.html"]].concat(), "r.html", "accuracy"),
            ([&QUANTIZE[..], &["-o", "int8"]].concat(), "int8", "std ratio"),
            ([&QUANTIZE[..], &["-o", "int8"], &report].concat(), "int8", "std ratio"),
            (vec!["corrupt", "gray.npz", "-o", "c.npz"], "c.npz", ""),
        ] {
            for blocks in [0, 1] {
                let (code, [stdout, stderr]) = on_a_small_disk(&fixture, blocks, &arguments);
                assert_eq!(code, 1, "{stderr}");
                assert!(stdout.contains(figures), "no figures: {stdout}");
                assert!(!stdout.contains(&format!("{file}:")), "not written: {stdout}");
                assert!(stderr.starts_with(&format!("error: cannot write {file}: ")), "{stderr}");
                assert_eq!(stderr.lines().count(), 1, "{stderr}");
                assert_eq!(left(&fixture), [""; 0]);
            }
        }
        // A missed threshold is still reported and keeps its exit code.
        let missed = [&EVALUATE[..], &["--html", "r.html", "--max-nll", "0"]].concat();
        let (code, [_, stderr]) = on_a_small_disk(&fixture, 0, &missed);
        assert_eq!(code, 3, "{stderr}");
        assert!(stderr.contains("cannot write r.html") && stderr.contains("NLL"), "{stderr}");
    }

    fn signal(child: &Child, name: &str) {
        let kill = format!("kill -{name} {}", child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Starts the program, which never ends by itself, and waits until it has made `files` files.
    fn start(fixture: &Fixture, mut command: Command, files: usize) -> Child {
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.current_dir(fixture.path(".")).spawn().unwrap();
        while left(fixture).len() < files {
            assert!(child.try_wait().unwrap().is_none(), "it ended");
            std::thread::sleep(Duration::from_millis(1));
        }
        child
    }

    /// The signal that ended a program, which printed nothing.
    fn end(child: Child) -> Option<i32> {
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
        output.status.signal()
    }

    /// Whether a signal is ignored, as `&` and `nohup` of a shell make it: then nothing ends by it.
    fn is_ignored(number: i32) -> bool {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        mask.unwrap_or(0) >> (number - 1) & 1 == 1
    }

    #[test]
    fn a_signal_leaves_no_hidden_file() {
        let fixture = fixture();
        // Little to read, much to corrupt.
        let mut zeros = NpzWriter::new_compressed(File::create(fixture.path("zeros.npz")).unwrap());
        zeros.add_array("x", &Array4::<u8>::zeros((32, 512, 512, 3))).unwrap();
        zeros.add_array("y", &Array1::<i64>::zeros(32)).unwrap();
        zeros.finish().unwrap();
        let endless = ["--samples", ENDLESS];
        let files = ["--data", "x.npz", "-o", "m", "--report", "r"];
        let html = ["--html", "r.html"];
        for (arguments, files) in [
            ([&EVALUATE[..], &endless, &html].concat(), 1),
            ([&QUANTIZE[..], &endless, &files].concat(), 2),
            (vec!["corrupt", "zeros.npz", "-o", "c.npz"], 1),
        ] {
            for (name, number) in [("INT", 2), ("TERM", 15), ("HUP", 1)] {
                if is_ignored(number) {
                    println!("SKIPPED: {name}: this process was started with it ignored");
                    continue;
                }
                let child = start(&fixture, bayes8(&arguments), files);
                signal(&child, name);
                assert_eq!(end(child), Some(number), "{arguments:?}");
                assert_eq!(left(&fixture), [""; 0], "{arguments:?} {name}");
            }
        }
    }

    /// A program that `nohup` starts outlives its terminal.
    #[test]
    fn a_signal_that_is_ignored_stays_so() {
        let fixture = fixture();
        let program = bayes8(&[&EVALUATE[..], &["--samples", ENDLESS, "--html", "r"]].concat());
        let mut shell = Command::new("sh");
        shell.args(["-c", "trap '' HUP && exec \"$@\"", "sh"]);
        shell.arg(program.get_program()).args(program.get_args());
        let child = start(&fixture, shell, 1);
        // Of two pending signals, the one with the smaller number comes first.
        signal(&child, "HUP");
        signal(&child, "TERM");
        assert_eq!(end(child), Some(15));
        assert_eq!(left(&fixture), [""; 0]);
    }
}
