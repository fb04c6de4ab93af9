//! Any bytes as the files of a certificate and its key: taken or refused.
#![no_main]

use draingate::metrics::Metrics;
use draingate::serve::certificate::FileCertificate;
use draingate::serve::certificate::Authority;
use libfuzzer_sys::fuzz_target;

/// What stands between the two files.
const BETWEEN: &str = "\n====\n";

fuzz_target!(|bytes: &[u8]| {
    let at = bytes.windows(BETWEEN.len()).position(|window| window == BETWEEN.as_bytes());
    let (chain, pair_key) = at.map_or((bytes, bytes), |at| (&bytes[..at], &bytes[at + BETWEEN.len()..]));
    let folder = std::env::temp_dir().join(format!("draingate-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (certificate, key) = (folder.join("crt"), folder.join("key"));
    std::fs::write(&certificate, chain).unwrap();
    std::fs::write(&key, pair_key).unwrap();
    let _ = FileCertificate::load(certificate, key, Metrics::new());
    if let (Ok(certificate), Ok(key)) = (std::str::from_utf8(chain), std::str::from_utf8(pair_key)) {
        let _ = Authority::from_pem(certificate, key);
    }
});
