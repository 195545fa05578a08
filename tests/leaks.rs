//! docs/LEAKS.md names for each way around the file that stops it and the
//! test that proves it. Goal: none of these names is a dead one. Method: look
//! them up in the sources and among the attacks.

use std::path::{Path, PathBuf};

use super::interference::attack_names;

const LEAKS: &str = include_str!("../docs/LEAKS.md");

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The cells of every row of a table that has four columns.
fn rows() -> Vec<Vec<&'static str>> {
    LEAKS
        .lines()
        .filter(|line| {
            line.starts_with("| ") && !line.starts_with("| what is tried") && !line.contains("---")
        })
        // A cell may hold `||`.
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect()
}

fn code_spans(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in
        std::fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry").path())
    {
        match entry.is_dir() {
            true => found.extend(sources(&entry)),
            false if entry.extension().is_some_and(|end| end == "rs") => found.push(entry),
            false => {}
        }
    }
    found
}

/// `file::test`: a test of that name in a source file whose path has that part.
fn is_test(name: &str, sources: &[(PathBuf, String)]) -> bool {
    let Some((file, test)) = name.rsplit_once("::") else { return false };
    let defined = format!("fn {test}()");
    sources.iter().any(|(path, text)| path.to_string_lossy().contains(file) && text.contains(&defined))
}

#[test]
fn every_way_around_names_the_file_that_stops_it_and_the_test_that_proves_it() {
    let attacks = attack_names();
    let sources: Vec<(PathBuf, String)> = [root().join("src"), root().join("tests")]
        .iter()
        .flat_map(|directory| sources(directory))
        .map(|path| (path.clone(), std::fs::read_to_string(path).expect("a source")))
        .collect();
    let mut faults: Vec<String> = Vec::new();
    for row in rows() {
        let [tried, _, stopped, proven] = row.as_slice() else {
            faults.push(format!("not four cells: {row:?}"));
            continue;
        };
        for file in code_spans(stopped) {
            let path = root().join("src").join(file);
            if !path.is_dir() && !path.with_extension("rs").is_file() {
                faults.push(format!("{tried}: no file {file}"));
            }
        }
        let proofs: Vec<&str> = code_spans(proven).collect();
        if proofs.is_empty() {
            faults.push(format!("{tried}: nothing proves it"));
        }
        for proof in proofs {
            let known = match proof.strip_prefix("attack ") {
                Some(attack) => attacks.iter().any(|name| name == attack),
                None => is_test(proof, &sources),
            };
            if !known {
                faults.push(format!("{tried}: no test {proof}"));
            }
        }
    }
    assert!(rows().len() > 30);
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}
