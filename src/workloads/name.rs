//! A workload as a person names it: `deployment/web`.

use std::fmt;
use std::str::FromStr;

/// A workload by kind and name, as `deployment/web`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkloadName {
    /// Its kind.
    pub kind: RolledKind,
    /// Its name.
    pub name: String,
}

/// What can be restarted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RolledKind {
    /// `apps/v1` Deployment
    Deployment,
    /// `apps/v1` StatefulSet
    StatefulSet,
    /// `apps/v1` DaemonSet
    DaemonSet,
}

impl RolledKind {
    /// As Kubernetes writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            RolledKind::Deployment => "Deployment",
            RolledKind::StatefulSet => "StatefulSet",
            RolledKind::DaemonSet => "DaemonSet",
        }
    }
}

impl fmt::Display for WorkloadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.as_str().to_lowercase(), self.name)
    }
}

impl FromStr for WorkloadName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, name) = text.split_once('/').unwrap_or(("deployment", text));
        let kind = match kind.to_ascii_lowercase().as_str() {
            "deployment" | "deployments" | "deploy" | "deployment.apps" => RolledKind::Deployment,
            "statefulset" | "statefulsets" | "sts" | "statefulset.apps" => RolledKind::StatefulSet,
            "daemonset" | "daemonsets" | "ds" | "daemonset.apps" => RolledKind::DaemonSet,
            _ => return Err(format!("{kind} is none of deployment, statefulset, daemonset")),
        };
        if name.is_empty() || name.contains('/') {
            return Err("expected KIND/NAME, such as deployment/web".to_owned());
        }
        Ok(WorkloadName { kind, name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workload_is_named_as_kubectl_names_it() {
        let parse = |text: &str| text.parse::<WorkloadName>().map(|name| name.to_string());
        assert_eq!(parse("deployment/web"), Ok("deployment/web".to_owned()));
        assert_eq!(parse("web"), Ok("deployment/web".to_owned()));
        assert_eq!(parse("sts/db"), Ok("statefulset/db".to_owned()));
        assert!(parse("job/x").unwrap_err().contains("none of deployment"));
        assert!(parse("deployment/").is_err());
    }
}
