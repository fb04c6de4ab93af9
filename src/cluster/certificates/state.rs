//! What is kept in the Secret, and what happens next to it. Nothing here knows a clock or a cluster.
//!
//! A rotation never leaves a moment in which a certificate is shown that is not trusted:
//!
//! 1. *announced*: the next CA is made. Both are trusted, the old one issues.
//! 2. *switched*: once both configurations trust it and the settle time is over, the next CA issues. The old one stays
//!    trusted for as long as any certificate of its making may be shown.
//! 3. *forgotten*: then the old one goes.

use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::serve::certificate::{Authority, AuthorityError, KeyAlgorithm};

/// The most old CAs that are still trusted; no rotation begins beyond it.
const TRUSTED: usize = 8;

/// The common name of every CA.
const NAME: &str = "Draingate CA";

/// Seconds since 1970.
pub(super) type Time = i64;

/// How long things last, and what keys are made.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// The keys of CAs and of serving certificates.
    pub keys: KeyAlgorithm,
    /// A CA's life; a third of it before the end the next one takes over.
    pub ca: Duration,
    /// A serving certificate's life; at two thirds of it the next one is issued.
    pub leaf: Duration,
    /// What it takes until every API server trusts what the configurations say.
    pub settle: Duration,
}

/// The Secret's content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct State {
    pub(super) current: Kept,
    /// Trusted already, not issuing yet.
    pub(super) next: Option<Kept>,
    /// Trusted still.
    pub(super) previous: Vec<Previous>,
    /// The value of the annotation that asked for a rotation last.
    pub(super) asked: Option<String>,
}

/// A CA with its key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Kept {
    pub(super) certificate: String,
    key: String,
    /// When it was made known.
    pub(super) announced: Time,
}

impl std::fmt::Debug for Kept {
    // By hand, so that no key can ever be in it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kept").field("announced", &self.announced).finish_non_exhaustive()
    }
}

impl Kept {
    fn make(now: Time, terms: &Terms) -> Result<Kept, AuthorityError> {
        Ok(Kept::of(Authority::generate(NAME, terms.keys, at(now), terms.ca)?, now))
    }

    fn next(&self, now: Time, terms: &Terms) -> Result<Kept, AuthorityError> {
        match self.authority() {
            Ok(authority) => Ok(Kept::of(authority.next(NAME, terms.keys, at(now), terms.ca)?, now)),
            Err(_) => Kept::make(now, terms),
        }
    }

    fn of(made: Authority, now: Time) -> Kept {
        Kept { key: made.key_pem(), certificate: made.certificate_pem, announced: now }
    }

    pub(super) fn authority(&self) -> Result<Authority, AuthorityError> {
        Authority::from_pem(&self.certificate, &self.key)
    }
}

/// A CA that issues no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Previous {
    pub(super) certificate: String,
    /// Until when a certificate of its making may be shown.
    pub(super) until: Time,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A next CA is to be made.
    Announce,
    /// The next CA takes over.
    Switch,
    /// The announcement's time is ahead of this clock, which cannot be: it counts from now.
    Restamp,
    /// Old CAs are not needed any more.
    Forget,
}

fn at(time: Time) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(time).unwrap_or(0))
}

pub(super) fn seconds(duration: Duration) -> Time {
    Time::try_from(duration.as_secs()).unwrap_or(Time::MAX)
}

impl State {
    /// The first CA; `trusted` is what the configurations trusted until now, and what others may still show.
    pub(super) fn first(trusted: Vec<String>, now: Time, terms: &Terms) -> Result<State, AuthorityError> {
        let until = now.saturating_add(seconds(terms.leaf));
        let previous = trusted.into_iter().take(TRUSTED).map(|certificate| Previous { certificate, until }).collect();
        Ok(State { current: Kept::make(now, terms)?, next: None, previous, asked: None })
    }

