//! A load that somebody else sends: a command that prints how many requests it has sent and how many have failed.

use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::process::Command;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::locks;
use crate::traffic::pods::now;
use crate::traffic::recording::Sample;

/// Between two questions.
const EVERY: Duration = Duration::from_secs(1);
/// The longest answer.
const LIMIT: Duration = Duration::from_secs(10);

/// Counts by asking, again and again.
pub(super) struct Counter {
    samples: Arc<Mutex<Vec<Sample>>>,
    asking: JoinHandle<()>,
}

impl Drop for Counter {
    fn drop(&mut self) {
        self.asking.abort();
    }
}

impl Counter {
    pub(super) async fn start(command: &str) -> Result<Counter> {
        let mut last = ask(command).await?;
        let samples = Arc::new(Mutex::new(Vec::new()));
        let (into, command) = (Arc::clone(&samples), command.to_owned());
        let asking = tokio::spawn(async move {
            loop {
                tokio::time::sleep(EVERY).await;
                let Ok(next) = ask(&command).await else { continue };
                let (sent, failed) = (next.0.saturating_sub(last.0), next.1.saturating_sub(last.1));
                last = next;
                let at = now() - EVERY.as_secs_f64();
                let error = |number| (number < failed).then(|| "counted".to_owned());
                let new = (0..sent.max(failed).min(100_000)).map(|number| Sample {
                    at,
                    error: error(number),
                    ..Sample::default()
                });
                locks::lock(&into).extend(new);
            }
        });
        Ok(Counter { samples, asking })
    }

    pub(super) fn failed(&self) -> usize {
        let samples = locks::lock(&self.samples);
        samples.iter().filter(|sample| sample.error.is_some()).count()
    }

    pub(super) fn samples(&self) -> Vec<Sample> {
        locks::lock(&self.samples).clone()
    }
}

async fn ask(command: &str) -> Result<(u64, u64)> {
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).stdin(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true);
    let output = timeout(LIMIT, shell.output()).await.context("--counter: no answer in 10 s")?.context("--counter")?;
    if !output.status.success() {
        bail!("--counter: it ended with {}", output.status);
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let mut numbers = text.split_whitespace().map(str::parse::<u64>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(sent)), Some(Ok(failed))) => Ok((sent, failed)),
        _ => bail!("--counter: expected two numbers, all requests and failed ones so far, not {:?}", text.trim()),
    }
}
