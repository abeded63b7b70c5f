//! `conformance update` writes the vectors anew. `conformance report FILE...` prints one table of the
//! output of runners, and exits with code 1 if anything differs. `cargo xtask conformance` calls both.

use bayes8_conformance::report::Report;
use bayes8_conformance::{Case, catalogue, repository};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["update"] => update(),
        ["report", ref files @ ..] if !files.is_empty() => report(files),
        _ => Err("usage: conformance update | conformance report FILE...".into()),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn update() -> Result<ExitCode, String> {
    let folder = repository().join("tests/vectors");
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    for file in catalogue::files(&repository())? {
        let path = folder.join(&file.group).with_extension("json");
        std::fs::write(&path, file.to_json())
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        println!("{}: {} vectors", path.display(), file.vectors.len());
    }
    Ok(ExitCode::SUCCESS)
}

fn report(files: &[&str]) -> Result<ExitCode, String> {
    let root = repository();
    let cases = Case::load_all(&root, &root.join("tests/vectors"))?;
    let mut output = String::new();
    for file in files {
        let bytes = std::fs::read(file).map_err(|error| format!("cannot read {file}: {error}"))?;
        output.push_str(&String::from_utf8_lossy(&bytes));
        output.push('\n');
    }
    let report = Report::new(&cases, &output);
    println!("{report}");
    for skipped in report.skipped() {
        println!("SKIPPED: {skipped}");
    }
    for problem in &report.problems {
        println!("DIFFERENT: {problem}");
    }
    Ok(ExitCode::from(u8::from(!report.problems.is_empty())))
}
