//! Help, wrong usage, and the commands that need no pictures.

use crate::support::{Fixture, keys};
use bayes8_native::Isa;

const MODEL: &str = "model.safetensors";

#[test]
fn every_command_has_help_with_examples() {
    let fixture = Fixture::new(1);
    for command in ["predict", "inspect", "quantize", "evaluate", "corrupt", "bench"] {
        let help = fixture.run(&[command, "--help"]).succeeded().stdout;
        let example = format!("Examples:\n  bayes8 {command} ");
        assert!(help.contains(&example), "{help}");
        assert!(fixture.run(&["--help"]).succeeded().stdout.contains(command));
    }
    assert!(fixture.run(&["--version"]).succeeded().stdout.starts_with("bayes8 "));
}

#[test]
fn wrong_usage_exits_with_2() {
    let fixture = Fixture::new(1);
    fixture.picture("a.png", 8, 8);
    fixture.archive("xy.npz", &[0]);
    fixture.run(&[]).misused("Usage");
    fixture.run(&["conjure"]).misused("conjure");
    fixture.run(&["predict"]).misused("MODEL");
    fixture.run(&["predict", MODEL]).misused("PICTURE");
    fixture.run(&["evaluate", MODEL]).misused("--data");
    fixture.run(&["predict", MODEL, "a.png", "--isa", "sse2"]).misused("avx2");
    let many = ["--first-sample", "268435455", "--samples", "2"];
    fixture.run(&[&["predict", MODEL, "a.png"], &many[..]].concat()).misused("--first-sample");
    fixture.run(&["inspect", MODEL, "--frob"]).misused("--frob");
}

#[test]
fn the_former_name_of_an_option_leads_to_the_new_one() {
    let fixture = Fixture::new(1);
    for arguments in [
        &["quantize", "--mean", "network.onnx"][..],
        &["quantize", "--mean=network.onnx"],
        &["evaluate", MODEL, "--data", "xy.npz", "--mean", "network.onnx"],
    ] {
        fixture.run(arguments).misused("a similar argument exists: '--network'");
    }
    let other = fixture.run(&["predict", MODEL, "a.png", "--mean", "0.5"]);
    assert!(!other.stderr.contains("--network"), "{}", other.stderr);
    other.misused("--mean");
}