    /// Reads the Secret's content.
    ///
    /// # Errors
    /// What is wrong with it; never any of its text.
    pub(super) fn read(bytes: &[u8]) -> Result<State, String> {
        let state: State =
            serde_json::from_slice(bytes).map_err(|error| format!("no state at byte {}", error.column()))?;
        for kept in [Some(&state.current), state.next.as_ref()].into_iter().flatten() {
            kept.authority().map_err(|error| error.to_string())?;
        }
        if !state.previous.iter().all(|one| is_certificate(&one.certificate)) {
            return Err("a previous CA is no certificate".to_owned());
        }
        Ok(state)
    }

    /// Everything that is to be trusted, as PEM: the issuing CA first.
    pub(super) fn bundle(&self) -> String {
        let issuing = [Some(&self.current), self.next.as_ref()].into_iter().flatten().map(|kept| &kept.certificate);
        let mut certificates: Vec<&String> = Vec::new();
        for certificate in issuing.chain(self.previous.iter().map(|one| &one.certificate)) {
            if !certificates.contains(&certificate) {
                certificates.push(certificate);
            }
        }
        certificates.into_iter().map(String::as_str).collect()
    }

    /// What is to be done now. `trusted`: both configurations trust the whole bundle. `asked`: the value of the
    /// annotation that asks for a rotation.
    pub(super) fn step(&self, now: Time, trusted: bool, asked: Option<&str>, terms: &Terms) -> Option<Step> {
        let settle = seconds(terms.settle);
        if let Some(next) = &self.next {
            return match now.saturating_sub(next.announced) {
                // Two clocks may differ a little; a settle time is the most that is waited for.
                ..0 if next.announced > now.saturating_add(settle) => Some(Step::Restamp),
                passed if trusted && passed >= settle => Some(Step::Switch),
                _ => None,
            };
        }
        let due = match self.current.authority() {
            Ok(authority) => {
                let ends = now >= authority.validity.not_after.saturating_sub(seconds(terms.ca) / 3);
                ends || authority.keys() != Some(terms.keys)
            }
            Err(_) => true,
        };
        let wanted = asked.is_some_and(|asked| self.asked.as_deref() != Some(asked));
        if (due || wanted) && self.previous.len() < TRUSTED {
            Some(Step::Announce)
        } else if self.previous.iter().any(|one| one.until < now) {
            Some(Step::Forget)
        } else {
            None
        }
    }

    /// Takes a step.
    pub(super) fn take(
        &self,
        step: Step,
        now: Time,
        asked: Option<&str>,
        terms: &Terms,
    ) -> Result<State, AuthorityError> {
        let mut state = self.clone();
        match step {
            Step::Announce => {
                state.next = Some(state.current.next(now, terms)?);
                state.asked = asked.map(str::to_owned);
            }
            Step::Switch => {
                if let Some(next) = state.next.take() {
                    let old = std::mem::replace(&mut state.current, next);
                    // Replicas take the new CA a moment after it was written.
                    let until = now.saturating_add(seconds(terms.leaf)).saturating_add(seconds(terms.settle));
                    state.previous.insert(0, Previous { certificate: old.certificate, until });
                }
            }
            Step::Restamp => {
                if let Some(next) = &mut state.next {
                    next.announced = now;
                }
            }
            Step::Forget => state.previous.retain(|one| one.until >= now),
        }
        Ok(state)
    }
}

/// The certificates of a bundle, each as PEM of its own; what is none is left out.
pub(super) fn certificates(bundle: &[u8]) -> Vec<String> {
    use rustls::pki_types::{CertificateDer, pem::PemObject};
    let found = CertificateDer::pem_slice_iter(bundle).filter_map(Result::ok);
    let wrapped = found.map(|der| {
        let text = STANDARD.encode(&der);
        let lines: Vec<&str> = text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
    });
    wrapped.filter(|pem| is_certificate(pem)).collect()
}

