//! Calm colours in a light and a dark set.

use crate::report::timeline::{Segment, What};

/// Everything that has a colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Colour {
    Paper,
    Text,
    Muted,
    Ink,
    Grid,
    Stripe,
    Good,
    Bad,
    Traffic,
    Hook,
    Injected,
    Danger,
    Serving,
    Request,
    Stop,
    Margin,
    Cut,
}

impl Colour {
    pub(crate) const ALL: [Colour; 17] = [
        Colour::Paper,
        Colour::Text,
        Colour::Muted,
        Colour::Ink,
        Colour::Grid,
        Colour::Stripe,
        Colour::Good,
        Colour::Bad,
        Colour::Traffic,
        Colour::Hook,
        Colour::Injected,
        Colour::Danger,
        Colour::Serving,
        Colour::Request,
        Colour::Stop,
        Colour::Margin,
        Colour::Cut,
    ];

    pub(crate) fn of(segment: &Segment) -> Colour {
        match segment.what {
            _ if segment.cut => Colour::Cut,
            What::Traffic => Colour::Traffic,
            What::Hook if segment.is_injected() => Colour::Injected,
            What::Hook => Colour::Hook,
            What::Refusing | What::Leaving => Colour::Danger,
            What::Serving => Colour::Serving,
            What::Request => Colour::Request,
            What::Stop => Colour::Stop,
            What::Margin => Colour::Margin,
        }
    }

    /// The class that a style sheet knows it by.
    pub(crate) fn class(self) -> &'static str {
        self.parts().0
    }

    pub(crate) fn light(self) -> &'static str {
        self.parts().1
    }

    pub(crate) fn dark(self) -> &'static str {
        self.parts().2
    }

    /// The strokes over a fill that must not be taken for one that is well.
    pub(crate) fn hatch(self) -> Option<&'static str> {
        match self {
            Colour::Cut => Some("cut"),
            Colour::Danger => Some("danger"),
            _ => None,
        }
    }

    fn parts(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Colour::Paper => ("dg-paper", "#ffffff", "#0d1117"),
            Colour::Text => ("dg-text", "#1f2328", "#e6edf3"),
            Colour::Muted => ("dg-muted", "#59636e", "#9da7b3"),
            Colour::Ink => ("dg-ink", "#1f2328", "#f0f6fc"),
            Colour::Grid => ("dg-grid", "#dde2e8", "#2b323c"),
            Colour::Stripe => ("dg-stripe", "#f6f8fa", "#151b23"),
            Colour::Good => ("dg-good", "#1a7f37", "#3fb950"),
            Colour::Bad => ("dg-bad", "#b42318", "#ff8c82"),
            Colour::Traffic => ("dg-traffic", "#cbd5e0", "#414b58"),
            Colour::Hook => ("dg-hook", "#a9cbf5", "#1f4f86"),
            Colour::Injected => ("dg-injected", "#8fd8c6", "#146556"),
            Colour::Danger => ("dg-danger", "#fbd5cf", "#5a2722"),
            Colour::Serving => ("dg-serving", "#e3e8ee", "#2d3642"),
            Colour::Request => ("dg-request", "#c9bdf3", "#4b3f8a"),
            Colour::Stop => ("dg-stop", "#f3d193", "#6e4d12"),
            Colour::Margin => ("dg-margin", "#d3ecd3", "#23472c"),
            Colour::Cut => ("dg-cut", "#fff1ef", "#2a1414"),
        }
    }
}