/// Every error about a number names the option and the valid numbers, and gives no misleading
/// advice. The files of such a command line need not exist.
#[test]
fn every_number_out_of_range_is_told_its_range() {
    const SAMPLES: &str = "a whole number from 1 to 268435456";
    const SEED: &str = "a whole number from 0 to 18446744073709551615";
    const THREADS: &str = "a whole number from 1 to 1024";
    const SIZE: &str = "a size, 0 or above, such as 512MiB or 2GB";
    const SHARE: &str = "a number between 0 and 1";
    const EITHER_SIGN: &str = "a number between -1 and 1";
    const ANY: &str = "a finite number, 0 or above";
    const FINITE: &str = "a finite number";
    const NATS: &str = "a finite number of nats, 0 or above";
    const POSITIVE: &str = "a finite number above 0";
    let machine = [
        ("--threads", THREADS),
        ("--bank", SIZE),
        ("--max-memory", SIZE),
        ("--max-steps", "a whole number from 1 to 18446744073709551615"),
    ];
    let sampling = [("--samples", SAMPLES), ("--seed", SEED)];
    let size = [("--input-size", "numbers above 0, such as 384x512")];
    let tiles = [size[0], ("--tile-overlap", "a whole number from 0 to 67108864")];
    let predict = [
        ("--first-sample", "a whole number from 0 to 268435455"),
        ("--top", "a whole number from 1 to 4294967295"),
        ("--abstain-above", NATS),
        ("--level", "a number above 0 and below 1"),
        ("--max-pixels", "a whole number from 1 to 1099511627776"),
    ];
    let bench = [
        ("--batch", "a whole number from 1 to 1048576"),
        ("--samples", SAMPLES),
        ("--seconds", "a number between 0 and 86400"),
    ];
    let corrupt = [("--severities", "a whole number from 1 to 5"), ("--seed", SEED)];
    let quantize = [
        ("--moped", POSITIVE),
        ("--calibration-draws", "a whole number from 1 to 65536"),
        ("--percentile", "a number between 50 and 100"),
        ("--activation-bits", "a whole number from 7 to 8"),
        ("--choose-draws", "a whole number from 1 to 256"),
        ("--pool", "a whole number from 4 to 65536"),
    ];
    let choose = [
        ("--draws", "a whole number from 1 to 256"),
        ("--pool", "a whole number from 4 to 65536"),
        ("--pictures", "a whole number from 2 to 65536"),
    ];
    let evaluate = [
        ("--drift-samples", SAMPLES),
        ("--moped", POSITIVE),
        ("--fp32-samples", SAMPLES),
        ("--min-accuracy", SHARE),
        ("--max-nll", NATS),
        ("--max-brier", ANY),
        ("--max-ece", SHARE),
        ("--max-aurc", SHARE),
        ("--min-avu", SHARE),
        ("--min-ood-auroc", SHARE),
        ("--min-ood-mi-auroc", SHARE),
        ("--max-drift-accuracy-loss", EITHER_SIGN),
        ("--max-accuracy-gap", SHARE),
        ("--max-nll-gap", ANY),
        ("--min-spearman-entropy", EITHER_SIGN),
        ("--min-spearman-mi", EITHER_SIGN),
        ("--max-ood-auroc-gap", SHARE),
        ("--max-drift-accuracy-gap", SHARE),
        ("--max-drift-entropy-gap", ANY),
        ("--alpha", "a number above 0 and below 1"),
        ("--raps-lambda", ANY),
        ("--raps-places", "a whole number from 0 to 1000000"),
        ("--max-rmse", ANY),
        ("--max-target-nll", FINITE),
        ("--max-crps", ANY),
        ("--min-coverage", SHARE),
        ("--max-calibration-error", SHARE),
        ("--max-rmse-gap", ANY),
        ("--max-target-nll-gap", ANY),
        ("--max-coverage-gap", SHARE),
        ("--min-average-precision", SHARE),
        ("--min-auroc", SHARE),
        ("--max-log-loss", NATS),
        ("--min-mean-iou", SHARE),
        ("--min-error-auroc", SHARE),
        ("--min-pavpu", SHARE),
        ("--max-mean-iou-gap", SHARE),
        ("--max-error-auroc-gap", SHARE),
        ("--html-pictures", "a whole number from 1 to 1000"),
    ];
    let fixture = Fixture::new(1);
    for (command, options) in [
        ("predict", [&predict[..], &tiles, &machine, &sampling].concat()),
        ("bench", [&bench[..], &size, &machine].concat()),
        ("corrupt", corrupt.to_vec()),
        ("choose", [&choose[..], &machine].concat()),
        ("quantize", [&quantize[..], &machine, &sampling].concat()),
        ("evaluate", [&evaluate[..], &tiles, &machine, &sampling].concat()),
    ] {
        // None is forgotten: each option with such a placeholder takes a number.
        let help = fixture.run(&[command, "--help"]).succeeded().stdout;
        let numbers =
            ["N", "B", "S", "X", "D", "P", "SIZE", "SECONDS", "NATS", "PERCENT", "BITS", "NUMBERS"];
        for line in help.lines().map(str::trim).filter(|line| line.starts_with("--")) {
            let Some((option, value)) = line.split_once(" <") else { continue };
            let is_number = numbers.iter().any(|name| value.strip_suffix('>') == Some(name));
            let listed = options.iter().any(|&(name, _)| name == option);
            assert_eq!(is_number, listed, "{command}: {line}");
        }
        for (option, range) in options {
            let inside = ["--seed", "--first-sample", "--raps-places", "--tile-overlap"];
            let signed = [EITHER_SIGN, FINITE].contains(&range);
            for wrong in
                ["-1", "-2", "0", "-1GiB", "-inf", "inf", "NaN", "", "--json", "many", "2x"]
            {
                let is_right = match wrong {
                    "-1" => signed,
                    "-2" => range == FINITE,
                    "0" => {
                        inside.contains(&option)
                            || [SHARE, EITHER_SIGN, ANY, FINITE, NATS, SIZE].contains(&range)
                            || option == "--seconds"
                    }
                    _ => false,
                };
                if is_right {
                    continue;
                }
                let run = fixture.run(&[command, option, wrong]);
                let complaint = run.stderr.lines().next().unwrap_or_default();
                assert!(complaint.contains(option), "{command} {option} {wrong}: {complaint}");
                assert!(!run.stderr.contains("tip:"), "{}", run.stderr);
                run.misused(&format!("expected {range}"));
            }
        }
    }
}

#[test]
fn inspect_shows_layers_and_evidence() {
    let fixture = Fixture::new(1);
    let text = fixture.run(&["inspect", MODEL]).succeeded().stdout;
    for part in [
        "tiny",
        "8 x 8, 1 channel",
        "circle, square, star",
        "percentile 99.99",
        "12 pictures",
        "features",
        "conv2d",
        "8x8x5",
        "max_pool",
        "classifier",
        "linear",
        "logits",
        "Bayesian",
        "0.000 .. 20.000",
        "-7.500 .. 6.500",
    ] {
        assert!(text.contains(part), "no {part} in {text}");
    }
    let json = fixture.json(&["inspect", MODEL, "--json"]);
    let size = std::fs::metadata(fixture.path(MODEL)).unwrap().len();
    assert_eq!(json["file_bytes"], size);
    let digest = json["model_digest"].as_str().unwrap();
    assert!(digest.starts_with("blake3:") && text.contains(digest), "{digest}");
    assert_eq!(json["parameters"], 45 + 5 + 60 + 3);
    assert_eq!(json["multiply_accumulates"], 64 * 45 + 60);
    assert_eq!(json["nodes"].as_array().unwrap().len(), 3);
    assert_eq!(json["nodes"][0]["weights"], 45);
    // mu, sigma, scale, noise multiplier, bias mu and sigma.
    assert_eq!(json["nodes"][0]["bytes"], 45 + 45 + 5 * (4 + 2 + 4 + 4));
    assert_eq!(json["nodes"][1]["bayesian"], false);
    // Codes 0..=127 under multiplier 60 of standard deviation 31.13 * 60 / 2^15 * code.
    let quantiles = &json["nodes"][0]["sigma_over_step"];
    let at = |key: &str| quantiles[key].as_f64().unwrap();
    assert!(at("q05") <= at("median") && at("median") <= at("q95"), "{quantiles}");
    assert!(at("q95") < 127.0 * 31.2 * 60.0 / 32_768.0 + 0.1, "{quantiles}");

    fixture.run(&["inspect", "missing"]).failed(&["missing"]);
    fixture.run(&["inspect", "."]).failed(&["."]);
}