fn is_certificate(pem: &str) -> bool {
    x509_parser::pem::parse_x509_pem(pem.as_bytes()).is_ok_and(|(_, pem)| pem.parse_x509().is_ok())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const DAY: Time = 24 * 60 * 60;
    const TERMS: Terms = Terms {
        keys: KeyAlgorithm::EcdsaP256,
        ca: Duration::from_secs(300 * DAY as u64),
        leaf: Duration::from_secs(7 * DAY as u64),
        settle: Duration::from_secs(60),
    };

    fn now() -> Time {
        SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() as Time
    }

    /// Steps until nothing more is to be done at `now`.
    fn settle(state: &State, now: Time, asked: Option<&str>) -> State {
        let mut state = state.clone();
        while let Some(step) = state.step(now, true, asked, &TERMS) {
            state = state.take(step, now, asked, &TERMS).unwrap();
        }
        state
    }

    #[test]
    fn a_rotation_trusts_both_until_the_old_one_is_shown_by_nobody() {
        let start = now();
        let first = State::first(Vec::new(), start, &TERMS).unwrap();
        assert_eq!(first.step(start + 199 * DAY, true, None, &TERMS), None);
        let due = start + 200 * DAY + 1;
        let announced = settle(&first, due, None);
        assert_eq!(announced.current, first.current);
        let next = announced.next.clone().unwrap();
        assert_eq!(announced.bundle(), format!("{}{}", first.current.certificate, next.certificate));

        // Not before the settle time, and not before the configurations trust it.
        assert_eq!(announced.step(due + 59, true, None, &TERMS), None);
        assert_eq!(announced.step(due + 60, false, None, &TERMS), None);
        let switched = settle(&announced, due + 60, None);
        assert_eq!(switched.current, next);
        assert!(switched.bundle().contains(&first.current.certificate));

        // What it issued last lives a leaf's life.
        let last = due + 60 + 7 * DAY;
        assert!(settle(&switched, last, None).bundle().contains(&first.current.certificate));
        assert_eq!(settle(&switched, last + 61, None).bundle(), next.certificate);
    }

    #[test]
    fn a_rotation_can_be_asked_for_once_by_each_value() {
        let start = now();
        let mut state = State::first(Vec::new(), start, &TERMS).unwrap();
        for turn in 0..3 {
            let (asked, at) = (turn.to_string(), start + 100 * turn);
            let before = state.current.certificate.clone();
            state = settle(&settle(&state, at, Some(&asked)), at + 60, Some(&asked));
            assert_ne!(state.current.certificate, before);
            assert_eq!(state.step(at + 61, true, Some(&asked), &TERMS), None);
        }
        assert_eq!(state.previous.len(), 3);
    }

    #[test]
    fn another_kind_of_key_is_a_rotation() {
        let start = now();
        let first = State::first(Vec::new(), start, &TERMS).unwrap();
        let rsa = Terms { keys: KeyAlgorithm::Rsa2048, ..TERMS };
        assert_eq!(first.step(start, true, None, &TERMS), None);
        assert_eq!(first.step(start, true, None, &rsa), Some(Step::Announce));
        let announced = first.take(Step::Announce, start, None, &rsa).unwrap();
        let switched = announced.take(Step::Switch, start + 60, None, &rsa).unwrap();
        assert_eq!(switched.step(start + 60, true, None, &rsa), None);
        let authority = switched.current.authority().unwrap();
        assert_eq!(authority.keys(), Some(KeyAlgorithm::Rsa2048));
        // Signed by the one kind, with a key of the other.
        for keys in [KeyAlgorithm::Rsa2048, KeyAlgorithm::EcdsaP384] {
            authority.issue("a.b.svc", &["a.b.svc".to_owned()], keys, at(start), TERMS.leaf).unwrap();
        }
        assert!(switched.bundle().contains(&first.current.certificate));
    }

    #[test]
    fn what_is_trusted_stays_bounded() {
        let start = now();
        let mut state = State::first(Vec::new(), start, &TERMS).unwrap();
        for turn in 0..20 {
            let asked = turn.to_string();
            state = settle(&settle(&state, start + 100 * turn, Some(&asked)), start + 100 * turn + 60, Some(&asked));
        }
        assert_eq!(state.previous.len(), TRUSTED);
    }

    #[test]
    fn a_clock_that_was_ahead_holds_a_rotation_up_for_no_longer_than_the_settle_time() {
        let start = now();
        let first = State::first(Vec::new(), start, &TERMS).unwrap();
        let ahead = first.take(Step::Announce, start + 10 * DAY, None, &TERMS).unwrap();
        assert_eq!(ahead.step(start, true, None, &TERMS), Some(Step::Restamp));
        let restamped = settle(&ahead, start, None);
        assert_eq!(restamped.step(start + 60, true, None, &TERMS), Some(Step::Switch));
    }

    #[test]
    fn a_clock_that_jumps_makes_nothing_that_is_not_valid() {
        const HOUR: Time = 60 * 60;
        let start = now();
        for jump in [HOUR, 30 * HOUR, 8 * DAY, 210 * DAY, 800 * DAY, -HOUR, -30 * HOUR, -6 * DAY] {
            let mut state = State::first(Vec::new(), start, &TERMS).unwrap();
            let valid = |state: &State, at_clock: Time, really: Time| {
                let authority = state.current.authority().unwrap();
                let leaf = authority.issue("a", &["a.b.svc".to_owned()], TERMS.keys, at(at_clock), TERMS.leaf).unwrap();
                assert!(authority.validity.contains(at(really)), "the CA, {jump}");
                assert!(leaf.validity().contains(at(really)), "the serving certificate, {jump}");
                assert!(leaf.validity().contains(at(at_clock)), "by its own clock, {jump}");
                assert!(state.bundle().contains(&state.current.certificate));
            };
            // Rotations that the jump makes due, or that are asked for meanwhile.
            for (passed, asked) in [(0, None), (61, None), (122, Some("x")), (183, Some("x"))] {
                state = settle(&state, start + jump + passed, asked);
                valid(&state, start + jump + passed, start + passed);
            }
            // The clock is right again, in the middle of a rotation.
            state = settle(&state, start + jump + 200, Some("y"));
            let before = state.current.certificate.clone();
            for passed in [201, 262, 323] {
                state = settle(&state, start + passed, Some("y"));
                valid(&state, start + passed, start + passed);
            }
            assert_ne!(state.current.certificate, before, "the rotation goes on, {jump}");
        }
    }

    #[test]
    fn it_is_read_back_and_damage_is_found() {
        let state = State::first(Vec::new(), now(), &TERMS).unwrap();
        let text = serde_json::to_string(&state).unwrap();
        assert_eq!(State::read(text.as_bytes()), Ok(state.clone()));
        assert!(!format!("{state:?}").contains("PRIVATE"));
        let other = State::first(Vec::new(), now(), &TERMS).unwrap();
        let mixed =
            State { current: Kept { key: other.current.key.clone(), ..state.current.clone() }, ..state.clone() };
        let no_certificate = Previous { certificate: "-".into(), until: 0 };
        let broken = State { previous: vec![no_certificate], ..state };
        for text in [
            text.replacen("BEGIN", "BEGAN", 1),
            serde_json::to_string(&mixed).unwrap(),
            serde_json::to_string(&broken).unwrap(),
            String::new(),
            "{}".into(),
        ] {
            let error = State::read(text.as_bytes()).unwrap_err();
            assert!(!error.contains("MII") && !error.contains("PRIVATE"), "{error}");
        }
    }

    #[test]
    fn what_others_still_show_stays_trusted_by_a_first_state() {
        let old = State::first(Vec::new(), now(), &TERMS).unwrap();
        let bundle = format!("{}not a certificate\n", old.bundle());
        let state = State::first(certificates(bundle.as_bytes()), now(), &TERMS).unwrap();
        assert_eq!(certificates(state.bundle().as_bytes()).len(), 2);
        assert!(
            state.bundle().contains(old.current.certificate.trim()) || certificates(old.bundle().as_bytes()).len() == 1
        );
    }
}
