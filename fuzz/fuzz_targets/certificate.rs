//! Any bytes as the files of a certificate and its key: taken or refused.
#![no_main]

use draingate::metrics::Metrics;
use draingate::serve::certificate::FileCertificate;
use draingate::serve::certificate::authority::Authority;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|files: (&[u8], &[u8])| {
    let folder = std::env::temp_dir().join(format!("draingate-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (certificate, key) = (folder.join("crt"), folder.join("key"));
    std::fs::write(&certificate, files.0).unwrap();
    std::fs::write(&key, files.1).unwrap();
    let _ = FileCertificate::load(certificate, key, Metrics::new());
    if let (Ok(certificate), Ok(key)) = (std::str::from_utf8(files.0), std::str::from_utf8(files.1)) {
        let _ = Authority::from_pem(certificate, key);
    }
});