#[test]
fn bench_json_has_the_documented_keys() {
    let fixture = Fixture::new(1);
    let run = ["bench", MODEL, "--batch", "3", "--samples", "4", "--threads", "1"];
    let json = fixture.json(&[&run[..], &["--seconds", "0.05", "--json"]].concat());
    let expected = [
        "bank_bytes",
        "batch",
        "giga_macs_per_second",
        "image_samples_per_second",
        "isa",
        "kernel",
        "peak_memory_bytes",
        "repeats",
        "samples",
        "sampling_share",
        "seconds",
        "threads",
    ];
    assert_eq!(keys(&json), expected);
    assert_eq!((&json["batch"], &json["samples"]), (&3.into(), &4.into()));
    assert_eq!(json["threads"], 1);
    assert!(json["image_samples_per_second"].as_f64().unwrap() > 0.0);
    let share = json["sampling_share"].as_f64().unwrap();
    assert!(share > 0.0 && share.is_finite(), "{share}");

    // A bank that holds every sample leaves nothing to draw.
    let json =
        fixture.json(&[&run[..], &["--seconds", "0.05", "--bank", "1MiB", "--json"]].concat());
    assert_eq!((&json["bank_bytes"], &json["sampling_share"]), (&(1 << 20).into(), &0.0.into()));
    fixture.run(&[&run[..], &["--bank", "much"]].concat()).misused("--bank");

    let fastest = Isa::available().last().unwrap();
    assert_eq!(json["isa"], fastest.name());
    let text = fixture.run(&[&run[..], &["--seconds", "0", "--isa", "portable"]].concat());
    let text = text.succeeded().stdout;
    assert!(text.contains("image-samples/s") && text.contains("portable"), "{text}");
}

#[test]
fn the_environment_chooses_the_instruction_set() {
    let fixture = Fixture::new(1);
    let run = |isa| {
        fixture.run_with(&["bench", MODEL, "--seconds", "0", "--json"], &[("BAYES8_ISA", isa)])
    };
    let portable = run("portable").succeeded().stdout;
    let json: serde_json::Value = serde_json::from_str(&portable).unwrap();
    assert_eq!(json["isa"], "portable");
    run("mmx").failed(&["error: `mmx` is not an instruction set of bayes8; use one of portable"]);
}

#[test]
fn a_hidden_instruction_set_is_chosen_or_runs_all_the_same() {
    let fixture = Fixture::new(1);
    let run = |hide: &str, isa: &[&str]| {
        let arguments = [&["bench", MODEL, "--seconds", "0", "--json"][..], isa].concat();
        fixture.run_with(&arguments, &[("BAYES8_HIDE", hide)])
    };
    let chosen = |hide: &str| -> Isa {
        let json: serde_json::Value =
            serde_json::from_str(&run(hide, &[]).succeeded().stdout).unwrap();
        json["isa"].as_str().unwrap().parse().unwrap()
    };
    assert_eq!(chosen("avx2,neon"), Isa::Portable, "the others need AVX2 or NEON");
    let basic = [Isa::Portable, Isa::Avx2, Isa::Neon];
    assert!(basic.contains(&chosen("avxvnni,avx512bw,dotprod")));
    assert!(![Isa::Amx, Isa::I8mm].contains(&chosen("amx,i8mm")));

    let hidden = ["BAYES8_HIDE hides amx; it leaves portable"];
    run("avx2", &["--isa", "amx"]).failed(&hidden);
    let environment = [("BAYES8_HIDE", "avx2"), ("BAYES8_ISA", "amx")];
    fixture.picture("x.png", 8, 8);
    fixture.run_with(&["predict", MODEL, "x.png"], &environment).failed(&hidden);

    let names = "it takes avx2, avx512bw, avxvnni, avx512vnni, amx, neon, dotprod, i8mm, separated by commas";
    for (list, name) in
        [("mmx", "`mmx`"), ("amx,portable", "`portable`"), ("amx;avx2", "`amx;avx2`")]
    {
        run(list, &[]).failed(&["BAYES8_HIDE cannot hide", name, names]);
        run(list, &["--isa", "portable"]).failed(&["BAYES8_HIDE cannot hide", name, names]);
    }
}
